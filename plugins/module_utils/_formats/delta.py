# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A delta: what makes a release out of an older one that a host has.

The payload ``delta-1-46402d66`` holds only files that release 1-46402d66 does not have. It begins with ``MAGIC``, two
lengths, and an index; then come zstd frames. A group of the index is one file with its counterpart in the older
release, or files that have none. A payload ``delta-1-46402d66.squashfs`` makes the image of a release out of that of
the older one, which is the only file there.

Each frame holds at most ``WINDOW`` bytes of the group's content and refers to at most ``REACH`` bytes of the
counterpart, so that a host needs ``WINDOW`` and ``REACH`` and no more, whatever a file's size.

All that comes out is compared with files.json by whoever reads it, also what is taken from the older release; an image
with its hash in the manifest.
"""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK, FILE, FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Base, Damaged, Member, Source
from ansible_collections.airgap.conda.plugins.module_utils._formats.tar import chained

PREFIX = "delta-"
MAGIC, LENGTHS = b"AGDELTA1", struct.Struct("<II")
# Bytes: of the content in a frame, of the counterpart that it refers to, and of the index, which names changed files.
WINDOW, REACH, INDEX = 32 << 20, 64 << 20, 256 << 20
# Of scipy's and pandas' steps, level 9 makes 5 % less than 3 in the same time, and 19 another 5 % in ten times as much.
LEVEL = 9


def name_of(base: str, image: str = "") -> str:
    """Return the name of the format that makes a release out of release ``base``: its files, or its image."""
    return f"{PREFIX}{base}.{image}" if image else f"{PREFIX}{base}"


def base_of(format_name: str) -> str:
    """Return the release that a delta begins with; empty for a format that is no delta."""
    base = format_name.removeprefix(PREFIX).partition(".")[0]
    return base if format_name.startswith(PREFIX) and serial_of(base) else ""


def image_of(format_name: str) -> str:
    """Return the format of the image that a delta makes; empty for a delta of files, and for what is no delta."""
    return format_name.partition(".")[2] if base_of(format_name) else ""


@dataclass(frozen=True)
class Frame:
    """``packed`` bytes that make ``plain`` ones, out of ``length`` bytes of the counterpart from ``start`` on."""

    packed: int
    plain: int
    start: int
    length: int


@dataclass(frozen=True)
class Group:
    """Files, path and size, whose content follows each other in ``frames``; ``source`` is a path of the base or empty.

    The order of files is that of their content.
    """

    files: tuple[tuple[str, int], ...]
    source: str
    frames: tuple[Frame, ...]


def reach(plain_at: int, plain_size: int, base_size: int) -> tuple[int, int]:
    """Return start and length of the counterpart that a frame at ``plain_at`` of ``plain_size`` bytes refers to.

    A counterpart that fits is taken whole, else what lies around the same place: a new version shifts little.
    """
    if base_size <= REACH:
        return 0, base_size
    middle = plain_at * base_size // max(plain_size, 1) + WINDOW // 2
    start = min(max(0, middle - REACH // 2), base_size - REACH)
    return start, REACH


def pack_frame(plain: bytes, base: bytes) -> bytes:
    """Compress ``plain`` as far as ``base`` does not have it."""
    import zstandard

    log = min(27, max(17, (len(base) + len(plain)).bit_length()))  # 128 MiB hold WINDOW and REACH
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL,
        source_size=len(plain),
        dict_size=len(base),
        window_log=log,
        hash_log=min(26, log),
        chain_log=min(26, log),
    )
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=_dictionary(base)).compress(plain)


def _dictionary(base: bytes) -> Any:
    import zstandard

    return zstandard.ZstdCompressionDict(base, zstandard.DICT_TYPE_RAWCONTENT) if base else None


def unpack_frame(packed: bytes, frame: Frame, dictionary: Any) -> bytes:
    """Return the content of a frame; raises Damaged for one that has not the size that the index says."""
    import zstandard

    try:
        if zstandard.frame_content_size(packed) != frame.plain:
            raise Damaged("a frame of another size than its index says")
        return zstandard.ZstdDecompressor(dict_data=dictionary).decompress(packed, max_output_size=frame.plain)
    except zstandard.ZstdError as error:
        raise Damaged(str(error)) from error


def write_index(groups: Iterable[Group]) -> bytes:
    """Return what the payload begins with."""
    import zstandard

    rows = [[list(map(list, g.files)), g.source, [list(vars(frame).values()) for frame in g.frames]] for g in groups]
    text = json.dumps(rows, separators=(",", ":")).encode("utf-8", "surrogateescape")
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(text)
    return MAGIC + LENGTHS.pack(len(packed), len(text)) + packed


def read_index(stream: BinaryIO) -> list[Group]:
    """Return the groups of the payload that ``stream`` begins; raises Damaged."""
    import zstandard

    head = _exactly(stream, len(MAGIC) + LENGTHS.size)
    packed, plain = LENGTHS.unpack(head[len(MAGIC) :])
    if not head.startswith(MAGIC) or packed > INDEX or plain > INDEX:
        raise Damaged("it does not begin as a delta")
    try:
        text = zstandard.ZstdDecompressor().decompress(_exactly(stream, packed), max_output_size=plain)
        rows = json.loads(text.decode("utf-8", "surrogateescape"))
        return [_group(*row) for row in rows]
    except (ValueError, TypeError, RecursionError, zstandard.ZstdError) as error:
        raise Damaged(f"an index that cannot be read: {error}") from error


def _group(files: Any, source: Any, frames: Any) -> Group:
    """Return a group; raises ValueError or TypeError for one that nobody writes."""
    found = Group(
        tuple((str(path), int(size)) for path, size in files),
        str(source),
        tuple(Frame(*(int(number) for number in frame)) for frame in frames),
    )
    bounds = all(
        0 <= frame.packed <= 2 * WINDOW
        and 0 <= frame.plain <= WINDOW
        and frame.start >= 0
        and 0 <= frame.length <= (REACH if found.source else 0)
        for frame in found.frames
    )
    sizes = [size for _path, size in found.files]
    if not bounds or min(sizes, default=0) < 0 or sum(sizes) != sum(frame.plain for frame in found.frames):
        raise ValueError(f"a group of {len(sizes)} files whose sizes cannot be")
    return found


@contextmanager
def delta_members(source: Source) -> Iterator[Iterator[Member]]:
    """Give the members of the release, as a ``Format`` does; raises Damaged when delta and base do not make it."""
    if source.base is None:
        raise Damaged("a delta without the release that it begins with")
    with chained(source.parts) as stream:
        yield _members(stream, source.base, source.entries)


def _members(stream: BinaryIO, base: Base, entries: Sequence[FileEntry]) -> Iterator[Member]:
    groups = read_index(stream)
    brought = {path for group in groups for path, _size in group.files}
    places = {entry.sha256: entry.path for entry in base.entries if entry.type == FILE}
    for entry in entries:
        if entry.type != FILE:
            yield Member(entry.path, False, entry.size, ())
        elif entry.path not in brought:
            place = places.get(entry.sha256)
            if place is None:
                raise Damaged(f"{entry.path!r} is neither in it nor in the release that it begins with")
            yield Member(entry.path, True, entry.size, _unchanged(base.tree / place))
    for group in groups:
        content = _Content(stream, group, base.tree / group.source)
        for path, size in group.files:
            yield Member(path, True, size, content.take(size))
        content.pass_over()


def image_blocks(stream: BinaryIO, base: Path, size: int) -> Iterator[memoryview]:
    """Give the ``size`` bytes of an image, which a delta makes out of the image ``base``; raises Damaged."""
    groups = read_index(stream)
    if sum(length for group in groups for _name, length in group.files) != size:
        raise Damaged("an image of another size than the release has")
    for group in groups:
        yield from _Content(stream, group, base).take(sum(length for _name, length in group.files))


def _unchanged(path: Path) -> Iterator[memoryview]:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", buffering=0) as file:
            while block := file.read(BLOCK):
                yield memoryview(block)
    except OSError as error:
        raise Damaged(f"{path}, of the release that it begins with: {error.strerror}") from error


class _Content:
    """The content of a group, which is read forward only; what a caller leaves of a file is passed over.

    ``base`` is the counterpart, if the group has one.
    """

    def __init__(self, stream: BinaryIO, group: Group, base: Path) -> None:
        self._stream, self._group, self._base = stream, group, base
        self._frames = iter(group.frames)
        self._block = memoryview(b"")
        self._at = self._end = 0

    def take(self, size: int) -> Iterator[memoryview]:
        """Return what gives the next ``size`` bytes after what was taken before."""
        begin, self._end = self._end, self._end + size
        return self._give(begin, self._end)

    def _give(self, begin: int, end: int) -> Iterator[memoryview]:
        while self._at < end:
            if not self._block:
                self._block = memoryview(self._plain())
            passed = min(len(self._block), max(0, begin - self._at))
            block = self._block[passed : passed + end - max(begin, self._at)]
            self._block = self._block[passed + len(block) :]
            self._at += passed + len(block)
            if block:
                yield block

    def _plain(self) -> bytes:
        frame = next(self._frames)  # there is one: the sizes of files and frames have the same sum
        # The library has a copy, and this one goes.
        dictionary = _dictionary(_range(self._base, frame) if self._group.source else b"")
        return unpack_frame(_exactly(self._stream, frame.packed), frame, dictionary)

    def pass_over(self) -> None:
        """Pass over the frames that nobody wanted."""
        for frame in self._frames:
            _exactly(self._stream, frame.packed)


def _range(path: Path, frame: Frame) -> bytes:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", buffering=0) as file:
            file.seek(frame.start)
            return _exactly(io.BufferedReader(file), frame.length)
    except OSError as error:
        raise Damaged(f"{path}, of the release that it begins with: {error.strerror}") from error


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise Damaged("it ends too early")
    return data
