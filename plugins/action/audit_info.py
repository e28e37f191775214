# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes in what airgap.conda.audit_info answers."""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import AnswerAction


class ActionModule(AnswerAction):
    """Controller side of airgap.conda.audit_info."""
