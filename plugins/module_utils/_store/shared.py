# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One copy of a large file that several installed releases have: a hard link takes no space and is not written.

What is linked is hashed first: a release is never made of what another one merely should have. Only root's files are
shared. A user's own store can be written by the programs of that user, and one that saves a model where it read it
would then damage the release that a rollback leads to as well.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK, FILE, MTIME, FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of

# Bytes. Most files of an environment are smaller, and have little of its space.
LEAST = 1 << 20
# What every file has where SELinux is in use. Capabilities, access lists and the like are no part of a release.
_LABELS = {"security.selinux"}
# What two files must have in common: hash, mode, size.
_Key = tuple[str, int, int]


class Holds(Protocol):
    """What is asked of a store."""

    def known(self) -> list[str]: ...  # noqa: D102 - as in Releases
    def releases(self, env: str) -> list[str]: ...  # noqa: D102
    def release(self, env: str, release: str) -> Path: ...  # noqa: D102
    def files(self, env: str, release: str) -> list[FileEntry]: ...  # noqa: D102


class Shared:
    """The files of the installed releases of a store that a new one, with ``entries``, has too."""

    def __init__(self, store: Holds, env: str, entries: Iterable[FileEntry]) -> None:
        is_root = os.geteuid() == 0
        wanted = {_key(entry) for entry in entries if entry.type == FILE and entry.size >= LEAST} if is_root else set()
        self._places: dict[_Key, list[str]] = {}
        for key, place in _held(store, env) if wanted else ():
            if key in wanted:
                self._places.setdefault(key, []).append(place)

    def link(self, entry: FileEntry, place: str) -> bool:
        """Make the file ``entry`` at ``place``, where nothing is, out of one that is here; False if there is none."""
        for source in self._places.get(_key(entry), ()):
            # First the link, which nobody else reaches, then the look at it: what is looked at is what stays.
            try:
                os.link(source, place, follow_symlinks=False)
            except OSError:
                continue
            with suppress(OSError):
                if _is(entry, place):
                    return True
            os.unlink(place)
        return False


def _key(entry: FileEntry) -> _Key:
    return entry.sha256, entry.mode, entry.size


def _held(store: Holds, env: str) -> Iterator[tuple[_Key, str]]:
    """Yield every large file that a release should have, those of ``env`` and of the newest releases first."""
    for name in sorted(store.known(), key=lambda known: (known != env, known)):
        for release in sorted(store.releases(name), key=serial_of, reverse=True):
            with suppress(AirgapError, OSError):  # its record is damaged: it cannot help
                for entry in store.files(name, release):
                    if entry.type == FILE and entry.size >= LEAST:
                        yield _key(entry), f"{store.release(name, release)}/{entry.path}"


def _is(entry: FileEntry, place: str) -> bool:
    """Tell whether the file at ``place`` is as this process would have written it, to the last byte."""
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(handle, "rb", buffering=0) as stream:
        status = os.fstat(handle)
        wanted = (stat.S_IFREG | entry.mode, os.geteuid(), entry.size, MTIME)
        if (status.st_mode, status.st_uid, status.st_size, int(status.st_mtime)) != wanted:
            return False
        if set(os.listxattr(handle)) - _LABELS:
            return False
        digest = hashlib.sha256()
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest() == entry.sha256
