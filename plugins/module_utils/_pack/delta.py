# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a delta on the bastion, from the payloads of two releases: what hosts that have the older one must get."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FILE, FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._formats.delta import (
    WINDOW,
    Frame,
    Group,
    name_of,
    pack_frame,
    reach,
    write_index,
)
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Damaged, Source
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS
from ansible_collections.airgap.conda.plugins.module_utils._formats.parts import Parts

# Bytes. Smaller files without a counterpart are compressed together.
SMALL = 1 << 20
# Versions and hashes in the names of libraries, as conda, pip and auditwheel write them.
_VERSION = re.compile(r"[-.][0-9a-f]{8,}\b|\d+")


@dataclass(frozen=True)
class Packed:
    """Release ``id`` in ``folder``: one of its payloads, and its entries."""

    id: str
    folder: Path
    payload: Payload
    entries: Sequence[FileEntry]

    def files(self) -> list[FileEntry]:
        """Return its files."""
        return [entry for entry in self.entries if entry.type == FILE]


def write_delta(new: Packed, base: Packed, folder: Path, part_size: int) -> Payload:
    """Write to ``folder`` the payload that makes ``new`` out of ``base``; raises Damaged when one cannot be read.

    Takes room next to it for what changed, unpacked, in both releases.
    """
    known = {entry.sha256 for entry in base.files()}
    changed = [entry for entry in new.files() if entry.sha256 not in known]
    sources = counterparts(changed, base.files())
    aside = Path(tempfile.mkdtemp(prefix=".delta-", dir=folder))
    try:
        after = _take(new, {entry.path for entry in changed}, aside / "new")
        before = _take(base, set(sources.values()), aside / "base")
        with open(aside / "frames", "w+b") as frames:
            groups = [_pack(group, source, after, before, frames) for group, source in _groups(changed, sources)]
            return join(groups, frames, Parts(folder, f"env.{name_of(base.id)}", part_size), name_of(base.id))
    finally:
        shutil.rmtree(aside)


def join(groups: Iterable[Group], frames: BinaryIO, parts: Parts, name: str) -> Payload:
    """Write index and frames to ``parts``; returns the payload ``name``."""
    frames.seek(0)
    parts.write(write_index(groups))
    while block := frames.read(1 << 20):
        parts.write(block)
    return parts.finish(name)


def counterparts(changed: Iterable[FileEntry], base: Iterable[FileEntry]) -> dict[str, str]:
    """Return for each changed file the path of the base's file that it most likely comes from, if there is one.

    That is the one of the same path, or of the same path but for versions: of several, the one nearest in size.
    """
    paths = {entry.path for entry in base}
    alike: dict[str, list[FileEntry]] = {}
    for entry in base:
        alike.setdefault(_VERSION.sub("", entry.path), []).append(entry)
    found = {}
    for entry in changed:
        others = alike.get(_VERSION.sub("", entry.path), [])
        if entry.path in paths:
            found[entry.path] = entry.path
        elif others:
            found[entry.path] = _nearest(others, entry.size).path
    return found


def _nearest(entries: Iterable[FileEntry], size: int) -> FileEntry:
    return min(entries, key=lambda entry: abs(entry.size - size))


def _take(packed: Packed, paths: Collection[str], folder: Path) -> dict[str, Path]:
    """Unpack single files of a release, each under a number; raises Damaged for one that is not as it should be."""
    folder.mkdir()
    sums = {entry.path: entry.sha256 for entry in packed.files() if entry.path in paths}
    parts = [packed.folder / part.name for part in packed.payload.parts]
    places: dict[str, Path] = {}
    with FORMATS[packed.payload.format].members(Source(parts, packed.entries)) as members:
        for member in members:
            if member.path not in sums:
                continue
            place, digest = folder / str(len(places)), hashlib.sha256()
            with open(place, "wb") as file:
                for block in member.blocks:
                    digest.update(block)
                    file.write(block)
            if digest.hexdigest() != sums[member.path]:
                raise Damaged(f"{packed.id} has {member.path} with other content than its list of files says")
            places[member.path] = place
    if len(places) != len(sums):
        raise Damaged(f"{packed.id} has no {min(set(sums) - set(places))}")
    return places


def _groups(changed: Iterable[FileEntry], sources: dict[str, str]) -> Iterator[tuple[list[FileEntry], str]]:
    """Yield the files whose content goes together, and the path of their counterpart in the base or nothing."""
    small: list[FileEntry] = []
    size = 0
    for entry in changed:
        if entry.path in sources and entry.size:
            yield [entry], sources[entry.path]
        elif entry.size >= SMALL:
            yield [entry], ""
        else:
            small.append(entry)
            size += entry.size
            if size > WINDOW - SMALL:
                yield small, ""
                small, size = [], 0
    if small:
        yield small, ""


def _pack(files: list[FileEntry], source: str, after: dict[str, Path], before: dict[str, Path], out: BinaryIO) -> Group:
    size = sum(entry.size for entry in files)
    frames = []
    for at, plain in windows([after[entry.path] for entry in files]):
        start = length = 0
        base = b""
        if source:
            start, length = reach(at, size, before[source].stat().st_size)
            with open(before[source], "rb") as file:
                file.seek(start)
                base = file.read(length)
        packed = pack_frame(plain, base)
        out.write(packed)
        frames.append(Frame(len(packed), len(plain), start, length))
    return Group(tuple((entry.path, entry.size) for entry in files), source, tuple(frames))


def windows(paths: Sequence[Path]) -> Iterator[tuple[int, bytes]]:
    """Yield where each piece of the content of ``paths`` begins, and the piece: at most ``WINDOW`` bytes."""
    if len(paths) > 1:  # small ones, of one window together
        yield 0, b"".join(path.read_bytes() for path in paths)
        return
    at = 0
    with open(paths[0], "rb") as file:
        while piece := file.read(WINDOW):
            yield at, piece
            at += len(piece)
