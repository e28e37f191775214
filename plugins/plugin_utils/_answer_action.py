# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action that runs the module of its name, and takes in what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.plugin_utils._accept import accept, documented
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._paths import of_caller


class AnswerAction(HostAction):
    """Controller side of a module whose work is all on the host."""

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the module answered, as far as it is documented and within the bounds."""
        name = _name(self)
        return accept(self.answer(task_vars), documented(name), name, host_of(task_vars))

    def answer(self, task_vars: dict[str, Any] | None) -> Mapping[str, Any]:
        """Run the module; returns what came back."""
        return dict(self._execute_module(module_args=self.arguments(), task_vars=task_vars))

    def arguments(self) -> dict[str, Any]:
        """Return the options of the task; on the controller, a relative path is one from the caller's folder."""
        args = dict(self._task.args)
        if self._connection.transport == "local":
            for name, option in documented(_name(self), "DOCUMENTATION").get("options", {}).items():
                if option.get("type") == "path" and isinstance(args.get(name), str) and args[name]:
                    args[name] = of_caller(args[name])
        return args


def _name(action: HostAction) -> str:
    return type(action).__module__.rpartition(".")[2]


def host_of(task_vars: Mapping[str, Any] | None) -> str:
    """Return the name of the host that a task is for."""
    return str((task_vars or {}).get("inventory_hostname", "this host"))
