# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files on a medium that cannot be trusted: read what is really on it, write so that only whole files get their name.

A drive may hold anything under the name of a part: a pipe that never answers, a device, a link to somewhere else. So
nothing is opened but regular files, and nothing is read without a limit.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._disk import flush_directory
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._files import BLOCK

# What may be read without knowing its size beforehand, in bytes: a list of a million files has a tenth of it.
UNSIZED_LIMIT = 1 << 30


@dataclass(frozen=True)
class Item:
    """One file of a release: ``size`` in bytes, ``sha256`` in lower-case hex."""

    name: str
    size: int
    sha256: str


class FileFault(Exception):
    """A file that is not what it should be; the text says in what."""


def blocks(path: Path, cached: bool = True) -> Iterator[bytes]:
    """Yield a regular file in blocks of 1 MiB; every OSError has the file's name.

    Without ``cached`` the pages that the kernel keeps of it are dropped first: what was written a moment ago would come
    from memory, and a drive that lost it would look fine.
    """
    handle = -1
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file")
        if not cached:
            os.fsync(handle)  # dirty pages cannot be dropped
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        while True:
            block = os.read(handle, BLOCK)
            if not block:
                return
            yield block
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        if handle >= 0:
            os.close(handle)


def measure(path: Path, size: int | None = None, cached: bool = True) -> Item:
    """Read a file once; raises FileFault when it is missing, unreadable or not of ``size`` bytes."""
    digest, measured = hashlib.sha256(), 0
    try:
        status = path.lstat()
        if size is not None and stat.S_ISREG(status.st_mode) and status.st_size != size:
            raise FileFault(f"{status.st_size} bytes instead of {size}")
        for block in blocks(path, cached):
            digest.update(block)
            measured += len(block)
            # It may grow while it is read, and a sparse file is as large as its maker likes.
            if measured > (UNSIZED_LIMIT if size is None else size):
                raise FileFault(f"more than {UNSIZED_LIMIT if size is None else size} bytes")
    except FileNotFoundError as error:
        raise FileFault("missing") from error
    except OSError as error:
        raise FileFault(f"unreadable ({error.strerror})") from error
    return Item(path.name, measured, digest.hexdigest())


def read_small(path: Path, limit: int) -> bytes:
    """Return the content of a file of at most ``limit`` bytes; raises FileFault as ``measure`` does."""
    content = b""
    try:
        for block in blocks(path, cached=False):
            content += block
            if len(content) > limit:
                raise FileFault(f"more than {limit} bytes")
    except FileNotFoundError as error:
        raise FileFault("missing") from error
    except OSError as error:
        raise FileFault(f"unreadable ({error.strerror})") from error
    return content


def is_there(folder: Path, item: Item) -> bool:
    """Tell whether ``folder`` holds this file, by what its medium gives back."""
    try:
        return measure(folder / item.name, item.size, cached=False) == item
    except FileFault:
        return False


def copy_file(source: Path, folder: Path, item: Item) -> None:
    """Copy the file ``source``, which was measured as ``item``, into ``folder``.

    It gets its name when it is on the medium and was read back from there; what was there under that name stays until
    then. Raises OSError, with the file's name, and AirgapError when one of the two media does not keep its bytes.
    """
    new = folder / temporary_name(item.name)
    new.unlink(missing_ok=True)
    try:
        if _write(new, blocks(source)) != item.sha256:
            raise _unsteady(source, "the same bytes as a moment ago", "other bytes", "copy to or from another medium")
        if not is_there(folder, Item(new.name, item.size, item.sha256)):
            raise _unsteady(new, "the bytes that were written", "other bytes, read back", "use another medium")
        os.rename(new, folder / item.name)
    finally:
        with suppress(OSError):  # the medium may be gone; the first error tells more
            new.unlink(missing_ok=True)
    flush_directory(folder)


def temporary_name(name: str) -> str:
    """Return the name under which a file is written; always the same one, so that the next run removes what is left."""
    return f".{name}.new"


def _write(path: Path, content: Iterable[bytes]) -> str:
    """Write a new file and wait until it is on the medium; returns the sha256 of what was written."""
    digest = hashlib.sha256()
    try:
        with open(path, "xb") as stream:
            for block in content:
                stream.write(block)
                digest.update(block)
            stream.flush()
            with suppress(OSError):  # FAT has no modes; elsewhere others shall read, whatever the umask is
                os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, error.filename or str(path)) from error
    return digest.hexdigest()


def _unsteady(path: Path, wanted: str, found: str, remedy: str) -> AirgapError:
    return AirgapError("A medium does not keep its bytes", wanted=wanted, found=found, where=str(path), remedy=remedy)
