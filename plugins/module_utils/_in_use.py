# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which releases do running processes use, and which process holds a lock?"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def in_use(prefixes: Iterable[Path]) -> dict[Path, list[int]]:
    """Return those prefixes that running processes know of, with their numbers; without root only the user's own."""
    # /proc shows real paths, the environment of a process shows what its user wrote.
    names = {name: prefix for prefix in prefixes for name in (str(prefix), os.path.realpath(prefix))}
    used: dict[Path, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*") if names else []:
        seen = _paths_of(process)
        for prefix in {p for name, p in names.items() if any(s == name or s.startswith(f"{name}/") for s in seen)}:
            used.setdefault(prefix, []).append(int(process.name))
    return used


def lock_holder(path: Path) -> str:
    """Return the number of the process that holds a lock on a file (flock), or the empty string.

    The kernel says it at any time. What the holder could write into the file may be late, old, or not fit on the disk.
    """
    with suppress(OSError):
        inode = str(path.stat().st_ino)
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()  # 1: FLOCK ADVISORY WRITE 4711 fe:00:131 0 EOF
            if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode and fields[4] != "0":
                return fields[4]
    return ""


def _paths_of(process: Path) -> set[str]:
    """Return what a process has as program, argument, working directory, open or mapped file, or in a variable."""
    seen: set[str] = set()
    # What cannot be read belongs to a kernel thread, to a process that just ended, or to another user.
    with suppress(OSError):
        seen.update(os.readlink(link) for link in (process / "exe", process / "cwd"))
    with suppress(OSError):
        seen.update((process / "maps").read_text(errors="replace").split())
    for name in ("environ", "cmdline"):
        with suppress(OSError):
            seen.update(re.split("[\0:=]", (process / name).read_text(errors="replace")))
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            seen.add(os.readlink(link))
    return seen
