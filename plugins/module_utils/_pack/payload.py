# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write a payload from a tree, on the bastion: one reading of every file feeds every format and files.json."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import (
    DIRECTORY,
    FILE,
    MTIME,
    SYMLINK,
    FileEntry,
    is_plain,
    leads_out,
    walk,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Part, Payload

FORMATS = ("tar.zst", "tar.gz")
PART_SIZE = 64 << 20
# Level 3 packs 383 MB in about a second on two cores; level 9 saves a tenth of the size for four times the time.
ZSTD_LEVEL = 3
# Bytes that a thread is given at a time. With less, the threads wait for the next small files.
ZSTD_JOB = 16 << 20
GZIP_LEVEL = 4
# What is read of a file at a time, in bytes: small enough to stay in a core's cache on its way to hash and compressor.
READ = 256 << 10
# Byte code of folder/name.py, with the kind of Python and its version: cpython-311, cpython-313t, pypy39.
_PYC = re.compile(r"(.*/)__pycache__/([^/]+)\.([a-z]+)-?([0-9]+)[\w-]*(?:\.opt-[12])?\.pyc", re.DOTALL)
# The first two bytes of byte code: from here on by PEP 552 (3.7), from here on of Python 2.
_PEP_552, _PYTHON_2 = 3392, 20_000


class _Parts:
    """A write-only stream cut into files of at most ``part_size`` bytes: name.000, name.001, …"""

    def __init__(self, folder: Path, name: str, part_size: int) -> None:
        self._folder, self._name, self._part_size = folder, name, part_size
        self._parts: list[Part] = []
        self._whole: Any = None  # the hash of all parts; as long as there is one, its hash is that
        self._size = 0
        self._open()

    def _open(self) -> None:
        self._part = io.BufferedWriter(io.FileIO(self._folder / f"{self._name}.{len(self._parts):03d}", "w"))
        self._part_hash, self._part_bytes = hashlib.sha256(), 0

    def _close(self) -> None:
        self._whole = self._whole or self._part_hash.copy()
        self._part.flush()
        os.fsync(self._part.fileno())
        self._part.close()
        self._parts.append(Part(f"{self._name}.{len(self._parts):03d}", self._part_bytes, self._part_hash.hexdigest()))

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            if self._part_bytes == self._part_size:
                self._close()
                self._open()
            chunk = view[: self._part_size - self._part_bytes]
            self._part.write(chunk)
            self._part_hash.update(chunk)
            if self._whole:
                self._whole.update(chunk)
            self._part_bytes += len(chunk)
            self._size += len(chunk)
            view = view[len(chunk) :]
        return len(data)

    def flush(self) -> None:
        self._part.flush()

    def finish(self, format_name: str) -> Payload:
        """Close the last part; a payload that fits in one part loses the number."""
        self._close()
        if len(self._parts) == 1:
            os.rename(self._folder / self._parts[0].name, self._folder / self._name)
            only = self._parts[0]
            self._parts = [Part(self._name, only.size, only.sha256)]
        return Payload(format_name, self._size, self._whole.hexdigest(), tuple(self._parts))


class _Tee(io.RawIOBase):
    """A write-only stream that feeds several others."""

    def __init__(self, streams: list[Any]) -> None:
        super().__init__()
        self._streams = streams

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        for stream in self._streams:
            stream.write(data)
        return len(data)


def write_payloads(
    tree: Path,
    folder: Path,
    formats: tuple[str, ...],
    part_size: int = PART_SIZE,
    progress: Progress | None = None,
) -> tuple[list[FileEntry], list[Payload]]:
    """Pack ``tree`` into ``folder`` as env.<format> for each format and return its entries and payloads.

    Equal trees give equal bytes: entries are sorted, owned by root, without times, and byte code is bound to
    its source by content instead of by time (``_release_pyc``).
    """
    progress = progress or Progress()
    paths = walk(tree)
    whole = _check_paths(tree, paths)
    parts = {name: _Parts(folder, f"env.{name}", part_size) for name in formats}
    with _zstd_errors(), ExitStack() as stack:
        streams: list[Any] = []
        sink: Any
        for name, sink in parts.items():
            if name == "tar.zst":
                streams.append(stack.enter_context(_compressor().stream_writer(sink, closefd=False)))
            else:
                packer = gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=sink, mtime=0)
                streams.append(stack.enter_context(packer))
        # A buffer smaller than what is read at a time: large files go past it.
        archive = _Archive(tree, stack.enter_context(io.BufferedWriter(_Tee(streams), READ // 2)))
        for path in paths:
            archive.add(path)
            progress.part(f"packing {whole >> 20} MiB:", archive.size, whole)
        archive.finish()
    return archive.entries, [sink.finish(name) for name, sink in parts.items()]


@contextmanager
def _zstd_errors() -> Iterator[None]:
    """Tell that zstd got no thread, or no memory, as what it is: an error of the operating system."""
    import zstandard

    try:
        yield
    except zstandard.ZstdError as error:
        raise OSError(errno.EAGAIN, f"{error} (zstd needs a thread per core)") from error


def _compressor(threads: int = -1) -> Any:
    """Return what makes tar.zst, with a thread for each core. How many there are does not change a byte."""
    import zstandard

    options = {"threads": threads, "job_size": ZSTD_JOB}
    return zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(ZSTD_LEVEL, **options)
    )


def _check_paths(tree: Path, paths: list[str]) -> int:
    """Refuse what a host would refuse, before anything is packed; return the bytes of all files together."""
    links, whole = {}, 0
    for path in paths:
        status = os.lstat(f"{tree}/{path}")
        if stat.S_ISLNK(status.st_mode):
            links[path] = os.readlink(f"{tree}/{path}")
        elif stat.S_ISREG(status.st_mode):
            whole += status.st_size
    for path in paths:
        if not is_plain(path):
            raise _cannot_pack(tree / path, f"the name {path!r}", "rename it")
        if path in links and leads_out(path, links):
            raise _cannot_pack(
                tree / path, f"a link to {links[path]}, outside the environment", "replace it by a relative link"
            )
    return whole


class _Archive:
    """A tar of ``tree``. The headers are tarfile's; its own writing of content takes longer than compressing it."""

    def __init__(self, tree: Path, out: BinaryIO) -> None:
        self.entries: list[FileEntry] = []
        self.size = 0
        self._tree, self._out = str(tree), out
        self._buffer = memoryview(bytearray(READ))

    def add(self, path: str) -> None:
        source = f"{self._tree}/{path}"
        status = os.lstat(source)
        member = tarfile.TarInfo(path)
        if stat.S_ISREG(status.st_mode):
            self._add_file(member, source, status)
        elif stat.S_ISDIR(status.st_mode):
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            self._write_header(member)
            self.entries.append(FileEntry(path, DIRECTORY, member.mode))
        elif stat.S_ISLNK(status.st_mode):
            member.type, member.linkname, member.mode = tarfile.SYMTYPE, os.readlink(source), 0o777
            self._write_header(member)
            self.entries.append(FileEntry(path, SYMLINK, target=member.linkname))
        else:
            raise _cannot_pack(Path(source), "a socket, pipe or device", "remove it from the environment")

    def finish(self) -> None:
        """Write the end of the archive: two empty blocks, and more of them to the size of a record."""
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._write(bytes(-self.size % tarfile.RECORDSIZE))

    def _add_file(self, member: tarfile.TarInfo, source: str, status: os.stat_result) -> None:
        member.mode = 0o755 if status.st_mode & 0o111 else 0o644
        member.size = status.st_size
        digest = hashlib.sha256()
        with open(source, "rb", buffering=0) as stream:
            content: Any = stream
            if source.endswith(".pyc"):
                code = _release_pyc(stream.read(), source)
                if code is None:
                    return
                content, member.size = io.BytesIO(code), len(code)
            self._write_header(member)
            left = member.size
            while left:
                count = content.readinto(self._buffer[:left])
                if not count:
                    raise OSError(errno.EIO, "it became shorter while it was read", source)
                chunk = self._buffer[:count]
                digest.update(chunk)
                self._write(chunk)
                left -= count
        self._write(bytes(-member.size % tarfile.BLOCKSIZE))
        self.entries.append(FileEntry(member.name, FILE, member.mode, member.size, digest.hexdigest()))

    def _write_header(self, member: tarfile.TarInfo) -> None:
        self._write(_header(member))

    def _write(self, data: bytes | memoryview) -> None:
        self._out.write(data)
        self.size += len(data)


def _header(member: tarfile.TarInfo) -> bytes:
    """Return the header of ``member``: the bytes of tarfile, which takes five times as long for them."""
    member.mtime = MTIME
    name = member.name.encode("utf-8", "surrogateescape")
    if not member.isreg() or len(name) > tarfile.LENGTH_NAME or member.size >= 8 << 30:
        return member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    header = bytearray(_FILE_HEADER)
    header[: len(name)] = name
    header[100:107] = b"%07o" % member.mode
    header[124:135] = b"%011o" % member.size
    header[148:155] = b"%06o\0" % sum(header)  # the field itself counts as spaces, which it has
    return bytes(header)


def _file_header() -> bytes:
    member = tarfile.TarInfo()
    member.mtime = MTIME
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[148:156] = b" " * 8
    return bytes(header)


# A regular file's, without name, mode, size and sum.
_FILE_HEADER = _file_header()


def _release_pyc(code: bytes, path: str) -> bytes | None:
    """Return byte code that is valid for its source in a release, or None if it is stale.

    Byte code bound to a time of this machine would be compiled again at every start by users who cannot write it
    back, and written by root, who can. PEP 552's "unchecked hash" header is right for it: the tree never changes.
    Before Python 3.7 there is only the time, and that is the same for all files of a release. Byte code that does not
    match its source's time and size (conda-pack rewrote a prefix in it, say) is left out.
    """
    match = _PYC.fullmatch(path)
    if len(code) < 16 or code[2:4] != b"\r\n":
        return code
    magic = int.from_bytes(code[0:2], "little")
    if match is None and (magic < _PYTHON_2 or not os.path.exists(path[:-1])):
        return code  # sourceless, on purpose
    old = match is None or (match[3] == "cpython" and magic < _PEP_552) or (match[3] == "pypy" and int(match[4]) < 37)
    if not old and int.from_bytes(code[4:8], "little") != 0:
        return code
    try:
        status = os.stat(f"{match[1]}{match[2]}.py" if match else path[:-1])
    except OSError:
        return None
    at = 4 if old else 8
    if int.from_bytes(code[at : at + 4], "little") != int(status.st_mtime) & 0xFFFFFFFF:
        return None
    if match and int.from_bytes(code[at + 4 : at + 8], "little") != status.st_size & 0xFFFFFFFF:
        return None
    if old:
        return code[:4] + MTIME.to_bytes(4, "little") + code[8:]
    return code[:4] + (1).to_bytes(4, "little") + bytes(8) + code[16:]


def _cannot_pack(path: Path, found: str, remedy: str) -> AirgapError:
    return AirgapError(
        "The environment contains something that cannot be released",
        wanted="files, directories and links inside the environment",
        found=found,
        where=str(path),
        remedy=remedy,
    )
