# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a file and what is packed in it, once and in pieces: gzip, bzip2, xz, zstd, zlib, tar, ar, zip."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK

# Packings in each other that are opened: a wheel in a package of conda is zip, zstd, tar, zip.
DEEPEST = 6
# Bytes that are unpacked of one file, and what a member counts at least: a bomb ends here. Twice the file's own size is
# none: PyTorch's weights are a zip that packs nothing.
LARGEST = 4 << 30
_LEAST = 4 << 10
# Bytes of a zip in something packed that are kept in memory; it has to be read from its end.
_IN_MEMORY = 16 << 20
_MAGIC = {
    b"\x1f\x8b\x08": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip",
    b"\x5d\x00\x00": "xz", b"!<arch>\n": "ar", **dict.fromkeys((b"x\x01", b"x^", b"x\x9c", b"x\xda"), "zlib"),
}  # fmt: skip
_TAR = slice(257, 262)
_HEAD = 512
# What the libraries raise on what is broken, encrypted, or only looks packed.
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, struct.error, EOFError, OSError, RuntimeError,
    NotImplementedError, ValueError, IndexError, KeyError, OverflowError,
)  # fmt: skip
# Takes the bytes of one member, piece by piece.
Look = Callable[[bytes], None]


class TooMuch(Exception):
    """More is packed in a file than is searched."""


class _Watched:
    """A stream that shows all that is read from it to ``look``; ``head`` was read from it already."""

    def __init__(self, stream: IO[bytes], look: Look, spend: Callable[[int], None]) -> None:
        # One step of unpacking at a time: what precedes a break is shown, not lost with it.
        self._more = getattr(stream, "read1", stream.read)
        self._look, self._spend = look, spend
        self.head, self._at = b"", 0
        with contextlib.suppress(*_broken()):  # shows again when more is read
            while len(self.head) < _HEAD and (piece := self._show(self._more(BLOCK))):
                self.head += piece
        self._block = self.head

    def read(self, size: int | None = -1) -> bytes:
        """Return what is left of the last piece, however short: some read byte by byte."""
        if self._at == len(self._block):
            self._block, self._at = self._show(self._more(BLOCK)), 0
        end = len(self._block) if size is None or size < 0 else min(self._at + size, len(self._block))
        piece, self._at = self._block[self._at : end], end
        return piece

    def drain(self) -> None:
        """Read what is left."""
        while self.read(BLOCK):
            pass

    def _show(self, data: bytes) -> bytes:
        self._spend(len(data))
        if data:
            self._look(data)
        return data


def search(stream: IO[bytes], look_at: Callable[[str], Look], zip_at_end: bool = False) -> None:
    """Give every byte of a file, and of what is packed in it, to the function that ``look_at`` returns for a member.

    The name of the file itself is empty. With ``zip_at_end`` a zip behind something else is opened too, as Python does.
    Raises TooMuch after all that is within the bounds.
    """
    left = max(LARGEST, 2 * stream.seek(0, os.SEEK_END))
    stream.seek(0)

    def spend(size: int) -> None:
        nonlocal left
        left -= size
        if left < 0:
            raise TooMuch

    kind = _read(stream, "", look_at, spend, 0)
    if kind == "zip" or (zip_at_end and kind == "" and zipfile.is_zipfile(stream)):
        _members(_zip(stream), "", look_at, spend, 0)


def _read(
    stream: IO[bytes], name: str, look_at: Callable[[str], Look], spend: Callable[[int], None], depth: int
) -> str:
    """Read a stream to its end, and what is in it, but for a zip, which is read from its end; returns what it is."""
    watched = _Watched(stream, look_at(name), spend if depth else lambda _size: None)
    kind = kind_of(watched.head)
    if kind and depth >= DEEPEST:
        raise TooMuch
    source = cast("IO[bytes]", watched)
    try:
        if kind == "zip" and depth:
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
                shutil.copyfileobj(source, spool, BLOCK)
                _members(_zip(cast("IO[bytes]", spool)), name, look_at, spend, depth)
        elif kind in ("tar", "ar"):
            _members(_tar(source) if kind == "tar" else _ar(source), name, look_at, spend, depth)
        elif kind and kind != "zip":
            _members(_single(kind, source), name, look_at, spend, depth)
    except TooMuch:
        if depth == 0:
            watched.drain()
        raise
    watched.drain()
    return kind


def kind_of(head: bytes) -> str:
    """Return what a file that begins with ``head`` is packed with, empty for nothing."""
    if head[_TAR] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def _members(
    members: Iterator[tuple[str, IO[bytes]]], outer: str, look_at: Callable[[str], Look],
    spend: Callable[[int], None], depth: int,
) -> None:  # fmt: skip
    while True:
        try:
            found = next(members, None)
            if found is None:
                return
            name, stream = found
            spend(_LEAST)
            _read(stream, "/".join(filter(None, (outer, name))), look_at, spend, depth + 1)
        except _broken():
            # One that cannot be read on; others may follow. A generator that raised itself says that it is at its end.
            continue


def _broken() -> tuple[type[Exception], ...]:
    import zstandard

    return (*_BROKEN, zstandard.ZstdError)


def _zip(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            if info.is_dir() or info.flag_bits & 1:  # bit 0: encrypted, nobody reads it without the password
                continue
            try:
                member = archive.open(info)
            except _BROKEN:
                continue
            with member:
                yield info.filename, member


def _tar(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            member = archive.extractfile(info) if info.isreg() else None
            if member:
                yield info.name, member


class _Part:
    """The next ``left`` bytes of a stream."""

    def __init__(self, stream: IO[bytes], left: int) -> None:
        self._stream, self._left = stream, left

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(self._left, BLOCK if size < 0 else size))
        self._left -= len(data)
        return data


def _ar(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the members of an archive of ar, as Debian's packages and static libraries are."""
    at = _whole(stream, 8)
    while len(at := _whole(stream, 60)) == 60 and at.endswith(b"`\n"):
        size = int(at[48:58])
        member = _Part(stream, size)
        yield at[:16].decode("utf-8", "replace").strip().rstrip("/"), cast("IO[bytes]", member)
        while member.read():
            pass
        _whole(stream, size % 2)


def _whole(stream: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := stream.read(size - len(data))):
        data += piece
    return data


class _Inflated:
    """What a bare stream of zlib unpacks to, in pieces."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._unpack = stream, zlib.decompressobj()

    def read(self, _size: int = -1) -> bytes:
        while not self._unpack.eof:
            data = self._unpack.unconsumed_tail or self._stream.read(BLOCK)
            plain = self._unpack.decompress(data, BLOCK)
            if plain or not data:
                return plain
        return b""


def _single(kind: str, stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    if kind == "zstd":
        import zstandard

        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 30)
        with decompressor.stream_reader(stream, read_across_frames=True, closefd=False) as plain:
            yield "", cast("IO[bytes]", plain)
        return
    if kind == "zlib":
        yield "", cast("IO[bytes]", _Inflated(stream))
        return
    opened: Any = {"gzip": gzip.GzipFile, "bzip2": bz2.BZ2File, "xz": lzma.LZMAFile}[kind]
    with opened(**{"fileobj" if kind == "gzip" else "filename": stream}, mode="rb") as plain:
        yield "", plain
