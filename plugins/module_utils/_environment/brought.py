# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy what ``files`` of release.yml names into an environment, and tell afterwards what that was."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._base.unshared import write_anew
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK, DIRECTORY, FILE, FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import BROUGHT
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import Tree
from ansible_collections.airgap.conda.plugins.module_utils._spec.files import Brought, Item, state_of
from ansible_collections.airgap.conda.plugins.module_utils._spec.sums import Content, changed, forget

# The request of the kernel to let two files share their blocks until one of them is written (linux/fs.h).
_FICLONE = 0x40049409


def bring(prefix: Path, files: Sequence[Brought], content: Content) -> None:
    """Copy ``files``, whose ``content`` was read before, into the environment at ``prefix``.

    Raises AirgapError, for all at once, when something is in the way, and when a source has changed since.
    """
    _require_free(prefix, files)
    for brought, entries in zip(files, content.entries):
        (prefix / brought.path).parent.mkdir(parents=True, exist_ok=True)
        for item, entry in zip(brought.items, entries):
            place = prefix / item.path
            if item.type == DIRECTORY:
                place.mkdir(exist_ok=True)
            elif item.type == FILE:
                _copy(item, entry, place, brought.where)
            else:
                place.symlink_to(item.target)
    listed = [vars(entry) for entries in content.entries for entry in entries]
    write_anew(prefix / BROUGHT, json.dumps(listed).encode())


def brought_into(prefix: Path) -> list[FileEntry]:
    """Return what ``bring`` copied into an environment; nothing when it did not."""
    with suppress(OSError):
        return [FileEntry(**item) for item in json.loads((prefix / BROUGHT).read_text(encoding="utf-8"))]
    return []


def _copy(item: Item, entry: FileEntry, place: Path, where: str) -> None:
    """Copy one file: its blocks are shared where the file system can, but never its inode, which others may write."""
    # Not to wait for a pipe that has just taken its place.
    source = os.open(item.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(source, "rb", buffering=0) as old, open(place, "xb", buffering=0) as new:
        if state_of(old.fileno()) != item.state:
            raise changed(where, item.source)
        if _cloned(old.fileno(), new.fileno()):
            sha256 = sha256_file(place)
        else:
            digest = hashlib.sha256()
            while block := old.read(BLOCK):
                digest.update(block)
                left = memoryview(block)
                while left:  # a disk that is nearly full takes a part, and refuses the next call only
                    left = left[new.write(left) or 0 :]
            sha256 = digest.hexdigest()
        os.fchmod(new.fileno(), item.mode)
    if sha256 != entry.sha256:
        forget()
        raise changed(where, item.source)


def _cloned(source: int, target: int) -> bool:
    with suppress(OSError):
        fcntl.ioctl(target, _FICLONE, source)
        return True
    return False


def _require_free(prefix: Path, files: Sequence[Brought]) -> None:
    taken = [(brought, item.path, found) for brought in files for item, found in _in_the_way(prefix, brought)]
    if not taken:
        return
    tree, faults = Tree(prefix), Faults()
    for brought, path, found in taken:
        owners = [package.package for package, _file in tree.claims.get(path, ())]
        owners += [item.package for item in tree.pip_files.get(path, ())]
        faults.found.append(
            AirgapError(
                "A package has the path of a file to bring",
                wanted="a path that nothing else in the environment has",
                found=f"{path}: {found}{f', of {owners[0]}' if owners else ''}",
                where=brought.where,
                remedy="give the entry another path",
                code="path-taken",
            )
        )
    faults.tell("files in release.yml")


def _in_the_way(prefix: Path, brought: Brought) -> Iterator[tuple[Item, str]]:
    """Yield the items that cannot be made below a prefix, with what is in their place; folders are no fault."""
    first = brought.items[0]
    for parent in reversed(PurePosixPath(brought.path).parents[:-1]):
        if os.path.lexists(prefix / parent) and not _is_folder(prefix / parent):
            yield first, f"{parent} is {_kind(prefix / parent)}"
            return
    for item in brought.items:
        place = prefix / item.path
        if os.path.lexists(place) and not (item.type == DIRECTORY and _is_folder(place)):
            yield item, f"there is {_kind(place)}"


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _kind(path: Path) -> str:
    return "a folder" if _is_folder(path) else "a link" if path.is_symlink() else "a file"
