# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the runtime to a host that may have no Python: put files, run sh."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._first import install as _install
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import ROOT, HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._sent import sent


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
        return self._bring(release, args["root"], args["allow_downgrade"], host, seen)

    def _bring(
        self, release: Release, root: str, allow_downgrade: bool, host: str, seen: Mapping[str, str]
    ) -> dict[str, Any]:
        result = {
            "changed": not _bootstrap.is_done(seen, release),
            "release": release.id,
            "interpreter": _bootstrap.python_of(root, release.id),
            "diff": {"before": f"runtime {seen.get('current') or '-'}\n", "after": f"runtime {release.id}\n"},
        }
        if not result["changed"]:
            return result
        warnings = _bootstrap.check_host(seen, release, host, allow_downgrade)
        if warnings:
            result["warnings"] = warnings
        if self._task.check_mode:
            # The interpreter of a release that is not there yet cannot run the modules that follow.
            working = seen.get("works") == "yes"
            result["interpreter"] = _bootstrap.python_of(root, seen["current"]) if working else ""
            return result
        self._install(release, root, host)
        return result

    def _install(self, release: Release, root: str, host: str) -> None:
        sums = release.sums(_install.payload_of(release))
        files: dict[str, Path | bytes] = {name: Path(release.path, name) for name in sums}
        files |= _install.programs(root)
        need = sum(len(file) if isinstance(file, bytes) else file.stat().st_size for file in files.values())
        with self.folder_for(need, host) as remote:
            sent(host, 0, need)
            self.put(remote, files, host)
            sent(host, need, need)
            self.sh("install the runtime", host, _install.install_script(root, remote, release))
