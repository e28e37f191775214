# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unpacking: what was packed comes back exactly, and whatever is not in files.json is refused."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import compare_tree
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import TREES
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, snapshot, write_tree

ODD = {
    "Ünïcödé/日本/🐍.py": "x",
    "with space/and 'quotes' \"$(x)\"; *": "x",
    "-rf": "x",
    "back\\slash": "x",
    "n" * 150: "a name longer than the 100 bytes of a tar header",
    "/".join(["d" * 90] * 4) + "/deep": "longer than 255 in all",
    "l" * 120: Path("n" * 150),
    os.fsdecode(b"latin-\xe9"): "not UTF-8",
    "empty": "",
    "empty-dir": None,
    "dir-link": Path("empty-dir"),
    "up/down": Path("../with space"),
    "dangling": Path("nothing/here"),
}


pytestmark = pytest.mark.usefixtures("quick_disk")


def unpack(parts: list[Path], format_name: str, entries: list[FileEntry], target: Path) -> None:
    target.mkdir(mode=0o700)
    extract(parts, format_name, entries, target)


@pytest.mark.parametrize("format_name", TREES)
@pytest.mark.parametrize("part_size", [97, 1 << 20])
def test_odd_names_come_back(tmp_path: Path, format_name: str, part_size: int) -> None:
    (tmp_path / "p").mkdir()
    tree = write_tree(tmp_path / "t", {**TREE, **ODD})
    entries, payloads = write_payloads(tree, tmp_path / "p", (format_name,), part_size)
    before = os.umask(0o077)
    try:
        unpack([tmp_path / "p" / part.name for part in payloads[0].parts], format_name, entries, tmp_path / "out")
    finally:
        os.umask(before)
    assert list(compare_tree(tmp_path / "out", entries)) == []
    assert snapshot(tmp_path / "out") == snapshot(tree)


def test_odd_names_come_back_by_an_older_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.9 and older read the long name of a directory with a slash at its end."""
    newer: Any = vars(tarfile.TarInfo)["_proc_gnulong"]

    def older(member: tarfile.TarInfo, archive: tarfile.TarFile) -> tarfile.TarInfo:
        found: tarfile.TarInfo = newer(member, archive)
        if found.isdir():
            found.name += "/"
        return found

    monkeypatch.setattr(tarfile.TarInfo, "_proc_gnulong", older)
    test_odd_names_come_back(tmp_path, "tar.zst", 1 << 20)


@pytest.mark.parametrize("format_name", TREES)
def test_a_big_sparse_file_comes_back(tmp_path: Path, format_name: str) -> None:
    tree = write_tree(tmp_path / "t", {"a": "first"})
    with open(tree / "sparse", "wb") as stream:
        stream.seek((8 << 20) - 1)
        stream.write(b"\1")
    entries, payloads = write_payloads(tree, tmp_path, (format_name,))
    unpack([tmp_path / part.name for part in payloads[0].parts], format_name, entries, tmp_path / "out")
    assert list(compare_tree(tmp_path / "out", entries)) == []


def test_a_disk_that_takes_less_than_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = write_tree(tmp_path / "t", {"last": "0123456789" * 2000})
    entries, payloads = write_payloads(tree, tmp_path, ("tar.gz",))
    parts = [tmp_path / part.name for part in payloads[0].parts]
    write, room = os.write, [20_000]

    def nearly_full(handle: int, content: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = write(handle, content[: min(7000, room[0])])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", nearly_full)
    unpack(parts, "tar.gz", entries, tmp_path / "out")
    assert list(compare_tree(tmp_path / "out", entries)) == []
    room[0] = 19_999
    with pytest.raises(OSError, match="No space left"):
        unpack(parts, "tar.gz", entries, tmp_path / "full")


# --- damaged ---------------------------------------------------------------------------------------------------------


@pytest.fixture(params=TREES)
def packed(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, list[FileEntry], bytes]:
    entries = write_payloads(write_tree(tmp_path / "t", TREE), tmp_path, (request.param,))[0]
    return request.param, entries, (tmp_path / f"env.{request.param}").read_bytes()


def check_refused_or_right(tmp_path: Path, format_name: str, entries: list[FileEntry], data: bytes) -> bool:
    """Unpack damaged data in a place of its own; returns whether it was refused."""
    box, target = tmp_path / "box", tmp_path / "box/out"
    box.mkdir()
    (tmp_path / "damaged").write_bytes(data)
    try:
        unpack([tmp_path / "damaged"], format_name, entries, target)
        refused = False
        assert list(compare_tree(target, entries)) == []
    except AirgapError:
        refused = True
    assert [path.name for path in box.iterdir()] == ["out"]
    assert {os.path.relpath(p, target) for p in target.rglob("*")} <= {e.path for e in entries}
    shutil.rmtree(box)
    return refused


def test_a_cut_payload_is_refused(tmp_path: Path, packed: tuple[str, list[FileEntry], bytes]) -> None:
    format_name, entries, data = packed
    # The last bytes hold the padding of the archive and the check sum of the compressor only.
    cuts = [*range(0, len(data) * 3 // 4, 11)]
    assert all(check_refused_or_right(tmp_path, format_name, entries, data[:cut]) for cut in cuts)


def test_flipped_bits_never_change_a_file(tmp_path: Path, packed: tuple[str, list[FileEntry], bytes]) -> None:
    format_name, entries, data = packed
    numbers = random.Random(2)  # noqa: S311 - the same flips every time
    refused = 0
    for _round in range(100):
        damaged = bytearray(data)
        damaged[numbers.randrange(len(data))] ^= 1 << numbers.randrange(8)
        refused += check_refused_or_right(tmp_path, format_name, entries, bytes(damaged))
    assert refused > 60  # some bits carry nothing, such as the name of an operating system in a gzip header


def test_flipped_bits_in_the_archive_itself_are_refused_or_harmless(
    tmp_path: Path, packed: tuple[str, list[FileEntry], bytes]
) -> None:
    format_name, entries, data = packed
    if format_name == "tar.zst":
        pytest.skip("once is enough")
    archive, numbers = bytearray(gzip.decompress(data)), random.Random(3)  # noqa: S311 - the same flips every time
    for _round in range(120):
        place, bit = numbers.randrange(len(archive)), 1 << numbers.randrange(8)
        archive[place] ^= bit
        check_refused_or_right(tmp_path, format_name, entries, gzip.compress(bytes(archive), 1))
        archive[place] ^= bit


def test_an_empty_payload_is_refused(tmp_path: Path) -> None:
    for data in (b"", gzip.compress(b""), zstandard.ZstdCompressor().compress(b"")):
        for format_name in TREES:
            assert check_refused_or_right(tmp_path, format_name, [FileEntry("a", "file", 0o644, 1, "0" * 64)], data)


# --- hostile ---------------------------------------------------------------------------------------------------------

Members = list[tuple[tarfile.TarInfo, bytes]]


def member(name: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def plain() -> Members:
    return [
        member("bin", type=tarfile.DIRTYPE, mode=0o755),
        member("bin/a", b"aaa"),
        member("b", b"bbb"),
        member("l", type=tarfile.SYMTYPE, linkname="bin/a"),
    ]


def add(*args: Any, **fields: Any) -> Callable[[Members], Members]:
    return lambda members: [*members, member(*args, **fields)]


def write_tar(path: Path, members: Members, tar_format: int = tarfile.GNU_FORMAT) -> None:
    with tarfile.open(path, "w:gz", format=tar_format) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))


@pytest.fixture
def entries(tmp_path: Path) -> list[FileEntry]:
    tree = write_tree(tmp_path / "plain", {"bin/a": "aaa", "b": "bbb", "l": Path("bin/a")})
    (tmp_path / "pp").mkdir()
    return write_payloads(tree, tmp_path / "pp", ("tar.gz",))[0]


HOSTILE: dict[str, Callable[[Members], Members]] = {
    "extra member": add("extra", b"x"),
    "missing member": lambda m: [item for item in m if item[0].name != "b"],
    "other content": lambda m: [*m[:2], member("b", b"bbc"), m[3]],
    "longer": lambda m: [*m[:2], member("b", b"bbbb"), m[3]],
    "shorter": lambda m: [*m[:2], member("b", b"bb"), m[3]],
    "twice": add("b", b"bbb"),
    "twice with other content": add("b", b"xxx"),
    "absolute": add("/etc/airgap-test", b"x"),
    "absolute twin": lambda m: [*m[:2], member("/b", b"bbb"), m[3]],
    "parent": add("../outside", b"x"),
    "parent in the middle": add("bin/../../outside", b"x"),
    "dot": lambda m: [*m[:2], member("./b", b"bbb"), m[3]],
    "newline": add("b\nc", b"x"),
    "hard link": lambda m: [*m[:2], member("b", type=tarfile.LNKTYPE, linkname="bin/a"), m[3]],
    "hard link out": add("passwd", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "link instead of a file": lambda m: [*m[:2], member("b", type=tarfile.SYMTYPE, linkname="/etc/passwd"), m[3]],
    "directory instead of a file": lambda m: [*m[:2], member("b", type=tarfile.DIRTYPE), m[3]],
    "file instead of a link": lambda m: [*m[:3], member("l", b"x")],
    "file instead of a directory": lambda m: [member("bin", b"x"), *m[1:]],
    "extra link": add("other", type=tarfile.SYMTYPE, linkname="/etc"),
    "extra directory": add("../dir", type=tarfile.DIRTYPE),
    "directory twice": lambda m: [m[0], *m],
    "missing link": lambda m: m[:3],
    "pipe": add("pipe", type=tarfile.FIFOTYPE),
    "pipe instead of a file": lambda m: [*m[:2], member("b", type=tarfile.FIFOTYPE), m[3]],
    "device": add("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "block device": add("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
    "unknown type": add("odd", b"x", type=b"Z"),
    "through a link": lambda m: [
        member("bin", type=tarfile.SYMTYPE, linkname="../.."), member("bin/outside", b"x"), *m
    ],
    "bomb": add("bomb", bytes(5 << 20)),
    "sparse map that is none": add("b", b"x", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
    "sparse": add("b", b"1\n0\n3\nbbb", pax_headers={"GNU.sparse.map": "0,3", "GNU.sparse.size": "3"}),
    "empty": lambda m: [],  # noqa: ARG005 - as all the others
}  # fmt: skip


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_hostile_archives_are_refused(
    tmp_path: Path, entries: list[FileEntry], change: Callable[[Members], Members], tar_format: int
) -> None:
    box = tmp_path / "box"
    box.mkdir()
    write_tar(tmp_path / "evil.tar.gz", change(plain()), tar_format)
    with raised("payload-damaged"):
        unpack([tmp_path / "evil.tar.gz"], "tar.gz", entries, box / "out")
    assert [path.name for path in box.iterdir()] == ["out"]
    assert not Path("/etc/airgap-test").exists()
    assert {os.path.relpath(path, box / "out") for path in (box / "out").rglob("*")} <= {e.path for e in entries}
    assert all(path.is_dir() or path.is_file() for path in (box / "out").rglob("*"))
    shutil.rmtree(box)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda m: m, id="plain"),
        pytest.param(lambda m: [*m[:2], member("b", b"bbb", mode=0o6777), m[3]], id="setuid"),
        pytest.param(lambda m: [*m[:3], member("l", type=tarfile.SYMTYPE, linkname="/etc/passwd")], id="link out"),
        pytest.param(lambda m: [member("bin", type=tarfile.DIRTYPE, mode=0o7777), *m[1:]], id="sticky directory"),
    ],
)
def test_only_files_json_decides_on_modes_links_and_directories(
    tmp_path: Path, entries: list[FileEntry], change: Callable[[Members], Members]
) -> None:
    write_tar(tmp_path / "odd.tar.gz", change(plain()))
    (tmp_path / "box").mkdir()
    unpack([tmp_path / "odd.tar.gz"], "tar.gz", entries, tmp_path / "box/out")
    assert list(compare_tree(tmp_path / "box/out", entries)) == []
    assert [path.name for path in (tmp_path / "box").iterdir()] == ["out"]


def test_nothing_that_is_there_already_is_written_to(tmp_path: Path, entries: list[FileEntry]) -> None:
    write_tar(tmp_path / "good.tar.gz", plain())
    victim = tmp_path / "victim"
    for is_link in (True, False):
        out = tmp_path / "out"
        out.mkdir()
        victim.write_bytes(b"mine")
        if is_link:
            (out / "b").symlink_to(victim)
        else:
            (out / "b").hardlink_to(victim)
        with pytest.raises(FileExistsError):
            extract([tmp_path / "good.tar.gz"], "tar.gz", entries, out)
        assert victim.read_bytes() == b"mine"
        shutil.rmtree(out)


def long_header(size: int) -> bytes:
    """Return a header that claims a long name of ``size`` bytes, and the name."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(size + -size % tarfile.BLOCKSIZE)


@pytest.mark.parametrize("start", [long_header(1 << 20), long_header(2) * 5000], ids=["long", "many"])
def test_headers_before_a_member_are_few_and_short(tmp_path: Path, entries: list[FileEntry], start: bytes) -> None:
    write_tar(tmp_path / "good.tar.gz", plain())
    data = gzip.decompress((tmp_path / "good.tar.gz").read_bytes())
    (tmp_path / "evil.tar.gz").write_bytes(gzip.compress(start + data, 1))
    with raised("payload-damaged", found="an archive that cannot be read"):
        unpack([tmp_path / "evil.tar.gz"], "tar.gz", entries, tmp_path / "out")
