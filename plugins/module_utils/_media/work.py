# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a drive needs of one release, and the folders for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.copied import temporary_name
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import flush_directory
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import Item
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Contents, Drive


@dataclass(frozen=True)
class Work:
    """What one release needs: the files that its folder on the drive lacks or has otherwise."""

    release: Contents
    target: Path
    missing: tuple[Item, ...]
    started: bool

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Return for each file what it takes and what it replaces, for ``require_room``."""
        return [_sizes(self.target, item) for item in self.missing]

    @property
    def result(self) -> dict[str, Any]:
        """Return what a module says of it."""
        action = "unchanged" if not self.missing else "completed" if self.started else "copied"
        return self.release.header.result(action, self.missing)


def _sizes(target: Path, item: Item) -> tuple[int, int]:
    """Return what a file takes, less what a killed run left of it, and what it replaces; both in bytes."""
    return max(0, item.size - _size(target / temporary_name(item.name))), _size(target / item.name)


def _size(path: Path) -> int:
    return path.lstat().st_size if os.path.lexists(path) else 0


def make_folders(drive: Drive, target: Path) -> None:
    """Make the folders from the drive down to ``target``."""
    for folder in drive.folders(target):
        if not folder.is_dir():
            folder.mkdir()
            with suppress(OSError):  # FAT has no modes; elsewhere others shall read, whatever the umask is
                folder.chmod(0o755)
            flush_directory(folder.parent)


@contextmanager
def written(what: str, where: Path) -> Iterator[None]:
    """Turn an error of the block, which writes ``what`` to a drive, into one for a person."""
    try:
        yield
    except OSError as error:
        raise AirgapError(
            f"Writing {what} to the drive failed",
            code="drive-write-failed",
            wanted="a drive that can be written and read back",
            found=str(error.strerror or error),
            where=str(error.filename or where),
            remedy="see that the drive is plugged in and has room, or use another one; then export again: "
            "it goes on where this run stopped",
        ) from error
