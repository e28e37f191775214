# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action that shows how far its module is, as the module itself can say nothing before it ends."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ansible.utils.display import Display

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import AnswerAction, host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._progress import shown

# Seconds that the file is read for.
READ_LIMIT = 10


class ProgressAction(AnswerAction):
    """Runs the module of the task's name with a file for its progress, and shows what that file says."""

    def answer(self, task_vars: dict[str, Any] | None) -> Mapping[str, Any]:
        """Run the module; returns what came back."""
        host = host_of(task_vars)
        try:
            folder = self._make_tmp_path()
        except AirgapError:  # nothing but the showing needs it, unless Ansible puts modules there, which then fails
            return super().answer(task_vars)
        args = {"progress": f"{folder}/progress", **self.arguments()}
        try:
            with shown(lambda: self._read(args["progress"]), lambda text: Display().display(f"{host}: {text}")):
                return dict(self._execute_module(module_args=args, task_vars=task_vars))
        finally:
            self._remove_tmp_path(folder)

    def _read(self, path: str) -> str:
        # No privileges: the prompts of become belong to the module that runs on this connection meanwhile.
        script = f'say said "$(cat {shlex.quote(path)} 2>/dev/null)"'
        return clean(self.ask(script, "said", READ_LIMIT, sudoable=False).first().get("said", ""))
