# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unpack a release while its parts still arrive, in a process that goes on when the task that began it is over.

It does what an install does, and waits for what it reads: the record is held against the hash that the controller tells
of the manifest that it verified, each part is hashed as soon as it has its name, and each file as it is written. Only
an install makes something of that (``ahead``). Whatever ends the process, the install goes on as if it had not been.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._formats.arriving import Arriving
from ansible_collections.airgap.conda.plugins.module_utils._run.background import Begun
from ansible_collections.airgap.conda.plugins.module_utils._store.ahead import Ahead
from ansible_collections.airgap.conda.plugins.module_utils._store.arrived import Told, arrived
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.plugins.module_utils._store.shared import Shared
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# Seconds after which the process ends: when nothing arrives and no install comes, and in any case.
SILENCE, LIMIT = 300.0, 24 * 3600
# Seconds between two looks at what has arrived.
LOOK = 0.1


class _SilentError(Exception):
    """Nothing arrives any more, or nobody takes what was unpacked."""


def follow(root: Path, one: Mapping[str, Any]) -> bool:
    """Begin to unpack a release that is on its way; False when that cannot be: then only the install unpacks it.

    ``one`` is what the controller tells of it: as ``Told`` has it, and ``record``, the bytes of each of those files.
    """
    record = {name: int(size) for name, size in one["record"].items()}
    told = Told(**{name: value for name, value in one.items() if name != "record"})
    store, ahead = Store(root), Ahead(root, told.env)
    try:
        with os_errors(f"Unpacking {told.env} {told.release}", ahead.folder), store.lock(told.env):
            store.require_free(told.env, told.release)
            ahead.end()  # an earlier run's
            make_folder(store.incoming(told.env, told.release), 0o700)
            make_folder(ahead.unfinished(told), 0o700)
            begun = ahead.start(lambda begun: live(store, ahead, told, record, begun), LIMIT) == {}
            if not begun:
                ahead.end()
            return begun
    except AirgapError:
        return False


def live(store: Store, ahead: Ahead, told: Told, record: Mapping[str, int], begun: Begun) -> None:
    """Be the process: unpack, and wait for the install; nothing is left, and nobody told, when that fails."""
    begun.tell({})
    folder = store.incoming(told.env, told.release)
    arrival = _Arrival(folder, ahead.folder)
    try:
        for name, size in record.items():
            arrival.wait(folder / name, size)
        here = arrived(store.root, folder, told)
        sizes = {part.name: part.size for part in here.payload.parts}

        def arrive(part: Path) -> None:
            arrival.wait(part, sizes[part.name])
            here.require(part)

        parts, have = Arriving(here.parts, arrive, arrival.stopped), Shared(store, told.env, here.entries).link
        extract(parts, told.format, here.entries, ahead.unfinished(told), have)
        arrival.stopped.clear()
        ahead.unfinished(told).rename(ahead.whole(told))
        arrival.wait_on()
    except (AirgapError, OSError, _SilentError):
        return
    finally:
        ahead.leave()


class _Arrival:
    """What arrives in ``folder``, for a process whose own folder is ``own``; ``stopped``: nobody wants it any more."""

    def __init__(self, folder: Path, own: Path) -> None:
        self._folder, self._own = folder, own
        self.stopped = Event()

    def wait(self, path: Path, size: int) -> None:
        """Wait until a file has so many bytes: some get their name before they are whole."""
        self._until(lambda: path.is_file() and path.stat().st_size == size)

    def wait_on(self) -> None:
        """Wait for the install, which ends this process."""
        self._until(lambda: False)

    def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait; raises _SilentError after a long time in which nothing arrived, and without a folder."""
        there, since = self._names(), time.monotonic()
        while not is_so():
            before, there = there, self._names()
            if there != before:
                since = time.monotonic()
            if time.monotonic() - since > SILENCE or not self._own.is_dir() or self.stopped.wait(LOOK):
                raise _SilentError

    def _names(self) -> set[tuple[str, int]]:
        """Return what is there by now, with its bytes."""
        there = set()
        with os.scandir(self._folder) as found:
            for entry in found:
                with suppress(FileNotFoundError):  # it gets its name this moment
                    there.add((entry.name, entry.stat(follow_symlinks=False).st_size))
        return there
