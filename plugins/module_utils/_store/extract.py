# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unpack a payload on a host: only what files.json lists, hashed while it is written.

The target is a fresh directory of mode 0700 that only this process writes. Directories come first, then files,
each created exclusively, and links last and from the list: no link exists while anything is written, so nothing
can be written through one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import (
    DIRECTORY,
    FILE,
    MTIME,
    SYMLINK,
    FileEntry,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Base, Damaged, Source
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS, is_known, members

# Makes the file of an entry at a path, when it can.
Have = Callable[[FileEntry, str], bool]


def _nothing(_entry: FileEntry, _path: str) -> bool:
    return False


def extract(
    parts: Sequence[Path],
    format_name: str,
    entries: list[FileEntry],
    target: Path,
    have: Have = _nothing,
    base: Base | None = None,
) -> None:
    """Unpack the payload in ``parts`` into the empty directory ``target``; a delta together with ``base``.

    A file that ``have`` makes, because its content is on this host, is not written. Raises AirgapError when the payload
    holds anything else than ``entries``, each once, the files byte for byte.
    """
    places = [(entry, f"{target}/{entry.path}") for entry in entries]
    for entry, place in places:
        if entry.type == DIRECTORY:
            os.mkdir(place, 0o700)
    _extract_files(Source(parts, entries, base), format_name, places, have, passing_over=False)
    for entry, place in places:
        if entry.type == SYMLINK:
            os.symlink(entry.target, place)
    for entry, place in reversed(places):
        if entry.type == DIRECTORY:
            os.chmod(place, entry.mode)


def extract_some(
    parts: list[Path], format_name: str, entries: list[FileEntry], files: Iterable[tuple[FileEntry, str]]
) -> None:
    """Unpack single files of a payload, each to a path where nothing is; raises AirgapError as ``extract`` does."""
    _extract_files(Source(parts, entries), format_name, files, _nothing, passing_over=True)


def _extract_files(
    source: Source,
    format_name: str,
    files: Iterable[tuple[FileEntry, str]],
    have: Have,
    passing_over: bool,
) -> None:
    """Write ``files``; what else the payload holds is passed over, or refused."""
    where = str(source.parts[0])
    if not is_known(format_name):
        raise AirgapError(
            "This host does not know the format of a payload",
            code="format-unknown",
            wanted=f"one of {', '.join(FORMATS)}",
            found=format_name,
            where=where,
            remedy="use the same version of the collection on the bastion, the controller and the host",
        )
    wanted = {entry.path: (entry, path) for entry, path in files}
    try:
        with members(format_name, source) as found:
            for member in found:
                if passing_over and member.path not in wanted:
                    continue
                entry, path = wanted.pop(member.path, (None, None))
                is_file = entry is not None and entry.type == FILE
                if entry is None or path is None or member.size != entry.size or member.is_file != is_file:
                    raise damaged(where, f"{member.path!r}, which files.json does not list like that")
                if is_file and not have(entry, path):  # all else comes from files.json
                    _write(member.blocks, entry, path, where)
    except Damaged as error:
        raise damaged(where, f"an archive that cannot be read: {error}") from error
    if wanted:
        raise damaged(where, f"{len(wanted)} members missing, {min(wanted)!r} among them")


def _write(blocks: Iterable[memoryview], entry: FileEntry, path: str, where: str) -> None:
    digest = hashlib.sha256()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        for block in blocks:
            digest.update(block)
            left = block
            while left:  # a disk that is nearly full takes a part, and refuses the next call only
                left = left[os.write(handle, left) :]
        os.fchmod(handle, entry.mode)
        os.utime(handle, (MTIME, MTIME))  # which byte code of older Pythons names as the time of its source
    finally:
        os.close(handle)
    if digest.hexdigest() != entry.sha256:
        raise damaged(where, f"{entry.path!r} with other content than files.json says")


def damaged(where: str, found: str) -> AirgapError:
    """Return the error for a payload that is not what files.json says."""
    return AirgapError(
        "The payload does not match its release",
        code="payload-damaged",
        wanted="exactly the files of files.json",
        found=found,
        where=where,
        remedy="copy the release to the controller's depot again, then run the deploy again",
    )


def missing_parts(incoming: Path, payload: Payload) -> list[str]:
    """Return the parts that are not there whole: those of an interrupted transfer are not sent again."""
    missing = []
    for part in payload.parts:
        path = incoming / part.name
        if not path.is_file() or path.stat().st_size != part.size or sha256_file(path) != part.sha256:
            missing.append(part.name)
    return missing
