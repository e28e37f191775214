# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep what failed in a block whose run goes on."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.airgap.conda.plugins.plugin_utils._notes import note


class ActionModule(ActionBase):
    """Controller side of airgap.conda.note; it has no other side."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take in the result of the task that failed; it is no option, since Ansible refuses there what is no text."""
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec(
            {
                "about": {"type": "dict"},
                "notes": {"type": "list", "elements": "dict", "default": []},
                "failed": {"type": "bool", "default": True},
            }
        )
        if not args["failed"]:
            return {"changed": False, "notes": [*args["notes"], args["about"] or {}]}
        return note((task_vars or {}).get("ansible_failed_result"), args["about"], args["notes"])
