# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the runtime to a host, or find the one that it has."""

from __future__ import annotations

from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap, _runtime
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import ROOT, HostAction


class ActionModule(HostAction):
    """Controller side of airgap.conda.runtime."""

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Look; install the release that is wanted, if one is, when it is not current; return the interpreter."""
        _result, args = self.validate_argument_spec(
            {
                "release": {"type": "dict"},
                "root": {"type": "path", "default": ROOT},
                "allow_downgrade": {"type": "bool", "default": False},
            }
        )
        host = host_of(task_vars)
        seen = self.look(args["root"], host)
        if args["release"] is None:
            return {"changed": False, **_bootstrap.require_runtime(seen, host)}
        release = Release.from_dict(args["release"], "release of airgap.conda.runtime")
        return _runtime.bring(self, seen, release, args["allow_downgrade"], host, self._task.check_mode)
