# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The receipts of this host on their way: copied to a drive, which may be anybody's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import FOLDER, SUFFIX, Receipt, number_of
from ansible_collections.airgap.conda.plugins.module_utils._receipt.write import NAME, kept
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases


def export(store: Releases, depot: Path) -> tuple[Path, int, str]:
    """Copy the receipts of this host to a depot on a drive; returns the folder there, how many are new, and their key.

    No link of the drive is followed below ``depot``. Raises AirgapError.
    """
    receipts = kept(store)
    if not receipts:
        raise AirgapError(
            "This host has no receipts",
            wanted="a receipt of a step that was made here",
            found="none",
            where=str(store.root / ".state" / NAME),
            remedy="run airgap-envs verify as root, which writes one; then export again",
            code="no-receipts",
        )
    last = Receipt.from_json(receipts[-1]["content"].encode(), receipts[-1]["name"])
    host = last.host.name
    target, new = depot / FOLDER / host, 0
    with os_errors("Exporting receipts", target), _below(depot, FOLDER, host) as handle:
        there = set(os.listdir(handle))
        for item in receipts:
            if item["name"] in there:
                continue
            if item["signature"]:
                _put(handle, f"{item['name']}{SUFFIX}", item["signature"].encode())
            _put(handle, item["name"], item["content"].encode())
            new += 1
        wanted = {item["name"] for item in receipts}
        for name in there - wanted:
            if number_of(name) and len(there) + new > limits.RECEIPTS:
                for old in (name, f"{name}{SUFFIX}"):
                    with suppress(OSError):
                        os.unlink(old, dir_fd=handle)
        os.fsync(handle)
    return target, new, last.signer


@contextmanager
def _below(folder: Path, *names: str) -> Iterator[int]:
    """Give an open folder below another one, made where it is missing; a link on the way is an OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=handle)
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def _put(handle: int, name: str, content: bytes) -> None:
    """Write a file in an open folder; it gets its name when it is on the medium."""
    new = f".{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(new, dir_fd=handle)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(new, flags, 0o644, dir_fd=handle), "wb") as stream:
        stream.write(content)
        stream.flush()
        with suppress(OSError):  # FAT has no modes
            os.fchmod(stream.fileno(), 0o644)
        os.fsync(stream.fileno())
    os.rename(new, name, src_dir_fd=handle, dst_dir_fd=handle)
