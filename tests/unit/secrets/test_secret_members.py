# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every byte of a file and of what is packed in it is shown once, whatever it is packed in, and bombs end."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._secrets import members as _secret_members
from ansible_collections.airgap.conda.plugins.module_utils._secrets.members import TooMuch, search

zstandard = pytest.importorskip("zstandard")

TEXT = b"canary-7f3a9c" * 3000


def in_tar(data: bytes, mode: str = "w", form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, content in (("first", b"1"), ("etc/file", data), ("last", b"2")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def in_zip(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("first", "1")
        archive.writestr("etc/file", data)
    return stream.getvalue()


def in_ar(data: bytes) -> bytes:
    parts = {"debian-binary": b"2.0", "data.tar": data, "last": b"x"}
    members = (b"%-16s%-32s%-10d`\n%s%s" % (n.encode(), b"0", len(d), d, b"\n"[: len(d) % 2]) for n, d in parts.items())
    return b"!<arch>\n" + b"".join(members)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip, two members": lambda data: gzip.compress(b"before") + gzip.compress(data),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "zlib, best": lambda data: zlib.compress(data, 9),
    "zstd": lambda data: bytes(zstandard.ZstdCompressor().compress(data)),
    "zstd, two frames": lambda data: bytes(zstandard.compress(b"before") + zstandard.compress(data)),
    "tar": in_tar,
    "old tar": lambda data: in_tar(data, form=tarfile.GNU_FORMAT),
    "ar": in_ar,
    "zip": in_zip,
    "zip, bzip2": lambda data: in_zip(data, zipfile.ZIP_BZIP2),
    "zip, lzma": lambda data: in_zip(data, zipfile.ZIP_LZMA),
}
STACKS = [
    *([name] for name in PACKINGS),
    *([outer, inner] for outer in ("gzip", "zstd", "tar", "zip") for inner in PACKINGS),
    ["zip", "zstd", "tar", "zip"],
    ["tar", "gzip", "tar", "bzip2", "zip"],
]


def seen(data: bytes, zip_at_end: bool = False) -> dict[str, bytes]:
    found: dict[str, bytearray] = {}

    def look_at(name: str) -> Callable[[bytes], None]:
        return found.setdefault(name or ("unpacked" if found else ""), bytearray()).extend

    search(io.BytesIO(data), look_at, zip_at_end)
    return {name: bytes(content) for name, content in found.items()}


@pytest.mark.parametrize("stack", STACKS, ids=" in ".join)
def test_what_is_packed_is_shown_once_and_the_file_too(stack: list[str]) -> None:
    data = TEXT
    for name in reversed(stack):
        data = PACKINGS[name](data)
    shown = seen(data)
    assert shown[""].startswith(data) or stack[0] not in ("tar", "ar", "zip")
    assert (
        sum(content.count(TEXT) for name, content in shown.items() if name or stack[0] not in ("tar", "ar", "zip")) >= 1
    )


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 3 << 20])
def test_a_plain_file_is_shown_whole(size: int) -> None:
    data = bytes(range(1, 251)) * (size // 250 + 1)
    assert seen(data[:size]) == {"": data[:size]}


def test_a_zip_behind_a_program_is_found() -> None:
    data = b"#!/usr/bin/env python\n" + in_zip(TEXT)
    assert seen(data, zip_at_end=True)["etc/file"] == TEXT
    assert list(seen(data)) == [""]


@pytest.mark.parametrize("name", PACKINGS)
def test_what_is_broken_is_shown_to_its_break_and_as_it_is(name: str) -> None:
    packed = PACKINGS[name](TEXT)
    for data in (
        packed[: len(packed) // 2],
        packed[:10] + b"\xff" * 8 + packed[10:],
        packed[:6] + TEXT,
        packed + TEXT * 30,
    ):
        assert seen(data)[""] == data
    in_a_tar = in_tar(packed[:6] + TEXT)
    assert any(TEXT in content for part, content in seen(in_a_tar).items() if part)


def test_what_nobody_can_read_hides_no_other_member() -> None:
    data = bytearray(in_zip(TEXT))
    for place in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[place] |= 1  # encrypted, says the first member
    assert seen(bytes(data))["etc/file"] == TEXT


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(bytes(1 << 20)),
        in_zip(bytes(1 << 20)),
        gzip.compress(gzip.compress(bytes(1 << 20))),
        in_tar(in_zip(bytes(1 << 20))),
        b"".join(gzip.compress(bytes(1 << 10)) for _member in range(1 << 10)),
    ],
    ids=["gzip", "zip", "gzip in gzip", "zip in tar", "many gzip"],  # the bytes have the time of day in them
)
def test_bombs_end(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    seen(data)
    monkeypatch.setattr(_secret_members, "LARGEST", 1 << 19)
    with pytest.raises(TooMuch):
        seen(data)


def test_many_members_are_a_bomb_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(300):
            archive.writestr(str(number), "")
    monkeypatch.setattr(_secret_members, "LARGEST", 1 << 20)
    with pytest.raises(TooMuch):
        seen(stream.getvalue())


def test_an_archive_that_packs_nothing_is_no_bomb_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch saves weights in a zip like this, and they are larger than the limit."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(4):
            archive.writestr(f"data/{number}", bytes(1 << 18))
    monkeypatch.setattr(_secret_members, "LARGEST", 1 << 19)
    assert len(seen(stream.getvalue())) == 5


def test_packing_ends_at_a_depth_and_the_file_is_shown_to_its_end() -> None:
    data = TEXT
    for _layer in range(_secret_members.DEEPEST):
        data = gzip.compress(data)
    assert TEXT in seen(data)["unpacked"]
    deeper, shown = gzip.compress(data) + TEXT, [bytearray()]

    def look_at(_name: str) -> Callable[[bytes], None]:
        shown.append(bytearray())
        return shown[-1].extend

    with pytest.raises(TooMuch):
        search(io.BytesIO(deeper), look_at)
    assert bytes(shown[1]) == deeper
