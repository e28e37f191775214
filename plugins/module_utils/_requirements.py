# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a built tree requires of a host, read from the tree itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

ELF_MAGIC = b"\x7fELF"
GLIBC = re.compile(r"GLIBC_(\d+(?:\.\d+)+)")
# A marker without a number: relative relocations in packed form, which glibc 2.36 was the first to know.
MARKERS = {"GLIBC_ABI_DT_RELR": "2.36"}

# More than any real object names; a broken one may repeat itself for ever.
MAX_VERSIONS = 10_000


def version_key(version: str) -> tuple[int, ...]:
    """Return ``2.31`` as (2, 31), so that versions compare as numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def glibc_of_tree(tree: Path, paths: Iterable[str]) -> tuple[str, str]:
    """Return the newest glibc that any ELF file of ``paths`` needs, and the file that needs it.

    Both are empty when no file needs one. Read from each file's version requirements (.gnu.version_r), which is
    what the dynamic loader itself refuses by: "version `GLIBC_2.34' not found".
    """
    newest, culprit = "", ""
    for path in paths:
        for version in _glibc_of_file(tree / path):
            if version_key(version) > version_key(newest):
                newest, culprit = version, path
    return newest, culprit


def _glibc_of_file(path: Path) -> list[str]:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    with open(path, "rb") as stream:
        if stream.read(4) != ELF_MAGIC:
            return []
        stream.seek(0)
        try:
            section = ELFFile(stream).get_section_by_name(".gnu.version_r")
            if not isinstance(section, GNUVerNeedSection):
                return []
            versions = (item.name for _need, items in section.iter_versions() for item in items)
            names = list(islice(versions, MAX_VERSIONS))
        except (ELFError, ValueError, AssertionError):
            return []  # a broken or foreign object is data as far as this host's loader is concerned
    return glibc_of_names(names)


def glibc_of_names(names: Iterable[str]) -> list[str]:
    """Return the glibc versions that the names of symbol versions stand for."""
    found = (MARKERS.get(name) or GLIBC.sub(r"\1", name) for name in names if name in MARKERS or GLIBC.fullmatch(name))
    return list(found)
