# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""files.json: every path of a release, and the comparison of a tree with it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import parse_json
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

FILE, DIRECTORY, SYMLINK = "file", "dir", "symlink"
BLOCK = 1 << 20
# The time of every file of a release, in archives and on hosts, so that equal trees are equal. Not 0: some tools take
# that for "unknown".
MTIME = 1_577_836_800
# The only permission bits of a release: nothing special, nothing that others may write, and the owner can always remove
# it again. A link has none of its own.
MODES = {FILE: (0o644, 0o755), DIRECTORY: (0o755,), SYMLINK: (0,)}
SHA256 = re.compile(r"[0-9a-f]{64}")
# What a kernel follows before it gives up on a chain of links.
MAX_LINKS = 40


@dataclass(frozen=True)
class FileEntry:
    """One path of a release, relative to its prefix.

    ``mode`` holds the permission bits (0 for a symlink), ``size`` is in bytes, ``sha256`` and ``target``
    are empty where the type has none.
    """

    path: str
    type: str
    mode: int = 0
    size: int = 0
    sha256: str = ""
    target: str = ""


# The folder of a release itself, which files.json does not list.
TOP = FileEntry(".", DIRECTORY, 0o755)


@dataclass(frozen=True)
class Difference:
    """One way in which a tree differs from its files.json."""

    path: str
    wanted: str
    found: str


def write_files(entries: Iterable[FileEntry]) -> bytes:
    """Return the bytes of files.json.zst; the same entries always give the same bytes."""
    import zstandard

    text = json.dumps([vars(entry) for entry in entries], separators=(",", ":"))
    return zstandard.ZstdCompressor(level=9).compress(text.encode("utf-8", "surrogateescape"))


def read_files(data: bytes, where: str) -> list[FileEntry]:
    """Read files.json.zst; raises AirgapError for a list that ``write_payloads`` would not have written.

    What is returned can be made below any folder, in its order, without anything landing or leading outside.
    """
    import zstandard

    try:
        text = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read(limits.FILES + 1)
        if len(text) > limits.FILES:
            raise ValueError(f"more than {limits.FILES} bytes")
        entries = [FileEntry(**item) for item in parse_json(text.decode("utf-8", "surrogateescape"))]
    except (zstandard.ZstdError, ValueError, TypeError) as error:
        raise _refused(where, f"an unreadable list: {error}") from error
    seen: dict[str, FileEntry] = {}
    for entry in entries:
        fault = _fault(entry, seen)
        if fault:
            raise _refused(where, f"{entry.path!r}: {fault}")
        seen[entry.path] = entry
    links = {entry.path: entry.target for entry in entries if entry.type == SYMLINK}
    for path, target in links.items():
        if leads_out(path, links):
            raise _refused(where, f"the link {path!r} to {target!r}, outside the release")
    return entries


def _fault(entry: FileEntry, seen: Mapping[str, FileEntry]) -> str:
    """Say in what an entry is not as ``write_payloads`` makes them; the empty string when it is."""
    values = (entry.path, entry.type, entry.mode, entry.size, entry.sha256, entry.target)
    if [type(value) for value in values] != [str, str, int, int, str, str]:
        return "fields of other types"
    if not is_plain(entry.path):
        return "no path that stays inside the release"
    if entry.path in seen:
        return "listed twice"
    parent = posixpath.dirname(entry.path)
    if parent and (parent not in seen or seen[parent].type != DIRECTORY):
        return "listed without its directory before it"
    if entry.type not in MODES or entry.mode not in MODES[entry.type]:
        return f"type {entry.type} with mode {entry.mode:o}"
    is_file = entry.type == FILE
    if entry.size < 0 or bool(SHA256.fullmatch(entry.sha256)) != is_file or not (is_file or entry.size == 0):
        return f"type {entry.type} with {entry.size} bytes and sha256 {entry.sha256!r}"
    if bool(entry.target) != (entry.type == SYMLINK):
        return f"type {entry.type} with target {entry.target!r}"
    return ""


def is_plain(path: str) -> bool:
    """Tell whether a relative path has no ``..``, no control character and can be written on any file system here."""
    if posixpath.normpath(path) != path or path in (".", "..") or path.startswith(("/", "../")):
        return False
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    # A newline in a name breaks every list of names that has one a line.
    return not re.search(r"[\x00-\x1f\x7f]", path)


def leads_out(path: str, links: Mapping[str, str]) -> bool:
    """Tell whether the link at ``path`` leaves the release when it is followed as a kernel does.

    ``links`` are all links of the release with their targets: ``a/..`` is somewhere else when ``a`` is one of them.
    """
    at = path.split("/")[:-1]
    todo = [path.rsplit("/", maxsplit=1)[-1]]
    followed = 0
    while todo:
        name = todo.pop()
        if name == "..":
            if not at:
                return True
            at.pop()
            continue
        if name in ("", "."):
            continue
        target = links.get("/".join([*at, name]))
        if target is None:
            at.append(name)
            continue
        followed += 1
        if not target or target.startswith("/") or "\0" in target:
            return True
        if followed > MAX_LINKS:
            return False  # a chain without an end leads nowhere
        todo.extend(reversed(target.split("/")))
    return False


def compare_tree(
    prefix: Path, entries: Iterable[FileEntry], content: bool = True, owner: int | None = None
) -> Iterator[Difference]:
    """Yield what differs between the tree at ``prefix`` and ``entries``.

    ``content`` also hashes every file; without it only type, mode, size and link target are looked at. ``owner`` is the
    user id that everything belongs to, if that is to be looked at. What Python and numba cache on their own is no
    difference.
    """
    listed = set()
    for entry in entries:
        listed.add(entry.path)
        found = _look(prefix / entry.path, entry, content, owner)
        if found:
            yield Difference(entry.path, _describe(entry), found)
    for folder, names, files in os.walk(prefix):
        for name in names + files:
            path = os.path.relpath(os.path.join(folder, name), prefix)
            if path not in listed and not _is_cache(Path(folder, name), path, listed):
                yield Difference(path, "nothing", "a path that is not in the release")


def _is_cache(place: Path, path: str, listed: Collection[str]) -> bool:
    """Tell whether ``path`` is what Python or numba write beside a module of the release when it is imported."""
    mode = place.lstat().st_mode
    folder, _slash, name = path.rpartition("/")
    if name == "__pycache__":
        return stat.S_ISDIR(mode)
    if os.path.basename(folder) != "__pycache__" or not name.endswith((".pyc", ".nbi", ".nbc")):
        return False
    parts = name.split(".")
    modules = (posixpath.join(posixpath.dirname(folder), ".".join(parts[:n]) + ".py") for n in range(1, len(parts)))
    return stat.S_ISREG(mode) and any(module in listed for module in modules)


def _look(path: Path, entry: FileEntry, content: bool, owner: int | None) -> str | None:
    try:
        status = path.lstat()
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


def sha256_file(path: Path) -> str:
    """Return the lower-case hex sha256 of a file, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def _refused(where: str, found: str) -> AirgapError:
    return AirgapError(
        "The list of files of this release is not acceptable",
        wanted="files, directories and links that stay inside the release",
        found=found,
        where=where,
        remedy="do not use this release; build it again on the bastion",
    )


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
