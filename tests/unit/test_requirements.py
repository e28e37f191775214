# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a tree requires of a host, read from real programs of this machine."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._requirements import (
    glibc_of_names,
    glibc_of_tree,
    version_key,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

PROGRAM = shutil.which("ls") or "/bin/ls"


def names_in(path: str) -> list[str]:
    """Return the versions in the file's strings: another way to the same answer."""
    return re.findall(r"GLIBC_([0-9]+\.[0-9.]*[0-9])\0", Path(path).read_bytes().decode("latin-1"))


def test_versions_compare_as_numbers() -> None:
    assert version_key("2.4") < version_key("2.31") < version_key("2.31.1") < version_key("10.0")
    assert version_key("") < version_key("0")


def test_the_newest_need_and_its_file_are_found(tmp_path: Path) -> None:
    data = Path(PROGRAM).read_bytes()
    newest = max(names_in(PROGRAM), key=version_key)
    needy = data.replace(
        f"GLIBC_{newest}\0".encode(), f"GLIBC_{'9.99'[: len(newest)].ljust(len(newest), '9')}\0".encode()
    )
    write_tree(tmp_path, {"bin/plain": data, "lib/script.so": "#!/bin/sh\n", "lib/empty.so": ""})
    paths = ["bin/plain", "lib/script.so", "lib/empty.so"]
    assert glibc_of_tree(tmp_path, paths) == (newest, "bin/plain")
    write_tree(tmp_path, {"lib/needy.so": needy})
    version, culprit = glibc_of_tree(tmp_path, [*paths, "lib/needy.so"])
    assert culprit == "lib/needy.so"
    assert version.startswith("9.9")
    assert glibc_of_tree(tmp_path, ["lib/script.so"]) == ("", "")


@pytest.mark.parametrize("keep", [4, 5, 16, 63, 64, 100, 5000])
def test_broken_objects_are_data(tmp_path: Path, keep: int) -> None:
    (tmp_path / "cut.so").write_bytes(Path(PROGRAM).read_bytes()[:keep])
    assert glibc_of_tree(tmp_path, ["cut.so"]) == ("", "")
    (tmp_path / "noise.so").write_bytes(b"\x7fELF" + bytes(range(256)) * 8)
    assert glibc_of_tree(tmp_path, ["noise.so"]) == ("", "")


def test_damaged_objects_never_stop_a_build(tmp_path: Path) -> None:
    data = Path(PROGRAM).read_bytes()
    for place in (*range(4, 64), *range(len(data) - 640, len(data), 16)):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        (tmp_path / "damaged.so").write_bytes(damaged)
        glibc_of_tree(tmp_path, ["damaged.so"])


def test_names_stand_for_versions() -> None:
    names = ["GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_PRIVATE", "GLIBCXX_3.4.30", "GLIBC_ABI_DT_RELR", "CXXABI_1.3"]
    assert glibc_of_names(names) == ["2.2.5", "2.34", "2.36"]
