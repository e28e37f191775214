# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who could exchange a folder: whoever owns, or may write in, one of the folders and links on the way to it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import MAX_LINKS

LINK, NO_FOLDER = "a link", "no folder"


def require_own(folder: Path, what: str, remedy: str) -> None:
    """Raise AirgapError when anyone but root or the user of this task could exchange a folder, or write in it.

    ``what`` it is, and the ``remedy`` other than chown and chmod, are for the message. Who called sudo counts as root.
    """
    me, end = os.geteuid(), os.path.realpath(folder)
    sudo = os.environ.get("SUDO_UID", "") if me == 0 else ""
    for place, status in way_to(Path(os.path.abspath(folder))):
        owner = me if str(status.st_uid) == sudo else status.st_uid
        fault = folder_fault(owner, status.st_gid, status.st_mode, me)
        if not fault and str(place) == end and status.st_mode & stat.S_IWOTH:
            fault = f"mode {stat.S_IMODE(status.st_mode):o}: everybody can write in it"
        if fault and not fault.startswith("group"):
            raise AirgapError(
                f"Others could exchange {what}",
                code="exchangeable",
                wanted=trusted(me),
                found=fault,
                where=str(place),
                remedy=f"chown root {place} and chmod go-w {place}, or {remedy}",
            )


def folder_fault(uid: int, gid: int, mode: int, me: int, is_inside: bool = False) -> str:
    """Say why others could exchange what is below a folder or behind a link; empty when they cannot.

    ``me`` is the user who deploys. What begins with "group" is no reason to refuse.
    """
    if uid not in (0, me):
        return f"it belongs to user {uid}"
    if stat.S_ISLNK(mode):
        return LINK if is_inside else ""
    if not stat.S_ISDIR(mode):
        return NO_FOLDER
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return f"mode {stat.S_IMODE(mode):o}: everybody can write it"
    if mode & stat.S_IWGRP and gid != 0 and not mode & stat.S_ISVTX:
        return f"group {gid} can write it (mode {stat.S_IMODE(mode):o})"
    return ""


def exchangeable(kind: type[AirgapError], me: int, place: str, fault: str) -> AirgapError:
    """Return the error for a fault of a folder above or in the store of a host."""
    way = f"remove {place}" if fault in (LINK, NO_FOLDER) else f"chown root {place} and chmod go-w {place}"
    return kind(
        "Others could exchange the store on this host",
        code="folders",
        wanted=trusted(me),
        found=fault,
        where=place,
        remedy=f"{way}, or choose another root (build_root and deploy_root)",
    )


def trusted(me: int) -> str:
    """Say who may write in a folder, for the user ``me`` who deploys."""
    return f"folders that only root{'' if me == 0 else f' or user {me}'} can write"


def way_to(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield every folder and link that the kernel goes through to ``path``, as far as they are there."""
    at, todo, followed = Path("/"), list(reversed(path.parts[1:])), 0
    yield at, at.lstat()
    while todo:
        name = todo.pop()
        if name == "..":
            at = at.parent
            continue
        place = at / name
        try:
            status = place.lstat()
        except OSError:
            return
        yield place, status
        if not stat.S_ISLNK(status.st_mode):
            at = place
            continue
        followed += 1
        if followed > MAX_LINKS:
            return
        target = os.readlink(place)
        if target.startswith("/"):
            at = Path("/")
        todo += [part for part in reversed(target.split("/")) if part not in ("", ".")]
