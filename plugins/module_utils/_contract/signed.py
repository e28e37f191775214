# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a file only when it has the hash that a signature covers."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import FileFault, measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

SEND_AGAIN = "run the deploy again; it sends what is missing"


def read_signed(path: Path, sha256: str, remedy: str = SEND_AGAIN) -> bytes:
    """Return the content of a file, which must have this hash; raises AirgapError when it cannot be read or has not."""
    content = b""
    try:
        content = read_small(path, limits.FILES_PACKED)
        found = hashlib.sha256(content).hexdigest()
    except FileFault as fault:
        found = str(fault)
    _require(path, sha256, found, remedy)
    return content


def require_signed(path: Path, sha256: str, size: int, remedy: str = SEND_AGAIN) -> None:
    """Raise AirgapError when a file cannot be read, is not of ``size`` bytes or has another hash."""
    try:
        found = measure(path, size).sha256
    except FileFault as fault:
        found = str(fault)
    _require(path, sha256, found, remedy)


def _require(path: Path, sha256: str, found: str, remedy: str) -> None:
    if found != sha256:
        raise AirgapError(
            "A file is not as it was signed",
            wanted=f"sha256 {sha256}",
            found=found,
            where=str(path),
            remedy=remedy,
        )
