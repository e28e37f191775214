# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that go on on a host when the task that began them is over, for a limited time.

Each has a folder, and a lock that it holds as long as it lives: the kernel tells who it is. When it ends, it removes
its folder; what a killed one left, whoever comes next removes.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import LOCKS, lock_file, lock_holder, locked

# The lock of those that begin such processes, where these share one.
BEGINS = "begin"
# Seconds: to say that it has begun, and to end when it is asked to, and once more when it is killed.
BEGIN, END = 20.0, 60.0


class Background:
    """A process on this host, at work or not; ``area`` has the folders of all such, ``what`` is one in messages."""

    what = "a process in the background"

    def __init__(self, area: Path, name: str) -> None:
        self.area, self.name = area, name
        self.folder = area / name

    @property
    def is_alive(self) -> bool:
        """Whether it is at work."""
        return is_held(lock_file(self.area, self.name))

    @property
    def process(self) -> str:
        """The number of the process; empty when it is not at work, or not seen."""
        return lock_holder(lock_file(self.area, self.name))

    def end(self) -> None:
        """Have it end, and remove what it has; nothing where there is none."""
        self.stop()
        self.remove()

    def stop(self) -> None:
        """Have it end; it gets a signal first that it can hear."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + END
            while self.is_alive and time.monotonic() < until:
                process = self.process
                with suppress(ProcessLookupError):
                    if process:
                        os.kill(int(process), number)
                time.sleep(0.1)

    def remove(self) -> None:
        """Remove its folder, and that of all if it was the last one."""
        shutil.rmtree(self.folder, ignore_errors=True)
        lock_file(self.area, self.name).unlink(missing_ok=True)
        tidy(self.area)

    def start(self, live: Callable[[Begun], None], seconds: int) -> dict[str, Any] | None:
        """Have a process of its own do ``live``, which may take ``seconds``.

        Return what that told of its beginning: the fields of an error, nothing in it for none. None: it told nothing.
        """
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(reader)
                os.setsid()
                if not os.fork():
                    self._live(live, seconds, writer)
            finally:
                os._exit(0)  # nothing of the task's that is still to be done at its end is for this process
        os.close(writer)
        os.waitpid(child, 0)
        ready, _write, _other = select.select([reader], [], [], BEGIN)
        with open(reader, "rb") as stream:
            told: dict[str, Any] | None = json.loads((stream.readline() if ready else b"") or b"null")
        return told

    def _live(self, live: Callable[[Begun], None], seconds: int, writer: int) -> None:
        """Be the process: with nothing of the task open, and for a limited time, whatever the libraries do."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.alarm(seconds)
        os.umask(0o077)
        os.chdir("/")
        _close_all(writer)
        begun = Begun(writer)
        try:
            with locked(self.area, self.name, self.what):
                live(begun)
        except AirgapError as error:
            begun.tell(error.fields())


class Begun:
    """Tells who began this how that went, once: later, that number is one of another file."""

    def __init__(self, writer: int) -> None:
        self._writer = writer

    def tell(self, what: Mapping[str, str]) -> None:
        """Tell an error, or nothing for none."""
        writer, self._writer = self._writer, -1
        if writer >= 0:
            with suppress(OSError):
                os.write(writer, json.dumps(what).encode() + b"\n")
            os.close(writer)


def tidy(area: Path) -> None:
    """Remove the folder of all such processes if none is left, and nobody begins one."""
    begins = lock_file(area, BEGINS)
    if not is_held(begins):
        begins.unlink(missing_ok=True)
    for folder in (area / LOCKS, area, area.parent):
        with suppress(OSError):  # others are there
            folder.rmdir()


def is_held(path: Path) -> bool:
    """Tell whether a process holds a lock; the kernel's list, read while others change theirs, may lack one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _close_all(but: int) -> None:
    """Close what the task had open, so that its connection can end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in (0, 1, 2, but):
            with suppress(OSError):
                os.close(int(name))
