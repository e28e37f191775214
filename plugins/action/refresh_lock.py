# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep a second refresh out while this run of ansible-playbook lives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.plugin_utils import _refresh_lock
from ansible_collections.airgap.conda.plugins.plugin_utils._controller_action import ControllerAction
from ansible_collections.airgap.conda.plugins.plugin_utils._paths import of_caller


class ActionModule(ControllerAction):
    """Controller side of airgap.conda.refresh_lock; it has no other side."""

    ARGUMENTS: Mapping[str, Any] = {"depots": {"type": "list", "elements": "path", "required": True}}

    def step(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Take the lock of every depot for the process that runs the playbook."""
        # Each task runs in a child of the process that lives for the whole run.
        me = _refresh_lock.holder(os.getppid())
        for depot in dict.fromkeys(options["depots"]):
            _refresh_lock.take(Path(of_caller(depot)), me, self._task.check_mode)
        return {"changed": False, "pid": me.pid}
