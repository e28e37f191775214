# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks: files that nobody else can open. A wait ends at a deadline with an error that names the holder.

``flock`` works on any file that can be opened for reading. So a lock is a file with mode 0600 in a folder with
mode 0700, both made by the one who locks.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

# The name of the folder of locks, next to what they protect.
LOCKS = ".locks"
# Seconds after which a lock is refused although nobody is seen to hold it: a process of another container does.
HOLDER_UNSEEN = 1.0
# Seconds between two looks at a lock that is waited for.
_PAUSE = 0.05


def lock_file(folder: Path, name: str) -> Path:
    """Return the file of the lock ``name`` in ``folder``."""
    return folder / LOCKS / name


@contextmanager
def locked(folder: Path, name: str, what: str, wait: float = 0.0, shared: bool = False) -> Iterator[None]:
    """Hold the lock ``name`` in ``folder``, alone or ``shared``; after ``wait`` seconds fail, naming who holds it.

    ``what`` it protects is for the message.
    """
    path = lock_file(folder, name)
    with os_errors(f"Locking {what}", path):
        handle = _open(folder, name)
    try:
        _take(handle, path, what, wait, shared)
        if not shared:
            with suppress(OSError):  # a full disk must not prevent a rollback
                os.ftruncate(handle, 0)
                os.pwrite(handle, str(os.getpid()).encode(), 0)  # for whoever looks into the file
        yield
    finally:
        os.close(handle)


def _open(folder: Path, name: str) -> int:
    make_folder(folder)
    with suppress(FileExistsError):
        os.mkdir(folder / LOCKS, 0o700)
    private = os.open(folder / LOCKS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _keep_private(private, 0o700)
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=private)
        _keep_private(handle, 0o600)
        return handle
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder / LOCKS / name)) from error
    finally:
        os.close(private)


def _keep_private(handle: int, mode: int) -> None:
    """Take away what others may do, should somebody have given it; a file system without modes has none to take."""
    if stat.S_IMODE(os.fstat(handle).st_mode) != mode:
        with suppress(OSError):
            os.fchmod(handle, mode)


def _take(handle: int, path: Path, what: str, wait: float, shared: bool) -> None:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    start = time.monotonic()
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return
        holder, waited = lock_holder(path), time.monotonic() - start
        if waited >= (wait if holder else max(wait, HOLDER_UNSEEN)):
            raise AirgapError(
                f"Another run is at work on {what}",
                code="locked",
                wanted=f"one run at a time{f', or its end within {wait:.0f} s' if wait else ''}",
                found=f"process {_described(holder) or '(unknown)'} holds the lock",
                where=str(path),
                remedy="wait for it to end, then run again",
            )
        time.sleep(_PAUSE if holder else 0.01)  # without a holder, it ended between the two checks


def _described(pid: str) -> str:
    """Return a process as a person knows it: its number and the name of its program."""
    with suppress(OSError):
        name = Path("/proc", pid, "comm").read_text(encoding="utf-8", errors="replace") if pid else ""
        return f"{pid} ({''.join(filter(str.isprintable, name))})" if name else pid
    return pid


def lock_holder(path: Path) -> str:
    """Return the number of the process that holds a lock on a file (flock), or the empty string.

    The kernel says it at any time. What the holder could write into the file may be late, old, or not fit on the disk.
    On machines with many locks a look may miss one, as others end meanwhile: whoever asks looks again. Files of other
    file systems have the same numbers; a file system may have another device there than here.
    """
    with suppress(OSError):
        status = path.stat()
        found: dict[str, str] = {}
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()  # 1: FLOCK ADVISORY WRITE 4711 fe:00:131 0 EOF
            if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(status.st_ino) and fields[4] != "0":
                found.setdefault(fields[5], fields[4])
        here = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        return found.get(here, next(iter(found.values()), ""))
    return ""
