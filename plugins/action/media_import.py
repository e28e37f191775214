# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shows how far airgap.conda.media_import is, and takes in what it answers."""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.plugin_utils._progress_action import ProgressAction


class ActionModule(ProgressAction):
    """Controller side of airgap.conda.media_import."""
