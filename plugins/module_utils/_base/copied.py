# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write a file from blocks of another one, and hash it on the way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.found import Item


def temporary_name(name: str) -> str:
    """Return the name under which a file is written; always the same one, so that the next run removes what is left."""
    return f".{name}.new"


def write_new(path: Path, content: Iterable[bytes], durable: bool = True) -> Item:
    """Write a new file, and if it is to be ``durable`` wait until it is on the medium; returns what was written.

    Each OSError has a file's name.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with open(path, "xb") as stream:
            for block in content:
                stream.write(block)
                digest.update(block)
                size += len(block)
            stream.flush()
            with suppress(OSError):  # FAT has no modes; elsewhere others shall read, whatever the umask is
                os.fchmod(stream.fileno(), 0o644)
            if durable:
                os.fsync(stream.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, error.filename or str(path)) from error
    return Item(path.name, size, digest.hexdigest())
