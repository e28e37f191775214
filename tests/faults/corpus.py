# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hostile payloads and lists of files, by name. Each is either refused, or gives exactly the files of the list."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import zstandard

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry, write_files
from ansible_collections.airgap.conda.tests.unit.store.test_extract import HOSTILE, Members, member, plain

BLOCK = tarfile.BLOCKSIZE
GIB = 1 << 30


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# What the payloads below should hold: plain() of the unit tests.
ENTRIES = [
    FileEntry("b", "file", 0o644, 3, _sha(b"bbb")),
    FileEntry("l", "symlink", target="bin/a"),
    FileEntry("bin", "dir", 0o755),
    FileEntry("bin/a", "file", 0o644, 3, _sha(b"aaa")),
]


@dataclass(frozen=True)
class Case:
    """A payload with its format and its list of files, as they would arrive."""

    name: str
    payload: bytes
    format: str
    files: bytes


def cases() -> Iterator[Callable[[], Case]]:
    """Yield what makes each named case; some of them take a second to make."""
    files = write_files(ENTRIES)
    for name, change in HOSTILE.items():
        yield partial(_made, f"member: {name}", partial(_changed, change), "tar.gz", lambda: files)
    for name, make in ARCHIVES.items():
        yield partial(_made, f"archive: {name}", partial(_made_gz, make), "tar.gz", lambda: files)
    for name, (form, wrap) in COMPRESSED.items():
        yield partial(_made, f"compression: {name}", wrap, form, lambda: files)
    lists: dict[str, Callable[[], bytes]] = {name: partial(_zst, text) for name, text in LISTS.items()}
    lists["of eight gibibytes"] = lambda: _zst(b" " * (1 << 27)) * 64
    lists["of eight gibibytes in one frame"] = lambda: _one_frame(8 * GIB)
    lists["not compressed"] = lambda: b"[]"
    lists["cut"] = lambda: files[:40]
    for name, make in lists.items():
        yield partial(_made, f"list: {name}", partial(_changed, lambda members: members), "tar.gz", make)


def _made(name: str, payload: Callable[[], bytes], form: str, files: Callable[[], bytes]) -> Case:
    return Case(name, payload(), form, files())


def _made_gz(make: Callable[[], bytes]) -> bytes:
    return _gz(make())


def _changed(change: Callable[[Members], Members]) -> bytes:
    return _gz(tar(change(plain())))


def tar(members: Members, tar_format: int = tarfile.GNU_FORMAT) -> bytes:
    """Return an archive, not compressed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tar_format) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, 1)


def _zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def header(
    name: bytes, kind: bytes = b"0", size: bytes = b"%011o\0" % 0, prefix: bytes = b"", link: bytes = b""
) -> bytes:
    """Return one header with a right check sum, whatever its fields hold."""
    block = bytearray(BLOCK)
    block[0:100] = name.ljust(100, b"\0")[:100]
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136], block[136:148] = size.ljust(12, b"\0")[:12], b"00000000000\0"
    block[156:157] = kind
    block[157:257] = link.ljust(100, b"\0")[:100]
    block[257:265] = b"ustar\00000"
    block[345:500] = prefix.ljust(155, b"\0")[:155]
    return bytes(with_sum(block))


def with_sum(block: bytearray) -> bytearray:
    """Put the right check sum into a header."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return block


def octal(size: int) -> bytes:
    """Return a size as tar writes it."""
    return b"%011o\0" % size


def binary(size: int) -> bytes:
    """Return a size as GNU tar writes those that do not fit, negative ones too."""
    lead = b"\x80" if size >= 0 else b"\xff"
    return lead + (size % (1 << 88)).to_bytes(11, "big")


def padded(data: bytes) -> bytes:
    """Fill up the last block."""
    return data + bytes(-len(data) % BLOCK)


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    """Return an extended header with these records."""
    return header(b"pax", kind, octal(len(records))) + padded(records)


def long_name(name: bytes) -> bytes:
    """Return the header that gives the next member a long name."""
    return header(b"././@LongLink", b"L", octal(len(name))) + padded(name)


def sparse(chunks: str, size: int) -> bytes:
    """Return the header that makes the next member a sparse one."""
    return pax(record("GNU.sparse.map", chunks) + record("GNU.sparse.size", str(size)))


def record(key: str, value: str) -> bytes:
    """Return one record of an extended header."""
    text = f" {key}={value}\n".encode()
    length = len(text) + 1
    while len(str(length)) + len(text) != length:
        length = len(str(length)) + len(text)
    return str(length).encode() + text


def before(*blocks: bytes) -> Callable[[], bytes]:
    """Put blocks before the members of a good archive."""
    return lambda: b"".join(blocks) + tar(plain())


def after(*blocks: bytes) -> Callable[[], bytes]:
    """Put blocks after the members of a good archive, before its end."""
    return lambda: _members() + b"".join(blocks) + bytes(2 * BLOCK)


def _members() -> bytes:
    """Return a good archive without its end."""
    files = b"".join(header(name, size=octal(3)) + padded(name[-1:] * 3) for name in (b"bin/a", b"b"))
    return header(b"bin/", b"5") + files + header(b"l", b"2", link=b"bin/a")


def _file_x(extra: bytes = b"") -> bytes:
    return extra + header(b"x", b"0", octal(1)) + padded(b"x")


def _bad_sum() -> bytes:
    data = bytearray(tar(plain()))
    data[148:154] = b"000000"
    return bytes(data)


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "wrong check sum": _bad_sum,
    "negative size": before(header(b"x", size=binary(-512))),
    "size of 8 EiB": before(header(b"x", size=binary((1 << 63) - 1))),
    "size that is no number": before(header(b"x", size=b"99999999999\0")),
    "a terabyte announced": before(header(b"b", size=binary(1 << 40))),
    "directory with content": before(header(b"bin", b"5", octal(BLOCK)), bytes(BLOCK)),
    "link with content": before(header(b"l", b"2", octal(BLOCK), link=b"bin/a"), bytes(BLOCK)),
    "ustar prefix leads out": after(header(b"b", size=octal(3), prefix=b"../..") + padded(b"xxx")),
    "ustar prefix absolute": after(header(b"b", size=octal(3), prefix=b"/etc") + padded(b"xxx")),
    "long name of 8 GiB": before(header(b"././@LongLink", b"L", octal(8 * GIB - 1))),
    "long link of 8 GiB": before(header(b"././@LongLink", b"K", octal(8 * GIB - 1))),
    "extended header of 8 GiB": before(header(b"pax", b"x", octal(8 * GIB - 1))),
    "global header of 8 GiB": before(header(b"pax", b"g", octal(8 * GIB - 1))),
    "Solaris header of 8 GiB": before(header(b"pax", b"X", octal(8 * GIB - 1))),
    "long name of 300 MiB that is there": lambda: header(b"././@LongLink", b"L", octal(300 << 20)) + bytes(300 << 20),
    "long name that leads out": after(long_name(b"../../outside\0") + _file_x()),
    "long name, absolute": after(long_name(b"/etc/passwd\0") + _file_x()),
    "10,000 long names in a row": after(long_name(b"x\0") * 10_000 + _file_x()),
    "10,000 extended headers in a row": after(pax(record("path", "x")) * 10_000 + _file_x()),
    "10,000 global headers in a row": after(pax(record("comment", "x"), b"g") * 10_000 + _file_x()),
    "extended path leads out": after(pax(record("path", "../../outside")) + _file_x()),
    "extended path, absolute": after(pax(record("path", "/etc/airgap-test")) + _file_x()),
    "extended path renames a file": after(pax(record("path", "b")) + _file_x()),
    "global path for all": before(pax(record("path", "../outside"), b"g")),
    "extended link path": after(pax(record("linkpath", "/etc/passwd")) + header(b"k", b"2", link=b"b")),
    "extended size, negative": after(pax(record("size", "-1536")) + _file_x()),
    "extended size, huge": after(pax(record("size", str(1 << 62))) + _file_x()),
    "extended size, no number": after(pax(record("size", "x")) + _file_x()),
    "extended time, not a number": after(pax(record("mtime", "nan")) + _file_x()),
    "extended record of length 0": after(pax(b"0 path=x\n") + _file_x()),
    "extended record too long": after(pax(b"9999 path=x\n") + _file_x()),
    "extended record without end": after(pax(b"12 path=../.") + _file_x()),
    "sparse name, absolute": after(pax(record("GNU.sparse.name", "/etc/airgap-test")) + _file_x()),
    "sparse of an exabyte": after(sparse("0,1", 1 << 60) + _file_x()),
    "sparse with negative offsets": after(sparse("-5,-9", 9) + _file_x()),
    "old GNU sparse": after(header(b"x", b"S", octal(1)) + padded(b"x")),
    "volume header": before(header(b"label", b"V")),
    "second volume": before(header(b"b", b"M", octal(3)) + padded(b"xxx")),
    "dump directory": before(header(b"dump", b"D", octal(3)) + padded(b"Yx\0")),
    "contiguous file": after(header(b"x", b"7", octal(1)) + padded(b"x")),
    "old type with a slash": after(header(b"b/", b"\0", octal(3)) + padded(b"xxx")),
    "no name": after(header(b"", b"0", octal(1)) + padded(b"x")),
    "name of dots": after(header(b"..", b"0", octal(1)) + padded(b"x")),
    "name not UTF-8": after(header(b"\xff\xfe", b"0", octal(1)) + padded(b"x")),
    "name with two slashes": after(header(b"bin//a", b"0", octal(3)) + padded(b"xxx")),
    "name in capitals": after(header(b"B", b"0", octal(3)) + padded(b"xxx")),
    "name with a colon": after(header(b"C:b", b"0", octal(3)) + padded(b"xxx")),
    "a million directories": lambda: header(b"d/", b"5") * 1_000_000 + tar(plain()),
    "a million links": lambda: header(b"k", b"2", link=b"/etc") * 1_000_000 + tar(plain()),
    "the same archive twice": lambda: tar(plain()) + tar(plain()),
    "an archive after the end": lambda: tar(plain()) + tar([member("../outside", b"x")]),
    "random bytes": lambda: hashlib.shake_128(b"airgap").digest(5 * BLOCK),
    "no end": _members,
}  # fmt: skip


def _zeros(count: int) -> bytes:
    """Return so many zeros as gzip, which takes members one after another."""
    return gzip.compress(bytes(1 << 26), 1) * (count >> 26)


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../outside", b"x")
    return out.getvalue()


def _wide_window() -> bytes:
    """Return a frame that asks the reader for a window of 2 GiB: magic, no content size, window, one raw block."""
    return bytes.fromhex("28b52ffd00") + bytes([21 << 3]) + (1 << 3 | 1).to_bytes(3, "little") + b"x"


COMPRESSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "two gibibytes in a directory": ("tar.gz", lambda: _gz(header(b"bin/", b"5", octal(2 * GIB))) + _zeros(2 * GIB)),
    "two gibibytes in a file": ("tar.gz", lambda: _gz(header(b"b", b"0", octal(2 * GIB))) + _zeros(2 * GIB)),
    "two gibibytes after the end": ("tar.gz", lambda: _gz(tar(plain())) + _zeros(2 * GIB)),
    "nothing": ("tar.gz", lambda: b""),
    "nothing, zstd": ("tar.zst", lambda: b""),
    "not compressed": ("tar.gz", lambda: tar(plain())),
    "not compressed, zstd": ("tar.zst", lambda: tar(plain())),
    "zstd called gzip": ("tar.gz", lambda: _zst(tar(plain()))),
    "gzip called zstd": ("tar.zst", lambda: _gz(tar(plain()))),
    "xz": ("tar.gz", lambda: lzma.compress(tar(plain()))),
    "bzip2": ("tar.gz", lambda: bz2.compress(tar(plain()))),
    "zip": ("tar.gz", _zip),
    "cut gzip": ("tar.gz", lambda: _gz(tar(plain()))[:60]),
    "cut zstd": ("tar.zst", lambda: _zst(tar(plain()))[:60]),
    "gzip, wrong check sum": ("tar.gz", lambda: _gz(tar(plain()))[:-8] + bytes(8)),
    "gzip, then garbage": ("tar.gz", lambda: _gz(tar(plain())) + b"garbage" * 99),
    "zstd, then garbage": ("tar.zst", lambda: _zst(tar(plain())) + b"garbage" * 99),
    "gzip in gzip": ("tar.gz", lambda: _gz(_gz(tar(plain())))),
    "zstd, skippable frames": ("tar.zst", lambda: bytes.fromhex("502a4d1804000000") + b"skip" + _zst(tar(plain()))),
    "zstd, a window of 2 GiB": ("tar.zst", _wide_window),
    "zstd, unknown dictionary": ("tar.zst", lambda: bytes.fromhex("28b52ffd0158ff010000")),
}


def _list(*changes: dict[str, Any], drop: str = "") -> bytes:
    """Return a good list of files with entries added or, when their path is known, changed."""
    entries = {entry.path: vars(entry) for entry in ENTRIES}
    for change in changes:
        path = change["path"]
        new = {"type": "file", "mode": 0o644, "size": 1, "sha256": _sha(b"x"), "target": ""}
        entries[path] = {**entries.get(path, new), **change}
        if drop:
            del entries[path][drop]
    return json.dumps(list(entries.values())).encode("utf-8", "surrogateescape")


def _link(path: str, target: str) -> dict[str, Any]:
    return {"path": path, "type": "symlink", "mode": 0, "size": 0, "sha256": "", "target": target}


def _folder(path: str, **fields: Any) -> dict[str, Any]:
    return {"path": path, "type": "dir", "mode": 0o755, "size": 0, "sha256": "", "target": "", **fields}


LISTS: dict[str, bytes] = {
    "path leads out": _list({"path": "../outside"}),
    "path leads out from the middle": _list({"path": "bin/../../outside"}),
    "path, absolute": _list({"path": "/etc/airgap-test"}),
    "path, empty": _list({"path": ""}),
    "path, dot": _list({"path": "."}),
    "path, dots": _list({"path": ".."}),
    "path, two slashes": _list({"path": "bin//x"}),
    "path, dot in the middle": _list({"path": "bin/./x"}),
    "path, slash at the end": _list({"path": "x/"}),
    "path with a newline": _list({"path": "x\ny"}),
    "path with a null byte": _list({"path": "x\0y"}),
    "path with an escape": _list({"path": "x\x1b[2J"}),
    "path, half a surrogate": _list({"path": "x\ud800"}),
    "path of 300 bytes": _list({"path": "x" * 300}),
    "path of 5,000 bytes": _list(*(_folder("/".join(["d" * 99] * n)) for n in range(1, 52))),
    "path twice": json.dumps([vars(e) for e in (*ENTRIES, ENTRIES[0])]).encode(),
    "below nothing": _list({"path": "nowhere/x"}),
    "below a file": _list({"path": "b/x"}),
    "below a link": _list(_link("out", "bin"), {"path": "out/x"}),
    "before its directory": json.dumps([vars(e) for e in reversed(ENTRIES)]).encode(),
    "mode, setuid": _list({"path": "b", "mode": 0o4755}),
    "mode, setgid": _list({"path": "b", "mode": 0o2755}),
    "mode, sticky": _list(_folder("bin", mode=0o1777)),
    "mode, for all to write": _list({"path": "b", "mode": 0o666}),
    "mode, negative": _list({"path": "b", "mode": -1}),
    "size, negative": _list({"path": "b", "size": -1}),
    "size, text": _list({"path": "b", "size": "3"}),
    "size, truth": _list({"path": "b", "size": True}),
    "size, fraction": _list({"path": "b", "size": 3.0}),
    "size, 10,000 digits": _list({"path": "b"}).replace(b'"size": 3', b'"size": ' + b"9" * 10_000),
    "size, infinite": _list({"path": "b"}).replace(b'"size": 3', b'"size": Infinity'),
    "size, an exabyte": _list({"path": "b", "size": 1 << 60}),
    "hash, missing": _list({"path": "b", "sha256": ""}),
    "hash, of something else": _list({"path": "b", "sha256": _sha(b"x")}),
    "hash, in capitals": _list({"path": "b", "sha256": _sha(b"bbb").upper()}),
    "hash, with a newline": _list({"path": "b", "sha256": _sha(b"bbb")[:-1] + "\n"}),
    "directory with a hash": _list(_folder("d", sha256=_sha(b""))),
    "file with a target": _list({"path": "b", "target": "l"}),
    "link, absolute": _list(_link("k", "/etc/passwd")),
    "link leads out": _list(_link("k", "../outside")),
    "link leads out from the middle": _list(_link("k", "bin/../../outside")),
    "link leads out by another": _list(_link("up", "bin/.."), _link("k", "up/../outside")),
    "link leads out by a chain": _list(_link("a1", "bin/a2"), _link("bin/a2", "a3"), _link("bin/a3", "../../x")),
    "link without target": _list(_link("k", "")),
    "link with a null byte": _list(_link("k", "b\0/etc")),
    "link to itself": _list(_link("k", "k")),
    "links in a ring": _list(_link("j", "k"), _link("k", "j")),
    "link with content": _list({**_link("k", "b"), "size": 5}),
    "hard link": _list({"path": "k", "type": "link", "target": "b"}),
    "device": _list({"path": "null", "type": "char", "target": ""}),
    "pipe": _list({"path": "pipe", "type": "fifo"}),
    "type that is a list": _list({"path": "b", "type": ["file"]}),
    "unknown field": _list({"path": "b", "uid": 0}),
    "missing field": _list({"path": "b"}, drop="path"),
    "a text": b'"b"',
    "a number": b"1",
    "null": b"null",
    "an object": b'{"path": "b"}',
    "a list of lists": b"[[]]",
    "nested 200,000 deep": b"[" * 200_000,
    "not JSON": b"\x7fELF",
    "not UTF-8": b'["\xff\xfe\xed\xa0\x80"]',
    "two lists": _list() + _list(),
}


def _one_frame(count: int) -> bytes:
    """Return blanks as one frame: magic, a window of 2 MiB, and blocks that repeat a byte 128 Ki times."""
    more, last = (((1 << 17) << 3 | 1 << 1 | end).to_bytes(3, "little") + b" " for end in (0, 1))
    return bytes.fromhex("28b52ffd00") + bytes([11 << 3]) + more * ((count >> 17) - 1) + last
