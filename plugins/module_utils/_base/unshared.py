# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a prefix on the bastion, which others may share by hard links."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError


def write_anew(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file as a new one, so that a package cache that shares the old one keeps its content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=str(path.parent))
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        os.fchmod(stream.fileno(), mode)
    os.replace(name, path)


def cannot_write(prefix: Path, error: OSError) -> AirgapError:
    """Return the error for a prefix that the file system refuses."""
    return AirgapError(
        "The prefix cannot be written",
        code="prefix-unwritable",
        wanted="a directory that this user may create, rename and fill",
        found=error.strerror or str(error),
        where=str(error.filename or prefix),
        remedy="choose another prefix, grant permissions on its parent directory, or free space",
    )
