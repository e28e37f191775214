# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes in what airgap.conda.preflight answers; brings the runtime that it runs on, where that is wanted and not there.

Mostly there is nothing to do. So the first command to a host looks whether it has the wanted runtime and the wanted
``airgap-envs``, and has that answer: it is the same code. Whatever else is there, also if nothing answers for as long
as a Python has to start, the same command looks at the host by sh, as at one that may have no Python.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.handed import each
from ansible_collections.airgap.conda.plugins.module_utils._cli.asked import OPTIONS
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import wanted_command
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._first.look import (
    ANSWER,
    LOOKED,
    START_LIMIT,
    ask_script,
    look_script,
)
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap, _runtime
from ansible_collections.airgap.conda.plugins.plugin_utils._accept import accept, documented
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import PYTHON, AnswerAction, host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import LOOK, ROOT, unheard
from ansible_collections.airgap.conda.plugins.plugin_utils._once import once

# Read by the process of which those for the hosts are copies.
RETURNS = documented("preflight")


class ActionModule(AnswerAction):
    """Controller side of airgap.conda.preflight."""

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
        heard = self._look_first(root, release, releases, host)
        found = accept(_answer(heard), RETURNS, "preflight", host)
        if _has_current(found, release):
            return {**found, "interpreter": _bootstrap.python_of(root, release.id)}
        seen = _bootstrap.parse_look(heard, root)
        brought = _runtime.bring(self, seen, release, self._is_set("allow_downgrade"), host, self._task.check_mode)
        interpreter = brought["interpreter"]
        if not interpreter:  # it would be brought, and nothing can be looked at without it
            return {**brought, "work": False, "steps": []}
        found = super().work({**(task_vars or {}), PYTHON: interpreter})
        return _both(brought, {**found, "interpreter": interpreter})

    def _is_set(self, option: str) -> bool:
        return boolean(self._task.args.get(option, False), strict=False)

    def arguments(self) -> dict[str, Any]:
        """Return the options of the task, and the command that is wanted on the host."""
        args = super().arguments()
        return {**args, "command": _wanted_command(str(args.get("root") or ROOT))}

    def _look_first(self, root: str, release: Release, releases: Sequence[Release], host: str) -> Heard:
        """Have the host's own command look, and where it does not, sh; by sh alone if it cannot be asked for both."""
        script, limit = look_script(root), _bootstrap.LOOK_LIMIT
        options = self._options(releases)
        if options:
            ask = ask_script(root, release.id, options["command"], options)
            try:
                heard = self.ask(f"{ask}{script}", f"{ANSWER}|{LOOKED}", limit + START_LIMIT)
            except AirgapError:  # longer than a command can be
                heard = Heard((), "", begun=False, status=-1)
            if heard.status == 0:
                return heard
            if heard.begun:
                raise unheard(LOOK, host, heard, limit + START_LIMIT)
        return self.sh(LOOK, host, script, LOOKED, limit)

    def _options(self, releases: Sequence[Release]) -> dict[str, Any]:
        """Return the options for the host's command; none where the host itself has to read one: a path with ~ or $."""
        _result, options = self.validate_argument_spec(_texts(OPTIONS))
        if any(mark in f"{options['root']}{options['jupyter_kernels']}{options['gpu_probe']['proc']}" for mark in "~$"):
            return {}
        known = [_short(one).to_dict() for one in releases]
        return {**options, "releases": known, "command": _wanted_command(options["root"])}


def _texts(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in which paths are texts: those of a host mean nothing on the controller."""
    plain = {name: {**spec, "type": "str"} if spec["type"] == "path" else spec for name, spec in options.items()}
    return {
        name: {**spec, "options": _texts(spec["options"])} if "options" in spec else spec
        for name, spec in plain.items()
    }


def _short(release: Release) -> Release:
    """Return what of a release counts where it is installed: the line with all of them has to be short."""
    none = "0" * 64
    plain = replace(release, payloads=(), imports=[], path="", signer="")
    return replace(plain, manifest_sha256=none, signature_sha256=none, files_sha256=none)


def _wanted_command(root: str) -> str:
    """Return the sha256 of the command for a store, made by the first of the hosts of this run that have it there."""
    made = once(Path(C.DEFAULT_LOCAL_TMP), {"command": root}, lambda: {"sha256": wanted_command(Store(Path(root)))})
    return str(made["sha256"])


def _answer(heard: Heard) -> dict[str, Any]:
    """Return the answer of a host's own command; empty where there is none that can be read."""
    try:
        answer = json.loads("".join(heard.of(ANSWER)))
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


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
