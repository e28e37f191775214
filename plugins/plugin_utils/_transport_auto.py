# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transport: the one that fits what there is to send, and to how many hosts.

Swarm for many hosts that want much (``_swarms`` decides that once for all of them), http where the depot has a URL, and
push for all else, also for what did not arrive by the others.
"""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.plugin_utils._swarms import AUTO
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_swarm import Swarmed


class Auto(Swarmed):
    """Takes part in a swarm where ``_swarms`` finds that it pays, and else has no need to choose."""

    name = AUTO
