# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""tar.zst and tar.gz: a tar, compressed; what hosts of any age can take."""

from __future__ import annotations

import errno
import gzip
import importlib.util
import io
import tarfile
import zlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK, MTIME
from ansible_collections.airgap.conda.plugins.module_utils._formats.ahead import Ahead
from ansible_collections.airgap.conda.plugins.module_utils._formats.arriving import Arriving
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import (
    Damaged,
    Format,
    Member,
    Source,
    Writer,
)
from ansible_collections.airgap.conda.plugins.module_utils._formats.parts import Parts

# Level 3 packs 383 MB in about a second on two cores; level 9 saves a tenth of the size for four times the time.
ZSTD_LEVEL = 3
# Bytes that a thread is given at a time. With less, the threads wait for the next small files.
ZSTD_JOB = 16 << 20
GZIP_LEVEL = 4
# Bytes that a compressor is given at least, but for large pieces of files, which go past this buffer.
BUFFER = 128 << 10
# Bytes that tell the name of a member where a header has no room for it; a path ends at 4096.
LONGEST_HEADER = 64 << 10


class Tar(Format):
    """A tar in whatever ``packed`` and ``unpacked`` make of it."""

    in_order = True

    @abstractmethod
    def packed(self, parts: Parts) -> AbstractContextManager[Any]:
        """Return a stream that is written to, and writes to ``parts``."""

    @abstractmethod
    def unpacked(self, stream: BinaryIO) -> AbstractContextManager[Any]:
        """Return a stream that is read from, and reads from ``stream``."""

    @contextmanager
    def writer(self, parts: Parts) -> Iterator[Writer]:
        """Return what writes a tar."""
        with self.packed(parts) as stream, io.BufferedWriter(_Raw(stream), BUFFER) as out:
            archive = Archive(out)
            yield archive
            archive.finish()

    @contextmanager
    def members(self, source: Source) -> Iterator[Iterator[Member]]:
        """Return what gives the members of a tar; its names are its own."""
        chain, stopped = chained(source.parts), source.parts.stopped if isinstance(source.parts, Arriving) else None
        try:
            with chain, self.unpacked(chain) as plain, Ahead(plain, stopped) as stream, open_tar(stream) as archive:
                yield (
                    Member(_name(member), member.isreg(), member.size, stream.blocks(member.size)) for member in archive
                )
        # tarfile's own: ValueError for a sparse map that is none, RecursionError for headers that follow each other.
        except (
            tarfile.TarError,
            EOFError,
            ValueError,
            RecursionError,
            zlib.error,
            gzip.BadGzipFile,
            _zstd_error(),
        ) as error:
            raise Damaged(str(error)) from error


class TarGz(Tar):
    """The tar of the oldest hosts."""

    name = "tar.gz"
    shell = 'cat $parts | tar -xzpf - -C "$tree" --no-same-owner'

    def packed(self, parts: Parts) -> AbstractContextManager[Any]:
        """Compress, without the time at which that is done."""
        sink: Any = parts
        return gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=sink, mtime=0)

    def unpacked(self, stream: BinaryIO) -> AbstractContextManager[Any]:
        """Decompress."""
        return gzip.GzipFile(fileobj=stream, mode="rb")


class TarZst(Tar):
    """The tar that is packed and unpacked fastest."""

    name = "tar.zst"

    def lacks(self) -> str:
        """Return the library that a runtime may be without."""
        return "" if importlib.util.find_spec("zstandard") else "the Python package zstandard"

    @contextmanager
    def packed(self, parts: Parts) -> Iterator[Any]:
        """Compress with all cores."""
        import zstandard

        try:
            with compressor().stream_writer(parts, closefd=False) as stream:
                yield stream
        except zstandard.ZstdError as error:
            raise OSError(errno.EAGAIN, f"{error} (zstd wants a thread for each core)") from error

    def unpacked(self, stream: BinaryIO) -> AbstractContextManager[Any]:
        """Decompress."""
        import zstandard

        unpacked: AbstractContextManager[Any] = zstandard.ZstdDecompressor().stream_reader(stream, read_size=BLOCK)
        return unpacked


class _Chain(io.RawIOBase):
    """Several files read as one stream."""

    def __init__(self, paths: Iterable[Path]) -> None:
        super().__init__()
        self._paths = iter(paths)
        self._stream: Any = io.BytesIO()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            count = self._stream.readinto(buffer)
            if count:
                return int(count)
            self._stream.close()
            path = next(self._paths, None)
            # At the end an empty stream: gzip asks once more after it.
            self._stream = io.FileIO(path) if path is not None else io.BytesIO()
            if path is None:
                return 0

    def close(self) -> None:
        self._stream.close()
        super().close()


def chained(paths: Iterable[Path]) -> BinaryIO:
    """Return a stream that reads several files, one after another."""
    return io.BufferedReader(_Chain(paths), BLOCK)


def compressor(threads: int = -1) -> Any:
    """Return what makes tar.zst, with a thread for each core. How many there are does not change a byte."""
    import zstandard

    options = {"threads": threads, "job_size": ZSTD_JOB}
    return zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(ZSTD_LEVEL, **options)
    )


def _zstd_error() -> type[Exception]:
    try:
        import zstandard
    except ImportError:
        return EOFError  # a runtime without zstandard unpacks tar.gz only
    return zstandard.ZstdError


class _Raw(io.RawIOBase):
    """A stream that is written to, as the buffer above it wants it; closing this leaves that open."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(data)
        return len(data)


class Archive(Writer):
    """A tar of a tree. The headers are tarfile's; its own writing of content takes longer than compressing it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._size = 0

    def directory(self, path: str, mode: int) -> None:
        """Write the header of a directory."""
        member = tarfile.TarInfo(path)
        member.type, member.mode = tarfile.DIRTYPE, mode
        self.content(header(member))

    def link(self, path: str, target: str) -> None:
        """Write the header of a link."""
        member = tarfile.TarInfo(path)
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
        self.content(header(member))

    def file(self, path: str, mode: int, size: int) -> None:
        """Write the header of a file."""
        member = tarfile.TarInfo(path)
        member.mode, member.size = mode, size
        self.content(header(member))

    def content(self, data: bytes | memoryview) -> None:
        """Write bytes."""
        self._out.write(data)
        self._size += len(data)

    def end(self) -> None:
        """Fill the last block of a file."""
        self.content(bytes(-self._size % tarfile.BLOCKSIZE))

    def finish(self) -> None:
        """Write the end of the archive: two empty blocks, and more of them to the size of a record."""
        self.content(bytes(2 * tarfile.BLOCKSIZE))
        self.content(bytes(-self._size % tarfile.RECORDSIZE))


def header(member: tarfile.TarInfo) -> bytes:
    """Return the header of ``member``: the bytes of tarfile, which takes five times as long for them."""
    member.mtime = MTIME
    name = member.name.encode("utf-8", "surrogateescape")
    if not member.isreg() or len(name) > tarfile.LENGTH_NAME or member.size >= 8 << 30:
        return member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    made = bytearray(_FILE_HEADER)
    made[: len(name)] = name
    made[100:107] = b"%07o" % member.mode
    made[124:135] = b"%011o" % member.size
    made[148:155] = b"%06o\0" % sum(made)  # the field itself counts as spaces, which it has
    return bytes(made)


def _file_header() -> bytes:
    member = tarfile.TarInfo()
    member.mtime = MTIME
    made = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    made[148:156] = b" " * 8
    return bytes(made)


# A regular file's, without name, mode, size and sum.
_FILE_HEADER = _file_header()


class _Member(tarfile.TarInfo):
    """A member whose long name or attributes are short enough: tarfile reads them at once, whatever size they claim."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        """Read a header; most are those of files that ``header`` made, which takes a third of the time to see."""
        member = cls(buf[: tarfile.LENGTH_NAME].partition(b"\0")[0].decode(encoding, errors))
        with suppress(ValueError):
            member.mode, member.size = int(buf[100:107], 8), int(buf[124:135], 8)
            if buf == header(member):
                return member
        return super().frombuf(buf, encoding, errors)

    def _proc_member(self, tarfile: Any) -> Any:
        is_plain = self.isreg() or self.isdir() or self.issym()
        if not is_plain and self.size > LONGEST_HEADER:
            raise ValueError(f"a header of {self.size} bytes")
        return super()._proc_member(tarfile)  # type: ignore[misc]


def _name(member: tarfile.TarInfo) -> str:
    """Return the name of a member; Python 3.9 and older leave a slash at the end of a directory's long name."""
    return member.name.removesuffix("/") if member.isdir() else member.name


def open_tar(stream: Any) -> tarfile.TarFile:
    """Open a tar that is read forward only; not by "r|", which reads ahead too, and copies everything once more."""
    return tarfile.open(fileobj=stream, mode="r:", encoding="utf-8", tarinfo=_Member)
