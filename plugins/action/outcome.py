# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fail for a host of which this run does not show that it is right."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._outcomes import WORKS, outcome
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions


class ActionModule(ActionBase):
    """Controller side of airgap.conda.outcome; it has no other side."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at what was registered for the host."""
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec({"work": {"type": "str", "required": True, "choices": list(WORKS)}})
        options = RunOptions.of_this_run()
        if options.leave_out(self._task.tags):
            return {"changed": False, "skipped": True, "msg": "left out by tags"}
        host, hostvars = host_of(task_vars), (task_vars or {})["hostvars"]
        error, _tried = outcome(host, hostvars[host], hostvars, args["work"], options)
        if error:
            return {"failed": True, "changed": False, **error.as_result()}
        return {"changed": False}
