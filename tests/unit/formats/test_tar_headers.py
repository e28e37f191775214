# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever the header of a member says, it is read as tarfile reads it."""

from __future__ import annotations

import tarfile

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._formats import tar

MEMBER = tar._Member  # noqa: SLF001 - which tarfile makes of headers
READ = ("name", "mode", "uid", "gid", "size", "mtime", "type", "linkname", "uname", "gname", "devmajor", "devminor")


def made(name: str = "lib/python3.9/it's.py", size: int = 1234, mode: int = 0o644, **more: object) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, mode
    for key, value in more.items():
        setattr(member, key, value)
    return tar.header(member)[-tarfile.BLOCKSIZE :]


def summed(data: bytes) -> bytes:
    """Return a header with the sum that it should have."""
    return data[:148] + b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:])) + data[156:]


PLAIN = made()
HEADERS = {
    "a file": PLAIN, "an empty one": made(size=0), "a program": made(mode=0o755),
    "a long name": made("x" * 100), "not utf-8": made("\udcff\udc80"), "a large file": made(size=9 << 30),
    "a folder": made(type=tarfile.DIRTYPE), "a link": made(type=tarfile.SYMTYPE, linkname="there"),
    "of a user": made(uid=1000, uname="ops"), "a slash at the end": made("folder/"),
    "a second name": summed(b"a\0b".ljust(100, b"\0") + PLAIN[100:]),
    "spaces in a number": summed(PLAIN[:100] + b"   644\0\0" + PLAIN[108:]),
    "a time": summed(PLAIN[:136] + b"00000000000\0" + PLAIN[148:]),
    "of an older format": summed(PLAIN[:156] + b"\0" + PLAIN[157:]),
    "a number that is none": summed(PLAIN[:124] + b"0_0000000_1\0" + PLAIN[136:]),
    "another sum": PLAIN[:148] + b"000000\0 " + PLAIN[156:], "the end": bytes(512), "a part": PLAIN[:100], "none": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_read_as_tarfile_reads_it(name: str) -> None:
    def read(kind: type[tarfile.TarInfo]) -> object:
        try:
            found = kind.frombuf(HEADERS[name], "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            return type(error)
        return [getattr(found, key) for key in READ]

    assert read(MEMBER) == read(tarfile.TarInfo)


def test_a_plain_header_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarfile, "nti", None)
    assert MEMBER.frombuf(PLAIN, "utf-8", "surrogateescape").size == 1234
