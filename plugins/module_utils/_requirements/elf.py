# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the ELF files of a built tree require of a host, as its dynamic loader would see it."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key

ELF_MAGIC = b"\x7fELF"
GLIBC = re.compile(r"GLIBC_(\d+(?:\.\d+)+)")
GLIBCXX = re.compile(r"GLIBCXX_(\d+(?:\.\d+)+)")
# Markers without a number: relative relocations in packed form, which glibc 2.36 was the first to know.
MARKERS = {"GLIBC_ABI_DT_RELR": "2.36"}
# The library whose versions are those of GLIBCXX.
LIBSTDCXX = re.compile(r"libstdc\+\+\.so\.6(\.\d+)*")
# Bits of GNU_PROPERTY_X86_ISA_1_NEEDED (x86-64 psABI), which a loader compares with its CPU; bit 0 is the baseline.
ISA_LEVELS = {2: "x86-64-v2", 4: "x86-64-v3", 8: "x86-64-v4"}
# Libraries that glibc picks only where the CPU has the level.
HWCAPS = "/glibc-hwcaps/"

# Below a folder of this name, or next to a C library: what compilers link against, and systems in a folder.
_SYSROOT = re.compile(r"((?:.*/)?sysroot/)")
_LIBC = re.compile(r"(.*?)(?:(?:usr/)?lib\w*/(?:[^/]+-linux-[^/]+/)?)?libc\.so\.6")

# Reads that one file may cost: 3,700 was the most of 2,400 real ones. A hostile file leads its reader in circles.
MAX_READS = 20_000
# Bytes that one read may ask for.
MAX_READ = 64 << 20


@dataclass(frozen=True)
class Elf:
    """One ELF file: for which machine it is, and the names of symbol versions that it needs.

    ``defines`` are those that it gives, read for libstdc++ only. ``isa`` is the CPU level that it says it needs
    (``x86-64-v3``), empty when it does not say.
    """

    path: str
    machine: str
    needs: tuple[str, ...]
    defines: tuple[str, ...] = ()
    isa: str = ""


def elf_files(tree: Path, paths: Iterable[str]) -> list[Elf]:
    """Read those of ``paths`` that are ELF files for the machine that most of them are for.

    Files for other machines are data here, and so are broken ones and those of a sysroot: no host loads them.
    """
    paths = list(paths)
    roots = tuple(_sysroots(paths))
    found = [elf for elf in (_read(tree, path) for path in paths if not path.startswith(roots)) if elf]
    machines = Counter(elf.machine for elf in found).most_common(1)
    return [elf for elf in found if elf.machine == machines[0][0]]


def _sysroots(paths: Iterable[str]) -> set[str]:
    """Return the folders, ending in /, that have a C library of their own, as compilers bring it to link against.

    One that lies where the host's loader looks (lib of the prefix) is none.
    """
    found = {match[1] for match in map(_SYSROOT.match, paths) if match}
    for path in paths:
        match = _LIBC.fullmatch(path)
        if match and match[1] not in ("", "usr/"):
            found.add(match[1])
    return found


def newest_need(files: Iterable[Elf], pattern: re.Pattern[str]) -> tuple[str, str, str]:
    """Return the newest version of ``pattern`` (GLIBC, GLIBCXX) that a file needs, that file, and the version's name.

    All are empty when no file needs one. Of several files it is the first.
    """
    newest, culprit, needed = "", "", ""
    for elf in files:
        for name in elf.needs:
            version = _version(name, pattern)
            if version_key(version) > version_key(newest):
                newest, culprit, needed = version, elf.path, name
    return newest, culprit, needed


def own_glibcxx(files: Iterable[Elf]) -> str:
    """Return the newest GLIBCXX that a libstdc++ among the files defines; empty without one."""
    return max((_version(name, GLIBCXX) for elf in files for name in elf.defines), key=version_key, default="")


def newest_isa(files: Iterable[Elf]) -> tuple[str, str]:
    """Return the highest CPU level that a file says it needs, and the first file that does."""
    needy = [elf for elf in files if elf.isa and HWCAPS not in f"/{elf.path}"]
    highest = max(needy, key=lambda elf: elf.isa, default=None)
    return (highest.isa, highest.path) if highest else ("", "")


def _version(name: str, pattern: re.Pattern[str]) -> str:
    match = pattern.fullmatch(name)
    if match:
        return match[1]
    return MARKERS.get(name, "") if pattern is GLIBC else ""


class _Metered(io.BufferedReader):
    """A file that gives up when its reader goes in circles or asks for more than it could need."""

    left = MAX_READS

    def read(self, size: int | None = -1) -> bytes:
        self.left -= 1
        if self.left < 0 or size is None or not 0 <= size <= MAX_READ:
            raise ValueError("a file that leads its reader astray")
        return super().read(size)


def _read(tree: Path, path: str) -> Elf | None:
    """Read one file; None when it is no ELF file, or a broken one."""
    with open(f"{tree}/{path}", "rb", buffering=0) as raw:
        if raw.read(4) != ELF_MAGIC:
            return None
        raw.seek(0)
        try:
            return _parse(_Metered(raw), path)
        # Files of others are parsed here, and any of them may be hostile: whatever the parser raises, it is data.
        except Exception:  # noqa: BLE001
            return None


def _parse(stream: io.BufferedReader, path: str) -> Elf:
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(stream)
    is_libstdcxx = bool(LIBSTDCXX.fullmatch(Path(path).name))
    needs: list[str] = []
    defines: list[str] = []
    isa = 0
    for section in _sections(elf, "SHT_GNU_verneed", "SHT_GNU_verdef", "SHT_NOTE"):
        kind = section["sh_type"]
        if kind == "SHT_GNU_verneed":
            needs += [item.name for _need, items in section.iter_versions() for item in items]
        elif kind == "SHT_NOTE":
            isa |= _isa(section)
        elif is_libstdcxx:
            defines += [next(items).name for _definition, items in section.iter_versions()]
    level = max((level for bit, level in ISA_LEVELS.items() if isa & bit), default="")
    return Elf(path, str(elf["e_machine"]), tuple(needs), tuple(defines), level)


def _sections(elf: Any, *kinds: str) -> Iterator[Any]:
    """Yield the sections of some kinds. Asked by name, pyelftools would parse all, long hash tables among them."""
    from elftools.common.exceptions import ELFError

    for number in range(elf.num_sections()):
        with suppress(ELFError):  # of another kind
            yield elf.get_section(number, type=kinds)


def _isa(section: Any) -> int:
    """Return the bits of GNU_PROPERTY_X86_ISA_1_NEEDED in a section of notes."""
    bits = 0
    for note in section.iter_notes():
        properties = note["n_desc"] if note["n_type"] == "NT_GNU_PROPERTY_TYPE_0" else ()
        for item in properties:
            if item["pr_type"] == "GNU_PROPERTY_X86_ISA_1_NEEDED":
                bits |= int(item["pr_data"])
    return bits


def needed_symbol(path: Path, version: str) -> str:
    """Return the name of a symbol that an ELF file wants in ``version`` (``GLIBC_2.34``); empty when none can be told.

    Markers such as GLIBC_ABI_DT_RELR stand for no symbol.
    """
    from elftools.elf.elffile import ELFFile

    with open(path, "rb", buffering=0) as raw:
        try:
            elf = ELFFile(_Metered(raw))
            needs = (items for section in _sections(elf, "SHT_GNU_verneed") for _need, items in section.iter_versions())
            index = next(item["vna_other"] for items in needs for item in items if item.name == version)
            # The table of versions is an array of 16-bit numbers, one for each symbol, in the order of the symbols.
            table = next(_sections(elf, "SHT_GNU_versym")).data()
            wanted = index.to_bytes(2, "little" if elf.little_endian else "big")
            at = next(place for place in range(0, len(table), 2) if table[place : place + 2] == wanted)
            return str(next(_sections(elf, "SHT_DYNSYM")).get_symbol(at // 2).name)
        except Exception:  # noqa: BLE001 - as in _read
            return ""
