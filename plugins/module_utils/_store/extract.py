# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unpack a payload on a host: only what files.json lists, hashed while it is written.

The target is a fresh directory of mode 0700 that only this process writes. Directories come first, then files,
each created exclusively, and links last and from the list: no link exists while anything is written, so nothing
can be written through one.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import (
    BLOCK,
    DIRECTORY,
    FILE,
    MTIME,
    SYMLINK,
    FileEntry,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._store.ahead import Ahead

# Bytes that tell the name of a member where a header has no room for it; a path ends at 4096.
LONGEST_HEADER = 64 << 10


class _Chain(io.RawIOBase):
    """Several files read as one stream."""

    def __init__(self, paths: list[Path]) -> None:
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


def extract(parts: list[Path], format_name: str, entries: list[FileEntry], target: Path) -> None:
    """Unpack the payload in ``parts`` into the empty directory ``target``.

    Raises AirgapError when the payload holds anything else than ``entries``, each once, the files byte for byte.
    """
    places = [(entry, f"{target}/{entry.path}") for entry in entries]
    for entry, place in places:
        if entry.type == DIRECTORY:
            os.mkdir(place, 0o700)
    _extract_files(parts, format_name, places, passing_over=False)
    for entry, place in places:
        if entry.type == SYMLINK:
            os.symlink(entry.target, place)
    for entry, place in reversed(places):
        if entry.type == DIRECTORY:
            os.chmod(place, entry.mode)


def extract_some(parts: list[Path], format_name: str, files: Iterable[tuple[FileEntry, str]]) -> None:
    """Unpack single files of a payload, each to a path where nothing is; raises AirgapError as ``extract`` does."""
    _extract_files(parts, format_name, files, passing_over=True)


def _extract_files(
    parts: list[Path], format_name: str, files: Iterable[tuple[FileEntry, str]], passing_over: bool
) -> None:
    """Write ``files``; what else the payload holds is passed over, or refused."""
    where = str(parts[0])
    wanted = {entry.path: (entry, path) for entry, path in files}
    chain = io.BufferedReader(_Chain(parts), BLOCK)
    try:
        with chain, _decompress(chain, format_name) as plain, Ahead(plain) as stream, _open_tar(stream) as archive:
            for member in archive:
                if passing_over and member.name not in wanted:
                    continue
                entry, path = wanted.pop(member.name, (None, None))
                is_file = entry is not None and entry.type == FILE
                if entry is None or path is None or member.size != entry.size or member.isreg() != is_file:
                    raise _damaged(where, f"{member.name!r}, which files.json does not list like that")
                if is_file:  # all else comes from files.json
                    _write(stream.blocks(entry.size), entry, path, where)
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
        raise _damaged(where, f"an archive that cannot be read: {error}") from error
    if wanted:
        raise _damaged(where, f"{len(wanted)} members missing, {min(wanted)!r} among them")


class _Member(tarfile.TarInfo):
    """A member whose long name or attributes are short enough: tarfile reads them at once, whatever size they claim."""

    def _proc_member(self, tarfile: Any) -> Any:
        is_plain = self.isreg() or self.isdir() or self.issym()
        if not is_plain and self.size > LONGEST_HEADER:
            raise ValueError(f"a header of {self.size} bytes")
        return super()._proc_member(tarfile)  # type: ignore[misc]


def _open_tar(stream: Any) -> tarfile.TarFile:
    # Not "r|": that reads ahead too, and copies everything once more.
    return tarfile.open(fileobj=stream, mode="r:", encoding="utf-8", tarinfo=_Member)


def _decompress(stream: BinaryIO, format_name: str) -> Any:
    if format_name == "tar.gz":
        return gzip.GzipFile(fileobj=stream, mode="rb")
    import zstandard

    return zstandard.ZstdDecompressor().stream_reader(stream, read_size=BLOCK)


def _zstd_error() -> type[Exception]:
    try:
        import zstandard
    except ImportError:
        return EOFError  # a runtime without zstandard unpacks tar.gz only
    return zstandard.ZstdError


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
        raise _damaged(where, f"{entry.path!r} with other content than files.json says")


def _damaged(where: str, found: str) -> AirgapError:
    return AirgapError(
        "The payload does not match its release",
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
