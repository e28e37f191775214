# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payloads: the same tree gives the same bytes, cut into parts; byte code is bound to nothing that changes."""

from __future__ import annotations

import hashlib
import itertools
import os
import py_compile
import random
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import walk
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS, is_image
from ansible_collections.airgap.conda.plugins.module_utils._formats.tar import ZSTD_JOB, compressor, header
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import write_payloads
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, write_tree

NOISE = random.Random(1).randbytes(20_000)  # noqa: S311 - what does not compress, the same every time
PYC = f"lib/__pycache__/m.{sys.implementation.cache_tag}.pyc"


pytestmark = pytest.mark.usefixtures("quick_disk")


def pack(tree: Path, out: Path, part_size: int = 1 << 20, formats: tuple[str, ...] = tuple(FORMATS)) -> list[Payload]:
    out.mkdir()
    return write_payloads(tree, out, formats, part_size)[1]


def make(folder: Path, names: list[str], when: int) -> Path:
    """Make the same tree in the given order, with times and an owner of its own."""
    content = {**TREE, "lib/noise": NOISE, "lib/m.py": "VALUE = 42\n"}
    tree = write_tree(folder, {name: content.get(name, "x") for name in names})
    os.utime(tree / "lib/m.py", (when, when))
    py_compile.compile(str(tree / "lib/m.py"), dfile="lib/m.py")
    for path in [tree, *tree.rglob("*")]:
        if path.name != "m.py":
            os.utime(path, (when, when), follow_symlinks=False)
        if os.geteuid() == 0:
            os.lchown(path, when % 1000, 7)
    return tree


def test_equal_trees_give_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(1_800_000_000, 1000)
    monkeypatch.setattr("time.time", lambda: float(next(clock)))
    # Folders among others, since a file system may give their names in any order.
    names = [*TREE, "lib/noise", "lib/m.py", *(f"lib/{name}/x" for name in ("q", "B", "a", "ä", "zz", "10", "9"))]
    first = make(tmp_path / "a", names, 1_600_000_000)
    second = make(tmp_path / "b", names[::-1], 1_700_000_123)
    assert pack(first, tmp_path / "pa", 9000) == pack(second, tmp_path / "pb", 9000)
    parts = sorted(path.name for path in (tmp_path / "pa").iterdir())
    assert parts == sorted(path.name for path in (tmp_path / "pb").iterdir())
    for name in parts:
        assert (tmp_path / "pa" / name).read_bytes() == (tmp_path / "pb" / name).read_bytes(), name


def test_the_number_of_cores_does_not_change_a_byte() -> None:
    data = b"".join(NOISE[start : start + 5000] for start in range(0, 12_000, 3)) + NOISE
    data = data[: ZSTD_JOB + (1 << 20)]
    assert len(data) > ZSTD_JOB
    first, *others = [compressor(threads).compress(data) for threads in (1, 2, 3)]
    assert others == [first, first]


@pytest.mark.parametrize("format_name", FORMATS)
def test_parts_are_what_the_payload_says(tmp_path: Path, format_name: str) -> None:
    # Until three parts of one size are possible. An image is made of whole blocks of 4 KiB.
    for length in range(len(NOISE), 0, -1000 if is_image(format_name) else -1):
        tree = write_tree(tmp_path / f"t{length}", {"noise": NOISE[:length]})
        whole = pack(tree, tmp_path / "whole", formats=(format_name,))[0]
        if whole.size % 3 == 0:
            break
        shutil.rmtree(tmp_path / "whole")
    assert [part.name for part in whole.parts] == [f"env.{format_name}"]
    data = (tmp_path / "whole" / f"env.{format_name}").read_bytes()
    assert (whole.size, whole.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    # The last part is never empty, and a payload that just fits has no number.
    for size, count in ((whole.size, 1), (whole.size + 1, 1), (whole.size - 1, 2), (whole.size // 3, 3)):
        folder = tmp_path / str(size)
        payload = pack(tree, folder, size, (format_name,))[0]
        names = [f"env.{format_name}.{n:03d}" for n in range(count)] if count > 1 else [f"env.{format_name}"]
        assert [part.name for part in payload.parts] == names == sorted(p.name for p in folder.iterdir())
        assert all(part.size == size for part in payload.parts[:-1])
        assert 0 < payload.parts[-1].size <= size
        chunks = [(folder / name).read_bytes() for name in names]
        assert [(len(c), hashlib.sha256(c).hexdigest()) for c in chunks] == [(p.size, p.sha256) for p in payload.parts]
        assert b"".join(chunks) == data
        assert (payload.size, payload.sha256) == (whole.size, whole.sha256)


def test_modes_are_two_and_owners_root(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "t", {"bin/tool": "x", "bin/setuid": "x", "lib/plain": "x", "lib/secret": "x"})
    (tree / "bin/setuid").chmod(0o6711)
    (tree / "lib/secret").chmod(0o600)
    (tree / "lib").chmod(0o1777)
    entries = write_payloads(tree, tmp_path, ("tar.gz",))[0]
    modes = {entry.path: entry.mode for entry in entries}
    assert modes == {
        "bin": 0o755, "bin/setuid": 0o755, "bin/tool": 0o755, "lib": 0o755, "lib/plain": 0o644, "lib/secret": 0o644,
    }  # fmt: skip
    with tarfile.open(tmp_path / "env.tar.gz") as archive:
        assert {member.name: member.mode for member in archive} == modes
        assert {(m.uid, m.gid, m.uname, m.gname) for m in archive} == {(0, 0, "", "")}


@pytest.mark.parametrize(
    "tree",
    [
        {"l": Path("/etc/passwd")},
        {"lib/l": Path("../../x")},
        {"a/b/c/up": Path("../../.."), "l": Path("a/b/c/up/../x")},
        {"a\nb": "x"},
    ],
)
def test_what_a_host_would_refuse_is_not_packed(tmp_path: Path, tree: dict[str, Path]) -> None:
    with raised("tree-unpackable"):
        pack(write_tree(tmp_path / "t", tree), tmp_path / "p")
    assert list((tmp_path / "p").iterdir()) == []


def test_pipes_are_not_packed(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    os.mkfifo(tmp_path / "t/pipe")
    with raised("tree-unpackable", found="a socket, pipe or device"):
        pack(tmp_path / "t", tmp_path / "p")


@pytest.mark.parametrize("name", ["a", "lib/\u00e4\udcff", "x" * 100, "x" * 101, "\u00e4" * 51, "a/" * 150 + "b"])
@pytest.mark.parametrize("size", [0, 1, (8 << 30) - 1, 8 << 30])
@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_headers_are_those_of_tarfile(name: str, size: int, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, mode
    made = header(member)
    assert member.mtime > 0
    assert made == member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def test_the_order_depends_on_names_alone(tmp_path: Path) -> None:
    names = ["q/x", "B/x", "a/z", "a/y", "ä/x", "10", "9", "q/1/2", "link", "dir"]
    tree = write_tree(tmp_path, {**dict.fromkeys(names, "x"), "dir": None, "link": Path("dir")})
    assert list(walk(tree)) == [
        "10", "9", "link", "B", "B/x", "a", "a/y", "a/z", "dir", "q", "q/x", "q/1", "q/1/2", "ä", "ä/x",
    ]  # fmt: skip


def test_an_unreadable_folder_is_not_left_out(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(walk(tmp_path / "nothing"))


# --- byte code -------------------------------------------------------------------------------------------------------


def compiled(tmp_path: Path, mode: py_compile.PycInvalidationMode = py_compile.PycInvalidationMode.TIMESTAMP) -> Path:
    tree = write_tree(tmp_path / "t", {"lib/m.py": "VALUE = 42\n"})
    py_compile.compile(str(tree / "lib/m.py"), invalidation_mode=mode)
    assert (tree / PYC).is_file()
    return tree


def packed_pyc(tree: Path, tmp_path: Path) -> bytes | None:
    pack(tree, tmp_path / "p", formats=("tar.gz",))
    with tarfile.open(tmp_path / "p/env.tar.gz") as archive:
        member = archive.extractfile(PYC) if PYC in archive.getnames() else None
        return member.read() if member else None


def test_byte_code_runs_without_its_time(tmp_path: Path) -> None:
    tree = compiled(tmp_path)
    code = packed_pyc(tree, tmp_path)
    assert code is not None
    assert code[4:16] == b"\1" + bytes(11)  # PEP 552: by hash, not checked
    # Python takes it although the source has another time, and would say otherwise.
    (tree / PYC).write_bytes(code)
    (tree / "lib/m.py").write_text("VALUE = 0\n", encoding="ascii")
    run = subprocess.run(
        [sys.executable, "-B", "-c", "import m; print(m.VALUE)"], cwd=tree / "lib", capture_output=True, check=True
    )
    assert run.stdout == b"42\n"


def test_stale_byte_code_is_left_out(tmp_path: Path) -> None:
    tree = compiled(tmp_path)
    os.utime(tree / "lib/m.py", (1, 1))  # conda-pack rewrote a prefix in it
    assert packed_pyc(tree, tmp_path) is None


def test_byte_code_of_another_size_is_left_out(tmp_path: Path) -> None:
    tree = compiled(tmp_path)
    time = (tree / "lib/m.py").stat().st_mtime
    (tree / "lib/m.py").write_text("VALUE = 4200\n", encoding="ascii")
    os.utime(tree / "lib/m.py", (time, time))
    assert packed_pyc(tree, tmp_path) is None


def test_byte_code_without_source_is_left_out(tmp_path: Path) -> None:
    tree = compiled(tmp_path)
    (tree / "lib/m.py").unlink()
    assert packed_pyc(tree, tmp_path) is None


def test_byte_code_by_hash_stays(tmp_path: Path) -> None:
    tree = compiled(tmp_path, py_compile.PycInvalidationMode.CHECKED_HASH)
    assert packed_pyc(tree, tmp_path) == (tree / PYC).read_bytes()


def test_foreign_files_with_that_ending_stay(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "t", {PYC: "short", "lib/sourceless.pyc": b"x" * 40})
    entries = write_payloads(tree, tmp_path, ("tar.gz",))[0]
    assert {PYC, "lib/sourceless.pyc"} <= {entry.path for entry in entries}


@pytest.mark.parametrize(
    ("version", "place"), [("2.7", "lib/m.pyc"), ("3.6", "lib/__pycache__/m.cpython-36.pyc"), ("3.8", "")]
)
def test_byte_code_of_any_python_runs_where_it_is_unpacked(tmp_path: Path, version: str, place: str) -> None:
    """Before 3.7 byte code knows its source by the time alone: every file of a release has the same one."""
    python = next((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python"), None)
    if python is None:
        pytest.skip(f"no Python {version} here")
    place = place or "lib/__pycache__/m.cpython-38.pyc"
    tree = write_tree(tmp_path / "t", {"lib/m.py": "VALUE = 42\n"})
    os.utime(tree / "lib/m.py", (1_000_000_000, 1_000_000_000))
    subprocess.run([python, "-m", "compileall", "-q", tree / "lib"], check=True)
    entries = write_payloads(tree, tmp_path, ("tar.gz",))[0]
    (tmp_path / "host").mkdir()
    extract([tmp_path / "env.tar.gz"], "tar.gz", entries, tmp_path / "host")
    code = (tmp_path / "host" / place).read_bytes()
    run = [str(python), "-v", "-c", "import m"]
    done = subprocess.run(run, cwd=tmp_path / "host/lib", capture_output=True, text=True, check=True)
    assert (tmp_path / "host" / place).read_bytes() == code
    assert "matches" in next(
        line for line in done.stderr.splitlines() if ("m.py" in line and "m.cp" in line) or "m.pyc" in line
    )


@pytest.mark.parametrize("tag", ["pypy39", "cpython-313t", "graalpy242-311", "cpython-310d"])
def test_byte_code_of_other_builds_of_python_is_released_too(tmp_path: Path, tag: str) -> None:
    tree = compiled(tmp_path)
    place = f"lib/__pycache__/m.{tag}.pyc"
    code = (tree / PYC).read_bytes()
    magic = (336).to_bytes(2, "little") if tag.startswith("pypy") else code[:2]
    (tree / place).write_bytes(magic + code[2:])
    write_payloads(tree, tmp_path, ("tar.gz",))
    with tarfile.open(tmp_path / "env.tar.gz") as archive:
        member = archive.extractfile(place)
        assert member is not None
        assert member.read()[2:16] == b"\r\n\1" + bytes(11)
