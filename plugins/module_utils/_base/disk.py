# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Durable writes to disk, and one message for each error of the operating system."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError


@contextmanager
def os_errors(what: str, where: Path) -> Iterator[None]:
    """Turn an error of the operating system into an AirgapError: ``what`` failed."""
    try:
        yield
    except RuntimeError as error:
        if "start new thread" not in str(error):  # Python has no type of its own for it
            raise
        raise _no_process(what, where, str(error)) from error
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise _no_process(what, where, str(error.strerror or error)) from error
        remedy = "check the file system and its mount options, then run again"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free space on this file system, then run again; nothing was left behind"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            remedy = "let the user of this task read and write there (become: true), or choose another folder"
        raise AirgapError(
            f"{what} failed",
            code="system-error",
            wanted="files that can be read and written, and enough space",
            found=str(error.strerror or error),
            where=str(error.filename or where),
            remedy=remedy,
        ) from error


def _no_process(what: str, where: Path, found: str) -> AirgapError:
    return AirgapError(
        f"{what} failed",
        code="no-process",
        wanted="a system that starts one more process or thread for this user",
        found=found,
        where=str(where),
        remedy="end other processes, or raise the limit (ulimit -u, TasksMax of the service), then run again",
    )


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Create a folder and its missing parents, all with ``mode`` whatever the umask; existing folders do not change."""
    if path.is_dir():
        return
    make_folder(path.parent, mode)
    try:
        path.mkdir(mode)  # by most umasks that is all: a run that is killed here leaves it right
    except FileExistsError:
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise
        return  # another run created it first
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if stat.S_IMODE(os.fstat(handle).st_mode) != mode:
            os.fchmod(handle, mode)
    finally:
        os.close(handle)


def text_of(path: Path) -> str:
    """Return the text of a file; empty when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file with one rename; the old content stays until the new content is on disk."""
    new = _new(path)
    try:
        # Whoever else may write in this folder has no name to plant a link at, and nothing is done by name but rename.
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.rename(new, path)
    finally:
        new.unlink(missing_ok=True)
    flush_directory(path.parent)


def replace_link(path: Path, target: str) -> None:
    """Make ``path`` a link to ``target`` with one rename; the old link stays until then."""
    new = _new(path)
    try:
        new.symlink_to(target)
        os.rename(new, path)
    finally:
        new.unlink(missing_ok=True)
    flush_directory(path.parent)


def flush_directory(folder: Path) -> None:
    """Wait until the names in ``folder`` are on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_file_system(folder: Path) -> None:
    """Wait until the file system of ``folder`` is on disk: one call where fsync would take one for each file."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        import ctypes  # only for what an install has written: no look at a host loads it

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(handle)


def remove_unfinished(path: Path) -> None:
    """Remove the leftovers of a run that was killed while it replaced ``path``; no other run may be active there."""
    for left in path.parent.glob(f".{glob.escape(path.name)}-*new"):
        left.unlink(missing_ok=True)


def _new(path: Path) -> Path:
    return path.with_name(f".{path.name}-{secrets.token_hex(8)}-new")
