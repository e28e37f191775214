# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read untrusted files: regular files of limited size, folders of limited length.

On a drive or in a depot, the name of a part can refer to anything: a pipe that blocks, a device, a link, a huge sparse
file. So type and size are checked first, without opening.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault, Item, UnreadableFault

# Bytes read at a time.
READ = 1 << 20


def blocks(path: Path, limit: int, cached: bool = True) -> Iterator[bytes]:
    """Yield a regular file of at most ``limit`` bytes in blocks of 1 MiB; every OSError has the file's name.

    Raises FileFault for a longer one, before it is opened if it tells. Without ``cached`` the pages that the kernel
    keeps of it are dropped first: what was written a moment ago would come from memory, and a drive that lost it would
    look fine.
    """
    handle, left = -1, limit
    try:
        _require_regular(path.lstat(), limit)
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        _require_regular(os.fstat(handle), limit)  # another file may be there by now
        if not cached:
            os.fsync(handle)  # dirty pages cannot be dropped
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        while True:
            block = os.read(handle, READ)
            left -= len(block)
            if left < 0:  # it may grow while it is read
                raise FileFault(f"more than {limit} bytes")
            if not block:
                return
            yield block
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        if handle >= 0:
            os.close(handle)


def _require_regular(status: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    if status.st_size > limit:
        raise FileFault(f"{status.st_size} bytes, more than {limit}")


def measure(path: Path, size: int | None = None, cached: bool = True, limit: int = limits.PART) -> Item:
    """Read a file once; raises FileFault when it is missing, unreadable, not of ``size`` or above ``limit`` bytes."""
    digest, measured = hashlib.sha256(), 0
    try:
        status = path.lstat()
        if size is not None and stat.S_ISREG(status.st_mode) and status.st_size != size:
            raise FileFault(f"{status.st_size} bytes instead of {size}")
        for block in blocks(path, limit if size is None else size, cached):
            digest.update(block)
            measured += len(block)
    except OSError as error:
        raise as_fault(error) from error
    return Item(path.name, measured, digest.hexdigest())


def read_small(path: Path, limit: int, cached: bool = True) -> bytes:
    """Return the content of a file of at most ``limit`` bytes; raises FileFault as ``measure`` does."""
    try:
        return b"".join(blocks(path, limit, cached))
    except OSError as error:
        raise as_fault(error) from error


def as_fault(error: OSError) -> FileFault:
    """Return what is wrong with a file for which there was an error of the operating system."""
    return FileFault("missing") if error.errno == errno.ENOENT else UnreadableFault(f"unreadable ({error.strerror})")


def list_names(folder: Path, limit: int = limits.NAMES) -> list[str]:
    """Return the sorted names in ``folder``, empty if it is not a folder; raises AirgapError above ``limit``."""
    names: list[str] = []
    if not folder.is_dir():
        return names
    with os.scandir(folder) as entries:
        for entry in entries:
            names.append(entry.name)
            if len(names) > limit:
                raise AirgapError(
                    "A folder has too many entries",
                    wanted=f"at most {limit} names",
                    found="more",
                    where=str(folder),
                    remedy="remove files that do not belong there, or choose another folder",
                )
    return sorted(names)
