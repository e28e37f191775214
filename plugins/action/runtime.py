# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the runtime to a host that may have no Python: put files, run sh."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.airgap.conda.plugins.module_utils._answer import MESSAGE, clean
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._release import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import host_of


class ActionModule(ActionBase):
    """Controller side of airgap.conda.runtime."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look; install the release that is wanted, if one is, when it is not current; return the interpreter."""
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec(
            {
                "release": {"type": "dict"},
                "root": {"type": "path", "default": "/opt/conda-envs"},
                "allow_downgrade": {"type": "bool", "default": False},
            }
        )
        try:
            host, look = host_of(task_vars), _bootstrap.look_script(args["root"])
            seen = {**_bootstrap.parse_look(self._sh(look, host, "look at the host")), "root": args["root"]}
            if args["release"] is None:
                return {"changed": False, **_bootstrap.require_runtime(seen, host)}
            return self._bring(args["release"], args["root"], args["allow_downgrade"], host, seen)
        except AirgapError as error:
            return {"failed": True, "msg": str(error), **error.as_result()}

    def _bring(
        self, release: dict[str, Any], root: str, allow_downgrade: bool, host: str, seen: Mapping[str, str]
    ) -> dict[str, Any]:
        result = {
            "changed": not _bootstrap.is_done(seen, release),
            "release": release["id"],
            "interpreter": _bootstrap.python_of(root, release["id"]),
            "diff": {"before": f"runtime {seen.get('current') or '-'}\n", "after": f"runtime {release['id']}\n"},
        }
        if not result["changed"]:
            return result
        _bootstrap.check_host(seen, release, host, allow_downgrade)
        if self._task.check_mode:
            # The interpreter of a release that is not there yet cannot run the modules that follow.
            working = seen.get("works") == "yes"
            result["interpreter"] = _bootstrap.python_of(root, seen["current"]) if working else ""
            return result
        self._install(release, root, host)
        return result

    def _install(self, release: dict[str, Any], root: str, host: str) -> None:
        remote = self._make_tmp_path()
        try:
            parts = [
                p["name"] for payload in release["payloads"] if payload["format"] == "tar.gz" for p in payload["parts"]
            ]
            for name in [MANIFEST, SIGNATURE, FILES, *parts]:
                self._transfer_file(str(Path(release["path"]) / name), self._connection._shell.join_path(remote, name))
            self._transfer_data(self._connection._shell.join_path(remote, "compare"), _bootstrap.compare_program())
            self._fixup_perms2((remote,), execute=False)
            self._sh(_bootstrap.install_script(root, remote, release), host, "install the runtime")
        finally:
            self._remove_tmp_path(remote)

    def _sh(self, script: str, host: str, what: str) -> str:
        done = self._low_level_execute_command(script, executable="/bin/sh")
        if done["rc"] != 0:
            raise AirgapError(
                f"Could not {what}",
                wanted="a POSIX shell with coreutils, tar and gzip, and space to write",
                found=clean(f"{done.get('stderr', '')} {done.get('stdout', '')}", MESSAGE)
                or f"exit status {done['rc']}",
                where=host,
                remedy="mend what the message says on the host, then run again; nothing was switched",
            )
        return str(done["stdout"])
