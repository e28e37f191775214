# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action that runs the module of its name, and takes in what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.plugin_utils._accept import accept, documented
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction


class AnswerAction(HostAction):
    """Controller side of a module whose work is all on the host."""

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the module answered, as far as it is documented and within the bounds."""
        name = type(self).__module__.rpartition(".")[2]
        return accept(self.answer(task_vars), documented(name), name, host_of(task_vars))

    def answer(self, task_vars: dict[str, Any] | None) -> Mapping[str, Any]:
        """Run the module; returns what came back."""
        return dict(self._execute_module(task_vars=task_vars))


def host_of(task_vars: Mapping[str, Any] | None) -> str:
    """Return the name of the host that a task is for."""
    return str((task_vars or {}).get("inventory_hostname", "this host"))
