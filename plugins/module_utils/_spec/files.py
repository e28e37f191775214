# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``files:`` of release.yml: files and folders of the bastion that go into a release, and what there is of them.

Nothing is read here but names and states; ``sums.py`` reads the content.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import DIRECTORY, FILE, SYMLINK
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import is_plain, leads_out
from ansible_collections.airgap.conda.plugins.module_utils._spec.nodes import Node

# Files, folders and links that ``files:`` may bring in all.
MOST = 200_000
# What belongs to conda and to the activation. conda-pack writes its own in their place, or drops them.
_RESERVED = ("bin/activate", "bin/conda", "bin/conda-unpack", "bin/deactivate", "conda-meta")
# Byte code, which Python writes again where it wants it, bound to times that a release does not keep.
_CACHE = "__pycache__"
# Bytes of one name, by every file system.
_LONGEST = 255
_MISSING, _UNUSABLE, _PATH, _TAKEN = "source-missing", "source-unusable", "path-unusable", "path-taken"

# Device, inode, size in bytes, and the times of content and state in nanoseconds.
State = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Item:
    """One path that comes into a release: ``source`` on the bastion, ``path`` relative to the prefix.

    ``type``, ``mode``, ``size`` and ``target`` are those of the FileEntry that it becomes.
    """

    path: str
    type: str
    source: str
    state: State
    mode: int = 0
    size: int = 0
    target: str = ""


@dataclass(frozen=True)
class Brought:
    """One entry of ``files:``. ``where`` is its place in release.yml, ``source`` absolute, ``sha256`` may be empty."""

    path: str
    source: str
    where: str
    sha256: str = ""
    items: tuple[Item, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether the source is a folder."""
        return self.items[0].type == DIRECTORY


def read_files(node: Node, directory: Path, faults: Faults) -> tuple[Brought, ...]:
    """Read the list, and look what there is of each source; paths in it are relative to ``directory``."""
    found: list[Brought] = []
    for item in node.items():
        with faults.gathered():
            brought = _entry(item, directory, faults)
            faults.found += _clashes(brought, item, found)
            found.append(brought)
    if sum(len(brought.items) for brought in found) > MOST:
        raise node.error(
            "These are too many files for a release",
            wanted=f"{MOST:,} files, folders and links at most",
            found=f"{sum(len(brought.items) for brought in found):,}",
            remedy="bring an archive of them instead, or name the folders that are needed",
            code="too-many-files",
        )
    return tuple(found)


def require_apart(files: Iterable[Brought], place: Path, what: str) -> None:
    """Raise AirgapError for sources that are in the folder ``place``, or have it in them: they would grow."""
    faults, folder = Faults(), os.path.realpath(place)
    for brought in files:
        if os.path.commonpath([brought.source, folder]) in (brought.source, folder):
            error = AirgapError(
                f"A source of files is in {what}, or has it in it",
                wanted="files that the build itself does not write",
                found=brought.source,
                where=brought.where,
                remedy=f"copy what is wanted to a folder outside {folder}, and name that",
                code="source-blocked",
            )
            faults.found.append(error)
    faults.tell("files in release.yml")


def _entry(item: Node, directory: Path, faults: Faults) -> Brought:
    keys = item.mapping(["source", "path", "sha256", "mode"], faults)
    missing = [name for name in ("source", "path") if name not in keys]
    if missing:
        raise item.error(
            "An entry of files lacks a key",
            wanted="the keys source and path",
            found=f"no {' and no '.join(missing)}",
            remedy="write - {source: /srv/models/small.bin, path: share/models/small.bin}",
            code="key-missing",
        )
    sha256 = mode = path = ""
    with faults.gathered():
        path = _path(keys["path"])
    with faults.gathered():
        sha256 = _sha256(keys["sha256"]) if "sha256" in keys else ""
    with faults.gathered():
        mode = _mode(keys["mode"]) if "mode" in keys else ""
    source = _source(keys["source"], directory)
    is_folder = os.path.isdir(source)
    for name in ("sha256", "mode") if is_folder else ():
        if name in keys:
            faults.found.append(
                keys[name].error(
                    f"A folder has no {name} of its own",
                    wanted=f"{name} with the source of a single file only",
                    found=f"{name} with the folder {source}",
                    remedy=f"remove {name}: files of a folder keep their executable bit, and each is hashed",
                    code="not-for-folders",
                )
            )
    place = path or "unusable"  # what is wrong with the source is told as well
    items = (
        _folder(keys["source"], source, place, faults) if is_folder else [_file(keys["source"], source, place, mode)]
    )
    return Brought(path, source, item.where, sha256, tuple(items))


def _path(node: Node) -> str:
    path = node.string()
    fault = ""
    if not is_plain(path):
        fault = repr(path)
    elif any(path == name or path.startswith(f"{name}/") for name in _RESERVED):
        fault = f"{path}, which belongs to conda"
    elif max(len(os.fsencode(part)) for part in path.split("/")) > _LONGEST:
        fault = f"a name of more than {_LONGEST} bytes"
    if fault:
        raise node.error(
            "Nothing can be brought to this path of a release",
            wanted="a path relative to the prefix, without .., and none of " + ", ".join(_RESERVED),
            found=fault,
            remedy="write a path such as share/models/small.bin",
            code=_PATH,
        )
    return path


def _sha256(node: Node) -> str:
    text = node.text.lower()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise node.error(
            "This is no sha256",
            wanted="64 hexadecimal digits, as sha256sum prints them",
            remedy="correct it, in quotes, or remove it",
            code="sha256-unusable",
        )
    return text


def _mode(node: Node) -> str:
    found = re.fullmatch(r"(?:0o?)?(644|755)", node.text)
    if node.kind not in ("int", "str") or not found:
        raise node.error(
            "A release has no such mode",
            wanted='"0644", or "0755" for programs',
            remedy="write one of them, or remove mode: then the file's own executable bit decides",
            code="mode-unusable",
        )
    return found[1]


def _source(node: Node, directory: Path) -> str:
    """Return the real path of a source; one that is a link is what the link leads to."""
    place = os.path.join(os.path.abspath(directory), node.string())
    if os.path.exists(place):
        return os.path.realpath(place)
    what = "a link that leads to nothing" if os.path.islink(place) else "no such file or folder"
    raise node.error(
        "A source of files is not there",
        wanted="a file or folder of this machine, absolute or relative to the spec's folder",
        found=f"{place}: {what}",
        remedy="correct source, or put the file there",
        code=_MISSING,
    )


def _unusable(node: Node, place: str, found: str, remedy: str) -> AirgapError:
    return node.error(
        "A source of files cannot go into a release",
        wanted="files and folders that can be read, and links that stay inside their folder",
        found=f"{place!r}: {found}" if not is_plain(place.lstrip("/")) else f"{place}: {found}",
        remedy=remedy,
        code=_UNUSABLE,
    )


def _state(status: os.stat_result) -> State:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def state_of(handle: int) -> State | None:
    """Return the state of an open file; None when it is no regular file."""
    status = os.fstat(handle)
    return _state(status) if stat.S_ISREG(status.st_mode) else None


def _file(node: Node, source: str, path: str, mode: str) -> Item:
    try:
        status = os.stat(source)
    except OSError as error:
        raise _unusable(node, source, str(error.strerror), "let the user of this build read it") from error
    if not stat.S_ISREG(status.st_mode):
        raise _unusable(node, source, "a socket, pipe or device", "name a file or folder")
    if not os.access(source, os.R_OK):
        raise _unusable(node, source, "it cannot be read", "let the user of this build read it")
    own = "755" if status.st_mode & 0o111 else "644"
    return Item(path, FILE, source, _state(status), int(mode or own, 8), status.st_size)


def _folder(node: Node, source: str, path: str, faults: Faults) -> list[Item]:
    """Return a folder and all that is in it, parents first."""
    items, wrong = [Item(path, DIRECTORY, source, (0, 0, 0, 0, 0), 0o755)], list[AirgapError]()
    for inside in _names(node, source, "", wrong):
        place = f"{source}/{inside}"
        try:
            items.append(_inside(node, place, f"{path}/{inside}"))
        except AirgapError as error:
            wrong.append(error)
        if len(items) > MOST or len(wrong) >= limits.ERRORS:
            break  # too many is told of all entries together
    links = {item.path[len(path) + 1 :]: item.target for item in items if item.type == SYMLINK}
    for inside, target in links.items():
        remedy = "bring what it leads to, or copy the folder with cp -rL first"
        if leads_out(inside, links) or (not is_plain(target.lstrip("/")) and "\n" in target):
            wrong.append(_unusable(node, f"{source}/{inside}", f"a link to {target!r}, out of {source}", remedy))
        elif not os.path.exists(f"{source}/{inside}"):
            wrong.append(_unusable(node, f"{source}/{inside}", f"a link to {target!r}, which is not there", remedy))
    if len(items) == 1 and not wrong:
        wrong.append(_unusable(node, source, "nothing is in this folder", "mount or fill it, or remove the entry"))
    faults.found += wrong
    return items


def _names(node: Node, folder: str, inside: str, wrong: list[AirgapError]) -> Iterator[str]:
    """Yield the paths in a folder, relative to it, parents first."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        wrong.append(_unusable(node, folder, str(error.strerror), "let the user of this build read it"))
        return
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if is_folder and entry.name == _CACHE:
            continue
        yield inside + entry.name
        if is_folder:
            yield from _names(node, entry.path, f"{inside}{entry.name}/", wrong)


def _inside(node: Node, place: str, path: str) -> Item:
    if not is_plain(path):
        raise _unusable(node, place, "a name with a control character", "rename it")
    status = os.lstat(place)
    if stat.S_ISLNK(status.st_mode):
        return Item(path, SYMLINK, place, _state(status), target=os.readlink(place))
    if stat.S_ISDIR(status.st_mode):
        return Item(path, DIRECTORY, place, (0, 0, 0, 0, 0), 0o755)
    return _file(node, place, path, "")


def _clashes(new: Brought, node: Node, others: Sequence[Brought]) -> list[AirgapError]:
    """Return a fault for each path that two entries bring; folders are one folder then."""
    mine = {item.path: item.type for item in new.items}
    found = []
    for other in others:
        theirs = {item.path: item.type for item in other.items}
        both = {path for path in mine.keys() & theirs.keys() if not mine[path] == theirs[path] == DIRECTORY}
        for below, above in ((new, theirs), (other, mine)):
            parents = map(str, PurePosixPath(below.path).parents)
            both |= {path for path in parents if above.get(path, DIRECTORY) != DIRECTORY}
        shown = sorted(both)[:3]
        if both and new.path:
            found.append(
                node.error(
                    "Two entries of files bring the same path",
                    wanted="each path from one source",
                    found=f"{', '.join(shown)}{' and more' if len(both) > 3 else ''}, also by {other.where}",
                    remedy="give one of them another path",
                    code=_TAKEN,
                )
            )
    return found
