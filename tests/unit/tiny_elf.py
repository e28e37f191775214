# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ELF files of a few hundred bytes that no compiler has to make: what they need is what they are told to need."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

X86_64, AARCH64 = 62, 183
HEADER = 64
_DYNSYM, _STRTAB, _NOTE = 11, 3, 7
_VERDEF, _VERNEED, VERSYM = 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
ISA_1_NEEDED = 0xC0008002


def make_elf(
    needs: Sequence[str] = (),
    symbols: Mapping[str, str] | None = None,
    *,
    defines: Sequence[str] = (),
    isa: int = 0,
    machine: int = X86_64,
) -> bytes:
    """Make a shared object for Linux that needs the versions ``needs`` of libc.so.6.

    ``symbols`` has the version of each symbol it wants, ``defines`` the versions it gives, ``isa`` the bits of the CPU
    levels it asks for.
    """
    strings = _Strings()
    wanted = dict(symbols or {})
    index = {version: number for number, version in enumerate(needs, start=2)}
    dynsym = bytes(24) + b"".join(struct.pack("<IBBHQQ", strings.add(name), 0x12, 0, 0, 0, 0) for name in wanted)
    versym = struct.pack("<H", 0) + b"".join(struct.pack("<H", index[version]) for version in wanted.values())
    parts = [
        (".dynsym", _DYNSYM, dynsym, 1, 24),
        (".gnu.version", VERSYM, versym, 0, 2),
        (".gnu.version_r", _VERNEED, _verneed(strings, index), len(index) and 1, 0),
        (".gnu.version_d", _VERDEF, _verdef(strings, defines), len(defines), 0),
        (".note.gnu.property", _NOTE, _property(isa) if isa else b"", 0, 0),
    ]
    body = [(".dynstr", _STRTAB, bytes(strings.data), 0, 0), *(part for part in parts if part[2])]
    return _file(body, machine)


class _Strings:
    def __init__(self) -> None:
        self.data = bytearray(1)

    def add(self, text: str) -> int:
        place = len(self.data)
        self.data += text.encode() + b"\0"
        return place


def _verneed(strings: _Strings, index: Mapping[str, int]) -> bytes:
    if not index:
        return b""
    head = struct.pack("<HHIII", 1, len(index), strings.add("libc.so.6"), 16, 0)
    for number, (version, other) in enumerate(index.items(), start=1):
        head += struct.pack("<IHHII", 0, 0, other, strings.add(version), 16 if number < len(index) else 0)
    return head


def _verdef(strings: _Strings, defines: Sequence[str]) -> bytes:
    data = b""
    for number, version in enumerate(defines, start=1):
        data += struct.pack("<HHHHIII", 1, 0, number, 1, 0, 20, 28 if number < len(defines) else 0)
        data += struct.pack("<II", strings.add(version), 0)
    return data


def _property(isa: int) -> bytes:
    described = struct.pack("<III", ISA_1_NEEDED, 4, isa) + bytes(4)
    return struct.pack("<III", 4, len(described), 5) + b"GNU\0" + described


def _file(body: Sequence[tuple[str, int, bytes, int, int]], machine: int) -> bytes:
    names = _Strings()
    table = bytearray(64)
    data = bytearray()
    for name, kind, content, info, size in [*body, (".shstrtab", _STRTAB, b"", 0, 0)]:
        named = names.add(name)
        payload = bytes(names.data) if name == ".shstrtab" else content
        link = 2 if name == ".gnu.version" else 0 if kind in (_STRTAB, _NOTE) else 1
        place = HEADER + len(data)
        table += struct.pack("<IIQQQQIIQQ", named, kind, 0, 0, place, len(payload), link, info, 8, size)
        data += payload + bytes(-len(payload) % 8)
    count = len(body) + 2
    head = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    head += struct.pack(
        "<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, HEADER + len(data), 0, HEADER, 0, 0, 64, count, count - 1
    )
    return bytes(head + data + table)
