# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action that shows how far its module is, as the module itself can say nothing before it ends."""

from __future__ import annotations

import shlex
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.airgap.conda.plugins.plugin_utils._progress import shown


class ProgressAction(ActionBase):
    """Runs the module of the task's name with a file for its progress, and shows what stands in it."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module returns."""
        result = super().run(tmp, task_vars)
        host = str((task_vars or {}).get("inventory_hostname", "this host"))
        folder = self._make_tmp_path()
        args = {"progress": f"{folder}/progress", **self._task.args}
        try:
            with shown(lambda: self._read(args["progress"]), lambda text: Display().display(f"{host}: {text}")):
                done = self._execute_module(module_name=self._task.action, module_args=args, task_vars=task_vars)
        finally:
            self._remove_tmp_path(folder)
        result.update(done)
        return result

    def _read(self, path: str) -> str:
        # No privileges: the prompts of become belong to the module that runs on this connection meanwhile.
        _status, out, _err = self._connection.exec_command(f"cat {shlex.quote(path)}", in_data=None, sudoable=False)
        return str(out, "utf-8", "replace").strip()
