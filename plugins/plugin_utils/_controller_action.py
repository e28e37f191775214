# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A step of the controller, done by the process of ansible-playbook itself.

A task that is delegated to localhost goes where the inventory says that localhost is, as the user and with the Python
that it says. What runs here has no connection that anything could turn elsewhere, and cannot be unreachable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Several


class ControllerAction(ActionBase):
    """Does ``step`` with the options that ``ARGUMENTS`` describes; a module of its name has the documentation.

    ``known`` are the variables of the task.
    """

    ARGUMENTS: Mapping[str, Any] = {}
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what ``step`` returns, or a failure that says that it was on the controller."""
        super().run(tmp, task_vars)
        self.known = task_vars or {}
        _result, options = self.validate_argument_spec(self.ARGUMENTS)
        try:
            with on_the_controller():
                return self.step(options)
        except AirgapError as error:
            return {"failed": True, **error.as_result()}

    def step(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Do it; raises AirgapError."""
        raise NotImplementedError


@contextmanager
def on_the_controller() -> Iterator[None]:
    """Have a failure of the block say that it was on the controller."""
    try:
        with os_errors("A step of this task", Path.cwd()):
            yield
    except AirgapError as error:
        told = error.in_one_line() if isinstance(error, Several) else error
        told.where += " on the controller"
        raise told from None
