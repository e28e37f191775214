# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action that runs the module of its name, and takes in what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap
from ansible_collections.airgap.conda.plugins.plugin_utils._accept import accept, documented
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import ROOT, HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._paths import of_caller

PYTHON = "ansible_python_interpreter"
# Value of that variable with which a module runs with the Python that the host has from us.
OURS = "that of this collection"


class AnswerAction(HostAction):
    """Controller side of a module whose work is all on the host.

    This is the one place that finds out which Python a host has from us.
    """

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the module answered, as far as it is documented and within the bounds."""
        name = _name(self)
        known = self._with_python(task_vars or {})
        return accept(self.answer(known), documented(name), name, host_of(known))

    def _with_python(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the variables with the path of our Python in the place of ``OURS``; raises AirgapError."""
        if task_vars.get(PYTHON) != OURS:
            return task_vars
        host, root = host_of(task_vars), str(self._task.args.get("root") or ROOT)
        return {**task_vars, PYTHON: _bootstrap.require_runtime(self.look(root, host), host)["interpreter"]}

    def answer(self, task_vars: dict[str, Any] | None) -> Mapping[str, Any]:
        """Run the module; returns what came back."""
        return dict(self._execute_module(module_args=self.arguments(), task_vars=task_vars))

    def on_host(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Run the module with other options than the task's; return what is documented of what it answers."""
        name = _name(self)
        known = self._with_python(self.known)
        answer = dict(self._execute_module(module_args=dict(args), task_vars=known))
        return accept(answer, documented(name), name, host_of(known))

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
