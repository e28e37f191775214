# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write a payload from a tree, on the bastion: one reading of every file feeds every format and files.json."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._files import (
    BLOCK,
    DIRECTORY,
    FILE,
    SYMLINK,
    FileEntry,
    is_plain,
    leads_out,
)
from ansible_collections.airgap.conda.plugins.module_utils._release import Part, Payload

FORMATS = ("tar.zst", "tar.gz")
PART_SIZE = 64 << 20
# Archives carry no time of their own, so that equal trees give equal bytes. Not 0: some tools take that for "unknown".
MTIME = 1_577_836_800
# Level 3 packs 383 MB in about a second on two cores; level 9 saves a tenth of the size for four times the time.
ZSTD_LEVEL = 3
GZIP_LEVEL = 4


class _Parts:
    """A write-only stream cut into files of at most ``part_size`` bytes: name.000, name.001, …"""

    def __init__(self, folder: Path, name: str, part_size: int) -> None:
        self._folder, self._name, self._part_size = folder, name, part_size
        self._parts: list[Part] = []
        self._whole = hashlib.sha256()
        self._size = 0
        self._open()

    def _open(self) -> None:
        self._part = io.BufferedWriter(io.FileIO(self._folder / f"{self._name}.{len(self._parts):03d}", "w"))
        self._part_hash, self._part_bytes = hashlib.sha256(), 0

    def _close(self) -> None:
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


class _Tee:
    """A write-only stream that feeds several others."""

    def __init__(self, streams: list[Any]) -> None:
        self._streams = streams

    def write(self, data: bytes) -> int:
        for stream in self._streams:
            stream.write(data)
        return len(data)


def write_payloads(
    tree: Path, folder: Path, formats: tuple[str, ...], part_size: int = PART_SIZE
) -> tuple[list[FileEntry], list[Payload]]:
    """Pack ``tree`` into ``folder`` as env.<format> for each format and return its entries and payloads.

    Equal trees give equal bytes: entries are sorted, owned by root, without times, and byte code is bound to
    its source by content instead of by time (``_release_pyc``).
    """
    import zstandard

    paths = list(walk(tree))
    _check_paths(tree, paths)
    parts = {name: _Parts(folder, f"env.{name}", part_size) for name in formats}
    entries: list[FileEntry] = []
    with ExitStack() as stack:
        streams: list[Any] = []
        sink: Any
        for name, sink in parts.items():
            if name == "tar.zst":
                compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, threads=-1)
                streams.append(stack.enter_context(compressor.stream_writer(sink, closefd=False)))
            else:
                packer = gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=sink, mtime=0)
                streams.append(stack.enter_context(packer))
        tee: Any = _Tee(streams)
        archive = stack.enter_context(
            tarfile.open(fileobj=tee, mode="w|", format=tarfile.GNU_FORMAT, bufsize=BLOCK, encoding="utf-8")
        )
        for path in paths:
            entry = _add(archive, tree, path)
            if entry:
                entries.append(entry)
    return entries, [sink.finish(name) for name, sink in parts.items()]


def walk(tree: Path) -> Iterator[str]:
    """Yield every path below ``tree``, parents first, in an order that depends on names alone."""
    for folder, names, files in os.walk(tree, onerror=_raise):
        names.sort()
        links = [name for name in names if os.path.islink(os.path.join(folder, name))]
        if folder != str(tree):
            yield os.path.relpath(folder, tree)
        for name in sorted(files + links):
            yield os.path.relpath(os.path.join(folder, name), tree)


def _raise(error: OSError) -> None:
    raise error  # os.walk would leave an unreadable folder out without a word


def _check_paths(tree: Path, paths: list[str]) -> None:
    """Refuse what a host would refuse, before anything is packed."""
    links = {path: os.readlink(tree / path) for path in paths if (tree / path).is_symlink()}
    for path in paths:
        if not is_plain(path):
            raise _cannot_pack(tree / path, f"the name {path!r}", "rename it")
        if path in links and leads_out(path, links):
            raise _cannot_pack(
                tree / path, f"a link to {links[path]}, outside the environment", "replace it by a relative link"
            )


def _add(archive: tarfile.TarFile, tree: Path, path: str) -> FileEntry | None:
    source = tree / path
    status = source.lstat()
    member = tarfile.TarInfo(path)
    member.mtime = MTIME
    if stat.S_ISDIR(status.st_mode):
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
        return FileEntry(path, DIRECTORY, member.mode)
    if stat.S_ISLNK(status.st_mode):
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, os.readlink(source), 0o777
        archive.addfile(member)
        return FileEntry(path, SYMLINK, target=member.linkname)
    if not stat.S_ISREG(status.st_mode):
        raise _cannot_pack(source, "a socket, pipe or device", "remove it from the environment")
    member.mode = 0o755 if status.st_mode & 0o111 else 0o644
    with open(source, "rb") as stream:
        content: BinaryIO = stream
        member.size = status.st_size
        if path.endswith(".pyc"):
            code = _release_pyc(stream.read(), source)
            if code is None:
                return None
            content = io.BytesIO(code)
            member.size = len(code)
        digest = hashlib.sha256()
        reader: Any = _HashingReader(content, digest)
        archive.addfile(member, reader)
    return FileEntry(path, FILE, member.mode, member.size, digest.hexdigest())


class _HashingReader:
    """What tarfile reads a file through, so that it is read once for all purposes."""

    def __init__(self, stream: BinaryIO, digest: Any) -> None:
        self._stream, self._digest = stream, digest

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        return data


def _release_pyc(code: bytes, path: Path) -> bytes | None:
    """Return byte code whose header no longer asks for its source's time, or None when it is stale.

    A release has no times, so byte code bound to one would be compiled again at every start by users who cannot
    write it back. PEP 552's "unchecked hash" header is right for it: the tree never changes. Byte code
    that does not match its source's time and size (conda-pack rewrote a prefix in it, say) is left out.
    """
    match = re.fullmatch(r"(.+)\.[a-z]+-[0-9]+(\.opt-[12])?\.pyc", path.name)
    source = path.parent.parent / f"{match.group(1)}.py" if match and path.parent.name == "__pycache__" else None
    if len(code) < 16 or code[2:4] != b"\r\n":
        return code
    flags = int.from_bytes(code[4:8], "little")
    if source is None or flags != 0 or int.from_bytes(code[0:2], "little") < 3392:  # 3392: Python 3.7, PEP 552
        return code
    try:
        status = source.stat()
    except OSError:
        return None
    wanted = (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)
    if wanted != (int.from_bytes(code[8:12], "little"), int.from_bytes(code[12:16], "little")):
        return None
    return code[:4] + (1).to_bytes(4, "little") + bytes(8) + code[16:]


def _cannot_pack(path: Path, found: str, remedy: str) -> AirgapError:
    return AirgapError(
        "The environment holds something that cannot be released",
        wanted="files, directories and links that stay inside the environment",
        found=found,
        where=str(path),
        remedy=remedy,
    )
