# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes in what airgap.conda.preflight answers; brings the runtime that it runs on, where that is wanted and not there.

Mostly it is there. So the module is run by it at once, which one command on the host is enough for: where the answer
says that this runtime is current, it is the one that is wanted, and its Python started. Whatever else happens, also if
there is no answer for as long as a Python has to start, the host is looked at by sh, as one that may have no Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.handed import each
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._first.look import START_LIMIT
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap, _runtime
from ansible_collections.airgap.conda.plugins.plugin_utils._accept import accept, documented
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import PYTHON, AnswerAction, host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import within
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import ROOT


class ActionModule(AnswerAction):
    """Controller side of airgap.conda.preflight."""

    # The Python of the first try.
    _trying = ""

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the module answered; first bring the runtime, if the task asks for it."""
        if not self._is_set("bring_runtime"):
            return super().work(task_vars)
        host, root = host_of(task_vars), str(self._task.args.get("root") or ROOT)
        releases = each(Release.from_dict, self._task.args.get("releases") or [], "releases of airgap.conda.preflight")
        release = next((one for one in releases if one.env == RUNTIME), None)
        if release is None:
            raise AirgapError(
                "There is no runtime among the releases to bring",
                code="runtime-missing",
                wanted=f"a release of {RUNTIME} in releases",
                found=", ".join(str(one) for one in releases) or "none",
                where="airgap.conda.preflight",
                remedy=f"name {RUNTIME} among the environments that airgap.conda.depot_info verifies",
            )
        python = _bootstrap.python_of(root, release.id)
        found = self._tried(python, task_vars or {}, host)
        if _has_current(found, release):
            return {**found, "interpreter": python}
        if self._connection._shell.tmpdir:  # a module that was sent as a file
            self._remove_tmp_path(None)
        brought = _runtime.bring(self, release, root, self._is_set("allow_downgrade"), host, self._task.check_mode)
        interpreter = brought["interpreter"]
        if not interpreter:  # it would be brought, and nothing can be looked at without it
            return {**brought, "work": False, "steps": []}
        found = super().work({**(task_vars or {}), PYTHON: interpreter})
        return _both(brought, {**found, "interpreter": interpreter})

    def _is_set(self, option: str) -> bool:
        return boolean(self._task.args.get(option, False), strict=False)

    def _tried(self, python: str, task_vars: dict[str, Any], host: str) -> dict[str, Any]:
        """Run the module by the Python that may be there; an empty answer where nothing came of it."""
        self._trying = python
        try:
            found = self.answer({**task_vars, PYTHON: python})
        except AnsibleConnectionFailure:
            raise
        except (AnsibleError, AirgapError):
            return {}
        finally:
            self._trying = ""
        return accept(found, documented("preflight"), "preflight", host)

    def _low_level_execute_command(self, cmd: str, *args: Any, **more: Any) -> dict[str, Any]:
        if self._trying and self._trying in cmd:
            cmd = within(cmd, START_LIMIT, fed=bool(more.get("in_data")))
        return dict(super()._low_level_execute_command(cmd, *args, **more))


def _has_current(found: Mapping[str, Any], release: Release) -> bool:
    """Tell whether an answer says that ``release`` of the runtime is current, and is no failure."""
    steps = found.get("steps")
    if found.get("failed") or not isinstance(steps, list):
        return False
    wanted = {"env": release.env, "id": release.id, "current": release.id}
    return any(isinstance(step, Mapping) and wanted.items() <= step.items() for step in steps)


def _both(brought: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a task that brought the runtime and then looked."""
    warnings = [*brought.get("warnings", ()), *found.get("warnings", ())]
    changed = brought["changed"] or bool(found.get("changed"))
    return {**found, "changed": changed, "diff": brought["diff"], **({"warnings": warnings} if warnings else {})}
