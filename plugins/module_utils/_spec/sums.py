# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the files are that ``files:`` of release.yml brings: the sha256 of each, remembered while its state is the same.

A build asks several times, and weights have gigabytes. What is remembered decides nothing alone: what is copied into
an environment is hashed again on the way.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK, FILE, FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._spec.files import Brought, Item, state_of

# Bytes of a file that is worth remembering, and how many are.
LEAST, MOST = 1 << 20, 10_000
# Nanoseconds that a state must be old before it is taken for that of the content: file systems count in ticks.
SETTLED = 2_000_000_000


@dataclass(frozen=True)
class Content:
    """What ``files:`` brings: the entries of each path. ``sha256`` names all of it, empty when it is nothing."""

    entries: tuple[tuple[FileEntry, ...], ...] = ()

    @property
    def sha256(self) -> str:
        """Name the content: other bytes, names, modes or links give another name, other sources do not."""
        return _digest(entry for entries in self.entries for entry in entries) if self.entries else ""

    def summary(self) -> tuple[dict[str, Any], ...]:
        """Return path, sha256, bytes and number of files of each entry; a folder's sha256 is that of its list."""
        return tuple(
            {
                "path": entries[0].path,
                "sha256": entries[0].sha256 or _digest(entries),
                "bytes": sum(entry.size for entry in entries),
                "files": sum(entry.type == FILE for entry in entries),
            }
            for entries in self.entries
        )


def _digest(entries: Iterable[FileEntry]) -> str:
    lines = sorted((e.path, e.type, e.mode, e.size, e.sha256, e.target) for e in entries)
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def content_of(files: Iterable[Brought]) -> Content:
    """Read what the sources hold; raises AirgapError for all that cannot be read, or has another sha256 than given."""
    faults, memory = Faults(), _Memory()
    found = []
    for brought in files:
        entries = []
        for item in brought.items:
            with faults.gathered():
                sha256 = _sha256_of(brought, item, memory) if item.type == FILE else ""
                entries.append(FileEntry(item.path, item.type, item.mode, item.size, sha256, item.target))
        if brought.sha256 and entries and entries[0].sha256 != brought.sha256:
            faults.found.append(
                AirgapError(
                    "A source of files has other content than release.yml says",
                    wanted=f"sha256 {brought.sha256}",
                    found=f"sha256 {entries[0].sha256} of {brought.source}",
                    where=brought.where,
                    remedy="fetch the file again; if it is the right one, correct its sha256",
                    code="sha256-differs",
                )
            )
        found.append(tuple(entries))
    memory.keep()
    faults.tell("files in release.yml")
    return Content(tuple(found))


def _sha256_of(brought: Brought, item: Item, memory: _Memory) -> str:
    known = memory.known(item)
    if known:
        return known
    began = time.time_ns()
    digest = hashlib.sha256()
    try:
        # Not to wait for a pipe that has just taken its place.
        handle = os.open(item.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb", buffering=0) as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
            after = state_of(stream.fileno())
    except OSError as error:
        raise AirgapError(
            "A source of files cannot be read",
            wanted="a file that the user of this build can read",
            found=f"{item.source}: {error.strerror}",
            where=brought.where,
            remedy="let that user read it, and look whether its disk is well",
            code="source-unusable",
        ) from error
    if after != item.state:
        raise changed(brought.where, item.source)
    memory.learn(item, digest.hexdigest(), began)
    return digest.hexdigest()


def changed(where: str, source: str) -> AirgapError:
    """Return the error for a source that is another one than a moment before."""
    return AirgapError(
        "A source of files changed while it was read",
        wanted="files that nobody writes during a build",
        found=source,
        where=where,
        remedy="wait until whoever writes it is done, then build again",
        code="source-changed",
    )


class _Memory:
    """Hashes by path, each with the state that the file had; in the user's cache, and lost without harm."""

    def __init__(self) -> None:
        self._path = memory_path()
        self._known: dict[str, Any] = {}
        self._new = False
        with suppress(OSError, ValueError, TypeError):
            self._known = dict(json.loads(self._path.read_text(encoding="utf-8")))

    def known(self, item: Item) -> str:
        with suppress(TypeError, ValueError, KeyError):
            state, sha256 = self._known[item.source]
            if list(item.state) == state and len(sha256) == 64:
                return str(sha256)
        return ""

    def learn(self, item: Item, sha256: str, began: int) -> None:
        is_settled = began - max(item.state[3:]) > SETTLED
        if item.size >= LEAST and is_settled:
            self._known.pop(item.source, None)
            self._known[item.source] = [list(item.state), sha256]
            self._new = True

    def keep(self) -> None:
        kept: Mapping[str, Any] = dict(list(self._known.items())[-MOST:])
        if self._new:
            with suppress(OSError, UnicodeEncodeError):
                make_folder(self._path.parent, 0o700)
                replace_file(self._path, json.dumps(kept).encode(), 0o600)


def memory_path() -> Path:
    """Return the file of hashes that this user's builds remember."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(folder) / "airgap.conda" / "sums.json"


def forget() -> None:
    """Forget all hashes: one of them was wrong."""
    with suppress(OSError):
        memory_path().unlink()
