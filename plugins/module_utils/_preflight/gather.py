# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The look of Python at the host that it runs on: all of ``HostFacts``. Reads only; nothing is run."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import way_to
from ansible_collections.airgap.conda.plugins.module_utils._fit.facts import HostFacts, Owned
from ansible_collections.airgap.conda.plugins.module_utils._gpu.driver import loaded_module
from ansible_collections.airgap.conda.plugins.module_utils._gpu.smi import find_smi
from ansible_collections.airgap.conda.plugins.module_utils._gpu.tools import Tools
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases

MOUNTS = Path("/proc/self/mountinfo")


def gather(
    store: Releases, releases: Iterable[tuple[str, str]], formats: Sequence[str], tools: Tools | None = None
) -> HostFacts:
    """Look at this host for ``releases``: environment and id of those that are to become current.

    ``formats`` are those that can be unpacked here, best first; ``tools`` say where the driver is seen.
    """
    tools, wanted = tools or Tools(), list(releases)
    own = (".images", ".incoming", ".staging", ".state")
    inside = [store.root / name for name in (*own, *(env for env, _release in wanted))]
    mounts = {re.sub(r"\\([0-7]{3})", _octal, line.split()[4]) for line in _read(MOUNTS).splitlines()}
    status = os.statvfs(_existing(store.root))
    return replace(
        gather_place(store.root),
        high_water={env: store.high_water(env) for env, _release in wanted},
        formats=tuple(formats),
        in_the_way=frozenset(str(path) for path in _places(store, wanted) if os.path.lexists(path)),
        machine=platform.machine(),
        kernel=os.uname().release,
        glibc=host_glibc(),
        cpu_flags=cpu_flags(_read(tools.proc / "cpuinfo")),
        proc=str(tools.proc),
        driver=loaded_module(tools.proc),
        has_smi=bool(find_smi(tools.nvidia_smi)),
        time=time.time(),
        mounts_inside=tuple(str(path) for path in inside if os.path.realpath(path) in mounts),
        owned=owned(store.root, inside),
        free_bytes=status.f_bavail * status.f_frsize,
        # File systems without a fixed number of inodes (btrfs) report none at all.
        free_inodes=status.f_favail if status.f_files else -1,
    )


def gather_place(path: Path) -> HostFacts:
    """Look only whether this user can write where ``path`` is or will be."""
    folder = _existing(path)
    flags = os.statvfs(folder).f_flag
    options = {"ro": flags & os.ST_RDONLY, "noexec": flags & os.ST_NOEXEC}
    return HostFacts(
        name=platform.node(),
        root=str(path),
        folder=str(folder),
        user=os.geteuid(),
        writable=os.access(folder, os.W_OK | os.X_OK),
        mount_options=frozenset(name for name, flag in options.items() if flag),
    )


def host_glibc() -> str:
    """Return the version of the host's glibc (``2.31``), empty without one."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[1]
    except (ValueError, OSError, IndexError):
        return ""


def cpu_flags(cpuinfo: str) -> frozenset[str]:
    """Return what /proc/cpuinfo says that an x86-64 processor can do; nothing where it does not say."""
    match = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    return frozenset(match[1].split() if match else ())


def owned(root: Path, inside: Iterable[Path] = ()) -> tuple[Owned, ...]:
    """Return who owns what is on the way to ``root``; a link is followed as the kernel does, and counts itself.

    ``inside`` are folders of the store, where no link belongs.
    """
    found = [*way_to(root), *((path, path.lstat()) for path in inside if os.path.lexists(path))]
    return tuple(
        Owned(str(path), status.st_uid, status.st_gid, status.st_mode, root in path.parents) for path, status in found
    )


def _places(store: Releases, releases: Iterable[tuple[str, str]]) -> Iterable[Path]:
    return (store.release(env, release) for env, release in releases if release not in store.releases(env))


def _octal(match: re.Match[str]) -> str:
    """Return the character that /proc writes as a number, such as a space."""
    return chr(int(match[1], 8))


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
