# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""files.json in types: one path of a release, and what all of them have in common. Nothing is read or decided here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

FILE, DIRECTORY, SYMLINK = "file", "dir", "symlink"
BLOCK = 1 << 20
# The time of every file of a release, in archives and on hosts, so that equal trees are equal. Not 0: some tools take
# that for "unknown".
MTIME = 1_577_836_800
# The only permission bits of a release: nothing special, nothing that others may write, and the owner can always remove
# it again. A link has none of its own.
MODES = {FILE: (0o644, 0o755), DIRECTORY: (0o755,), SYMLINK: (0,)}
# What a kernel follows before it gives up on a chain of links.
MAX_LINKS = 40


@dataclass(frozen=True)
class FileEntry:
    """One path of a release, relative to its prefix.

    ``mode`` holds the permission bits (0 for a symlink), ``size`` is in bytes, ``sha256`` and ``target``
    are empty where the type has none.
    """

    path: str
    type: str
    mode: int = 0
    size: int = 0
    sha256: str = ""
    target: str = ""


# The folder of a release itself, which files.json does not list.
TOP = FileEntry(".", DIRECTORY, 0o755)


def write_files(entries: Iterable[FileEntry]) -> bytes:
    """Return the bytes of files.json.zst; the same entries always give the same bytes."""
    import zstandard

    text = json.dumps([vars(entry) for entry in entries], separators=(",", ":"))
    return zstandard.ZstdCompressor(level=9).compress(text.encode("utf-8", "surrogateescape"))
