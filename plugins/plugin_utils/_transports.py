# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The transports: a line for each.

A new transport is a file next to this one, a line in ``TRANSPORTS``, and a test.
"""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.plugin_utils._transport import Transport
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_auto import Auto
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_http import Http
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_push import Push
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_swarm import Swarmed

TRANSPORTS: dict[str, Transport] = {made.name: made for made in (Auto(), Http(), Push(), Swarmed())}
