# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts as their receipts in a depot show them. What is there was verified when it was taken in."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import (
    FOLDER,
    HOST_NAME,
    KEY,
    SUFFIX,
    Receipt,
    number_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.sshsig import PUBLIC


@dataclass(frozen=True)
class Known:
    """The newest receipt of a host, and whether it is signed by the key that is pinned for the host."""

    receipt: Receipt
    signed: bool

    @property
    def name(self) -> str:
        """The name of the host."""
        return self.receipt.host.name

    @property
    def state(self) -> str:
        """What people read of the signature."""
        return "signed" if self.signed else "unsigned"


def hosts(depot: Path) -> list[str]:
    """Return the names of the hosts that have a folder of receipts in a depot; links and other names are none."""
    if not is_folder(depot / FOLDER):
        return []
    names = list_names(depot / FOLDER)
    return [name for name in names if HOST_NAME.fullmatch(name) and is_folder(depot / FOLDER / name)]


def known(depot: Path) -> list[Known]:
    """Return the newest receipt of each host; one that cannot be used gives way to the one before."""
    found = (_newest(depot / FOLDER / host) for host in hosts(depot))
    return [one for one in found if one]


def receipts(folder: Path) -> list[str]:
    """Return the names of the last receipts in a host's folder, oldest first."""
    return sorted((name for name in list_names(folder) if number_of(name)), key=number_of)[-limits.RECEIPTS :]


def pinned(folder: Path) -> str:
    """Return the public key that is pinned for a host; empty without one."""
    try:
        key = " ".join(read_small(folder / KEY, limits.SIGNATURE).decode("ascii", "replace").split()[:2])
    except FileFault:
        return ""
    return key if PUBLIC.fullmatch(key) else ""


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder, and no link to one."""
    return os.path.lexists(path) and stat.S_ISDIR(path.lstat().st_mode)


def _newest(folder: Path) -> Known | None:
    for name in reversed(receipts(folder)):
        try:
            receipt = Receipt.from_json(read_small(folder / name, limits.RECEIPT), str(folder / name))
        except (AirgapError, FileFault):
            continue
        if receipt.host.name == folder.name and receipt.file_name == name:
            return Known(receipt, bool(pinned(folder)) and (folder / f"{name}{SUFFIX}").is_file())
    return None
