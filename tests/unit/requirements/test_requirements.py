# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ELF files require of a host: files made for the test, those of a compiler and of this machine, hostile ones."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._requirements.elf import (
    GLIBC,
    GLIBCXX,
    MAX_READ,
    Elf,
    elf_files,
    needed_symbol,
    newest_isa,
    newest_need,
    own_glibcxx,
)
from ansible_collections.airgap.conda.tests.unit.tiny_elf import AARCH64, VERSYM, make_elf
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

PROGRAM = shutil.which("ls") or "/bin/ls"
needs_compiler = pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc here; tiny_elf makes what it would")


def look(tree: Path, content: dict[str, Any]) -> list[Elf]:
    write_tree(tree, content)
    return elf_files(tree, sorted(content))


def test_versions_compare_as_numbers() -> None:
    assert version_key("2.4") < version_key("2.31") < version_key("2.31.1") < version_key("10.0")
    assert version_key("") < version_key("0")


def test_the_newest_need_its_file_and_its_symbol_are_found(tmp_path: Path) -> None:
    old = make_elf(["GLIBC_2.4", "GLIBCXX_3.4.30", "CXXABI_1.3.9"], {"read": "GLIBC_2.4"})
    new = make_elf(["GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_PRIVATE"], {"a": "GLIBC_2.2.5", "dlopen": "GLIBC_2.34"})
    files = look(tmp_path, {"bin/tool": old, "lib/a.so": new, "lib/b.so": new, "lib/text.so": "#!/bin/sh\n", "e": ""})
    assert [elf.path for elf in files] == ["bin/tool", "lib/a.so", "lib/b.so"]
    assert newest_need(files, GLIBC) == ("2.34", "lib/a.so", "GLIBC_2.34")
    assert needed_symbol(tmp_path / "lib/a.so", "GLIBC_2.34") == "dlopen"
    assert needed_symbol(tmp_path / "lib/a.so", "GLIBC_PRIVATE") == ""
    assert newest_need(files, GLIBCXX) == ("3.4.30", "bin/tool", "GLIBCXX_3.4.30")
    assert newest_need([], GLIBC) == ("", "", "")
    assert newest_need(files[1:], GLIBCXX) == ("", "", "")


def test_a_marker_stands_for_a_glibc_and_for_no_symbol(tmp_path: Path) -> None:
    relr = make_elf(["GLIBC_2.34", "GLIBC_ABI_DT_RELR"], {"puts": "GLIBC_2.34"})
    files = look(tmp_path, {"lib/a.so": relr})
    assert newest_need(files, GLIBC) == ("2.36", "lib/a.so", "GLIBC_ABI_DT_RELR")
    assert needed_symbol(tmp_path / "lib/a.so", "GLIBC_ABI_DT_RELR") == ""
    assert newest_need(files, GLIBCXX) == ("", "", "")


def test_the_cpu_level_is_the_highest_that_must_be_there(tmp_path: Path) -> None:
    tree = {
        "lib/a.so": make_elf(isa=1),
        "lib/b.so": make_elf(isa=1 | 2 | 4),
        "lib/c.so": make_elf(isa=2),
        "lib/glibc-hwcaps/x86-64-v4/b.so": make_elf(isa=8),  # picked only where the CPU has it
    }
    files = look(tmp_path, tree)
    assert newest_isa(files) == ("x86-64-v3", "lib/b.so")
    assert newest_isa(files[:1]) == ("", "")  # every CPU has the baseline


def test_the_release_own_libstdcxx_is_known(tmp_path: Path) -> None:
    names = ["libstdc++.so.6", "GLIBCXX_3.4", "GLIBCXX_3.4.9", "GLIBCXX_3.4.33", "CXXABI_1.3"]
    library = make_elf(["GLIBC_2.17"], defines=names)
    files = look(tmp_path, {"lib/libstdc++.so.6.0.33": library, "lib/libother.so": make_elf(defines=["GLIBCXX_9.9"])})
    assert own_glibcxx(files) == "3.4.33"
    assert own_glibcxx(files[:1]) == ""


def test_files_for_another_machine_are_data(tmp_path: Path) -> None:
    tree = {
        "lib/a.so": make_elf(["GLIBC_2.17"]),
        "lib/b.so": make_elf(["GLIBC_2.18"]),
        "share/arm.so": make_elf(["GLIBC_2.39"], machine=AARCH64),
    }
    assert newest_need(look(tmp_path, tree), GLIBC)[:2] == ("2.18", "lib/b.so")


@pytest.mark.parametrize(
    ("libc", "inside", "outside"),
    [
        ("x86_64-conda-linux-gnu/sysroot/lib64/libc.so.6", "x86_64-conda-linux-gnu/sysroot/usr/lib64/gconv/x.so", True),
        (
            "x86_64-conda_cos6-linux-gnu/sysroot/lib/libc.so.6",
            "x86_64-conda_cos6-linux-gnu/sysroot/sbin/ldconfig",
            True,
        ),
        ("opt/rootfs/lib/x86_64-linux-gnu/libc.so.6", "opt/rootfs/usr/bin/tool", True),
        ("opt/rootfs/usr/lib64/libc.so.6", "opt/rootfs/usr/bin/tool", True),
        ("share/alone/libc.so.6", "share/alone/tool", True),
        ("aarch64/sysroot/lib/libm.so.6", "aarch64/sysroot/lib/libm.so.6", True),  # its libc is a script, or not there
        ("lib/libc.so.6", "bin/tool", False),  # whatever that is for, the host loads what lies beside it
        ("usr/lib/libc.so.6", "bin/tool", False),
    ],
)
def test_a_sysroot_is_loaded_by_no_host(tmp_path: Path, libc: str, inside: str, outside: bool) -> None:
    new, old = make_elf(["GLIBC_2.39"], isa=8), make_elf(["GLIBC_2.17"])
    files = look(tmp_path, {libc: new, inside: new, "lib/a.so": old})
    assert newest_need(files, GLIBC)[0] == ("2.17" if outside else "2.39")
    assert newest_isa(files)[0] == ("" if outside else "x86-64-v4")


# --- real files ------------------------------------------------------------------------------------------------------


def names_in(path: str) -> list[str]:
    """Return the versions in the file's strings: another way to the same answer."""
    return re.findall(r"GLIBC_([0-9]+\.[0-9.]*[0-9])\0", Path(path).read_bytes().decode("latin-1"))


def test_a_program_of_this_machine(tmp_path: Path) -> None:
    files = look(tmp_path, {"bin/ls": Path(PROGRAM).read_bytes()})
    version, culprit, name = newest_need(files, GLIBC)
    assert (version, culprit) == (max(names_in(PROGRAM), key=version_key), "bin/ls")
    symbol = needed_symbol(tmp_path / "bin/ls", name)
    assert symbol.encode() + b"\0" in Path(PROGRAM).read_bytes()


@needs_compiler
def test_what_a_compiler_makes(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text('#include <stdlib.h>\nint f(void) { return atoi(getenv("A")); }\n', encoding="ascii")
    for name, options in (("plain", []), ("level", ["-Wl,-z,x86-64-v3"])):
        command = ["gcc", "-shared", "-fPIC", *options, "-o", str(tmp_path / f"{name}.so"), str(tmp_path / "a.c")]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("this linker does not know x86-64-v3")
    files = elf_files(tmp_path, ["level.so", "plain.so"])
    assert newest_isa(files) == ("x86-64-v3", "level.so")
    assert newest_isa(files[1:]) == ("", "")
    version, culprit, name = newest_need(files, GLIBC)
    assert version_key(version) >= (2, 2, 5)
    assert needed_symbol(tmp_path / culprit, name) in ("atoi", "getenv", "__cxa_finalize")


# --- hostile and broken files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [4, 5, 16, 63, 64, 100, 5000])
def test_cut_objects_are_data(tmp_path: Path, keep: int) -> None:
    tree = {"cut.so": Path(PROGRAM).read_bytes()[:keep], "noise.so": b"\x7fELF" + bytes(range(256)) * 8}
    assert newest_need(look(tmp_path, tree), GLIBC) == ("", "", "")
    assert needed_symbol(tmp_path / "cut.so", "GLIBC_2.2.5") == ""


def test_damaged_objects_never_stop_a_build(tmp_path: Path) -> None:
    data = make_elf(["GLIBC_2.4", "GLIBC_2.34"], {"f": "GLIBC_2.34"}, defines=["GLIBCXX_3.4"], isa=4)
    for place in range(4, len(data), 2):
        for bits in (0xFF, 0x01):
            damaged = bytearray(data)
            damaged[place] ^= bits
            (tmp_path / "libstdc++.so.6").write_bytes(damaged)
            for elf in elf_files(tmp_path, ["libstdc++.so.6"]):
                needed_symbol(tmp_path / "libstdc++.so.6", elf.needs[-1] if elf.needs else "")


def sections(data: bytearray) -> range:
    """Return where the entries of the table of sections begin, but for the empty first one."""
    table = struct.unpack_from("<Q", data, 40)[0]
    return range(table + 64, table + 64 * struct.unpack_from("<H", data, 60)[0], 64)


def test_a_file_that_leads_in_circles_ends(tmp_path: Path) -> None:
    data = bytearray(make_elf(["GLIBC_2.4"], {"f": "GLIBC_2.4"}, defines=["GLIBCXX_3.4"], isa=4))
    for entry in sections(data):
        struct.pack_into("<I", data, entry + 44, 0xFFFFFFFF)  # so many needs follow, each 0 bytes after the one before
    (tmp_path / "libstdc++.so.6").write_bytes(data)
    start = time.monotonic()
    assert elf_files(tmp_path, ["libstdc++.so.6"]) == []
    assert needed_symbol(tmp_path / "libstdc++.so.6", "GLIBC_2.99") == ""
    assert time.monotonic() - start < 60


def test_a_section_of_any_size_is_not_read(tmp_path: Path) -> None:
    data = bytearray(make_elf(["GLIBC_2.4"], {"f": "GLIBC_2.4"}))
    (tmp_path / "a.so").write_bytes(data)
    assert needed_symbol(tmp_path / "a.so", "GLIBC_2.4") == "f"
    for entry in sections(data):
        if struct.unpack_from("<I", data, entry + 4)[0] == VERSYM:
            struct.pack_into("<Q", data, entry + 32, MAX_READ + 2)
    (tmp_path / "a.so").write_bytes(data)
    os.truncate(tmp_path / "a.so", 2 * MAX_READ)
    assert needed_symbol(tmp_path / "a.so", "GLIBC_2.4") == ""
