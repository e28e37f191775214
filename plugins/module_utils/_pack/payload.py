# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write a payload from a tree, on the bastion: one reading of every file feeds every format and files.json."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import (
    DIRECTORY,
    FILE,
    MTIME,
    SYMLINK,
    FileEntry,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import is_plain, leads_out
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import walk
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Writer
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS
from ansible_collections.airgap.conda.plugins.module_utils._formats.parts import Parts

# What one command of a deploy takes in, and the most that is left to unpack when the last byte of a release was sent.
PART_SIZE = 32 << 20
# What is read of a file at a time, in bytes: small enough to stay in a core's cache on its way to hash and compressor.
READ = 256 << 10
# Byte code of folder/name.py, with the kind of Python and its version: cpython-311, cpython-313t, pypy39.
_PYC = re.compile(r"(.*/)__pycache__/([^/]+)\.([a-z]+)-?([0-9]+)[\w-]*(?:\.opt-[12])?\.pyc", re.DOTALL)
# The first two bytes of byte code: from here on by PEP 552 (3.7), from here on of Python 2.
_PEP_552, _PYTHON_2 = 3392, 20_000


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
    parts = {name: Parts(folder, f"env.{name}", part_size) for name in formats}
    with ExitStack() as stack:
        source = _Source(tree, [stack.enter_context(FORMATS[name].writer(sink)) for name, sink in parts.items()])
        for path in paths:
            source.add(path)
            progress.part(f"packing {whole >> 20} MiB:", source.size, whole)
    return source.entries, [sink.finish(name) for name, sink in parts.items()]


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


class _Source:
    """A tree that is read once, for all formats and for files.json."""

    def __init__(self, tree: Path, writers: Sequence[Writer]) -> None:
        self.entries: list[FileEntry] = []
        self.size = 0
        self._tree, self._writers = str(tree), writers
        self._buffer = memoryview(bytearray(READ))

    def add(self, path: str) -> None:
        source = f"{self._tree}/{path}"
        status = os.lstat(source)
        if stat.S_ISREG(status.st_mode):
            self._add_file(path, source, status)
        elif stat.S_ISDIR(status.st_mode):
            self._add(FileEntry(path, DIRECTORY, 0o755))
        elif stat.S_ISLNK(status.st_mode):
            self._add(FileEntry(path, SYMLINK, target=os.readlink(source)))
        else:
            raise _cannot_pack(Path(source), "a socket, pipe or device", "remove it from the environment")

    def _add(self, entry: FileEntry) -> None:
        for writer in self._writers:
            if entry.type == DIRECTORY:
                writer.directory(entry.path, entry.mode)
            else:
                writer.link(entry.path, entry.target)
        self.entries.append(entry)

    def _add_file(self, path: str, source: str, status: os.stat_result) -> None:
        mode = 0o755 if status.st_mode & 0o111 else 0o644
        size = status.st_size
        digest = hashlib.sha256()
        with open(source, "rb", buffering=0) as stream:
            content: Any = stream
            if source.endswith(".pyc"):
                code = _release_pyc(stream.read(), source)
                if code is None:
                    return
                content, size = io.BytesIO(code), len(code)
            for writer in self._writers:
                writer.file(path, mode, size)
            left = size
            while left:
                count = content.readinto(self._buffer[:left])
                if not count:
                    raise OSError(errno.EIO, "it became shorter while it was read", source)
                chunk = self._buffer[:count]
                digest.update(chunk)
                for writer in self._writers:
                    writer.content(chunk)
                left -= count
        for writer in self._writers:
            writer.end()
        self.size += size
        self.entries.append(FileEntry(path, FILE, mode, size, digest.hexdigest()))


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
        code="tree-unpackable",
        wanted="files, directories and links inside the environment",
        found=found,
        where=str(path),
        remedy=remedy,
    )
