# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fail when a refresh is not complete, with all that is not right."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import module_loader

from ansible_collections.airgap.conda.plugins.plugin_utils._places import Places
from ansible_collections.airgap.conda.plugins.plugin_utils._refresh import ending
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions

# What sends a mail.
MAIL = "community.general.mail"


class ActionModule(ActionBase):
    """Controller side of airgap.conda.refresh_outcome; it has no other side."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at what was registered on every place of this refresh."""
        super().run(tmp, task_vars)
        self.validate_argument_spec({})
        options = RunOptions.of_this_run()
        if options.leave_out(self._task.tags):
            return {"changed": False, "skipped": True, "msg": "left out by tags"}
        error = ending(Places(task_vars or {}, self._templar.template), options)
        if not error:
            return {"changed": False}
        # Ansible reads no file that names a module of a collection that is not there: whoever includes one has to know.
        wanted = bool((task_vars or {}).get("refresh_notify_mail_to"))
        can_mail = wanted and bool(module_loader.find_plugin(MAIL))
        return {"changed": False, "failed": True, "can_mail": can_mail, **error.as_result()}
