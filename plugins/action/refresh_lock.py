# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep a second refresh out while this run of ansible-playbook lives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.plugin_utils import _refresh_lock
from ansible_collections.airgap.conda.plugins.plugin_utils._paths import of_caller


class ActionModule(ActionBase):
    """Controller side of airgap.conda.refresh_lock; it has no other side."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the lock of every depot for the process that runs the playbook."""
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec({"depots": {"type": "list", "elements": "path", "required": True}})
        # Each task runs in a child of the process that lives for the whole run.
        me = _refresh_lock.holder(os.getppid())
        try:
            for depot in dict.fromkeys(args["depots"]):
                _refresh_lock.take(Path(of_caller(depot)), me, self._task.check_mode)
        except AirgapError as error:
            return {"failed": True, "msg": str(error), **error.as_result()}
        return {"changed": False, "pid": me.pid}
