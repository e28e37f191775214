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
from ansible_collections.airgap.conda.plugins.plugin_utils._feed import Feed
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._sent import sent
from ansible_collections.airgap.conda.plugins.plugin_utils._uncompressed import uncompressed

# What is done, in messages.
INSTALL = "install the runtime"


def bring(
    action: HostAction, seen: Mapping[str, str], release: Release, allow_downgrade: bool, host: str, check_mode: bool
) -> dict[str, Any]:
    """Install ``release`` where it is not current; return a task's result, with the interpreter.

    ``seen`` is what a look at the host told. In check mode there is no interpreter (an empty one) on a host without a
    working runtime. Raises AirgapError.
    """
    root = seen["root"]
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
    if check_mode:
        # The interpreter of a release that is not there yet cannot run the modules that follow.
        working = seen.get("works") == "yes"
        result["interpreter"] = _bootstrap.python_of(root, seen["current"]) if working else ""
        return result
    _put(action, release, root, host)
    return result


def _put(action: HostAction, release: Release, root: str, host: str) -> None:
    parts = _install.payload_of(release).parts
    small: dict[str, Path | bytes] = {name: Path(release.path, name) for name in release.record}
    small |= _install.programs(root)
    large = {part.name: Path(release.path, part.name) for part in parts}
    rest = sum(len(file) if isinstance(file, bytes) else file.stat().st_size for file in small.values())
    need, done = rest + sum(part.size for part in parts), 0

    def tell(size: int) -> None:
        nonlocal done
        done += size
        sent(host, done, need)

    tell(0)
    with uncompressed(action):
        feed = Feed(action, host, root, _install.incoming(root, release))
        if feed.offer(small):
            tell(rest)
            for part in parts:
                feed.send(part.name, large[part.name], part.size, tell)
            action.sh(INSTALL, host, _install.install_arrived(root, release))
            return
        with action.folder_for(need, host) as remote:
            action.put(remote, {**small, **large}, host)
            tell(need)
            action.sh(INSTALL, host, _install.install_script(root, remote, release))
