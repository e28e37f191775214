# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tree on disk: its paths, and the comparison with the list of files of a release."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import (
    BLOCK,
    DIRECTORY,
    FILE,
    SYMLINK,
    FileEntry,
)


@dataclass(frozen=True)
class Difference:
    """One way in which a tree differs from its files.json."""

    path: str
    wanted: str
    found: str


def compare_tree(
    prefix: Path, entries: Iterable[FileEntry], content: bool = True, owner: int | None = None
) -> Iterator[Difference]:
    """Yield what differs between the tree at ``prefix`` and ``entries``.

    ``content`` also hashes every file; without it only type, mode, size and link target are looked at. ``owner`` is the
    user id that everything belongs to, if that is to be looked at. What Python and numba cache on their own is no
    difference.
    """
    root, listed = str(prefix), set()  # not paths that are objects: these cost more than looking at the files
    for entry in entries:
        listed.add(entry.path)
        found = _look(f"{root}/{entry.path}", entry, content, owner)
        if found:
            yield Difference(entry.path, _describe(entry), found)
    for folder, names, files in os.walk(root):
        for name in names + files:
            path = f"{folder}/{name}"[len(root) + 1 :]
            if path not in listed and not _is_cache(Path(folder, name), path, listed):
                yield Difference(path, "nothing", "a path that is not in the release")


def _is_cache(place: Path, path: str, listed: Collection[str]) -> bool:
    """Tell whether ``path`` is what Python or numba write next to a module of the release when it is imported."""
    mode = place.lstat().st_mode
    folder, _slash, name = path.rpartition("/")
    if name == "__pycache__":
        return stat.S_ISDIR(mode)
    if os.path.basename(folder) != "__pycache__" or not name.endswith((".pyc", ".nbi", ".nbc")):
        return False
    parts = name.split(".")
    modules = (posixpath.join(posixpath.dirname(folder), ".".join(parts[:n]) + ".py") for n in range(1, len(parts)))
    return stat.S_ISREG(mode) and any(module in listed for module in modules)


def _look(path: str, entry: FileEntry, content: bool, owner: int | None) -> str | None:
    try:
        status = os.lstat(path)
    except OSError as error:
        return f"missing ({error.strerror})"
    kinds = {FILE: stat.S_ISREG, DIRECTORY: stat.S_ISDIR, SYMLINK: stat.S_ISLNK}
    if not kinds[entry.type](status.st_mode):
        return "another type"
    if owner not in (None, status.st_uid):
        return f"owner {status.st_uid}"
    if entry.type == SYMLINK:
        target = os.readlink(path)
        return None if target == entry.target else f"a link to {target}"
    if stat.S_IMODE(status.st_mode) != entry.mode:
        return f"mode {stat.S_IMODE(status.st_mode):o}"
    if entry.type == FILE:
        if status.st_size != entry.size:
            return f"{status.st_size} bytes"
        try:
            if content and sha256_file(path) != entry.sha256:
                return "other content"
        except OSError as error:
            return f"unreadable ({error.strerror})"
    return None


def _describe(entry: FileEntry) -> str:
    if entry.type == SYMLINK:
        return f"a link to {entry.target}"
    return f"mode {entry.mode:o}" + (f", {entry.size} bytes, sha256 {entry.sha256}" if entry.type == FILE else "")


def sha256_file(path: str | Path) -> str:
    """Return the lower-case hex sha256 of a file, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def walk(tree: Path) -> list[str]:
    """Return every path below ``tree``, parents first, in an order that depends on names alone."""
    paths: list[str] = []
    _walk(str(tree), "", paths)
    return paths


def _walk(folder: str, inside: str, paths: list[str]) -> None:
    with os.scandir(folder) as found:
        kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in found}
    names = sorted(kinds)
    paths += [inside + name for name in names if not kinds[name]]
    for name in names:
        if kinds[name]:
            paths.append(inside + name)
            _walk(f"{folder}/{name}", f"{inside}{name}/", paths)
