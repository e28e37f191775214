# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules on rooms: each is broken once."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import check_rooms

from ansible_collections.airgap.conda.plugins.module_utils._first.install import programs

ROLLBACK = check_rooms.LIBRARY / "_store/rollback.py"
IMPORT = f"from {check_rooms.PACKAGE}"
FILES = {
    "_low/one.py": "",
    "_high/two.py": f"{IMPORT}._low.one import x\n",
    "_high/three.py": f"{IMPORT}._low import one\n",
}
RULES: dict[str, set[str]] = {"_low": set(), "_high": {"_low"}}


def library(folder: Path, more: dict[str, str]) -> Path:
    for name, text in {**FILES, **more}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def sources_of(program: bytes) -> set[str]:
    """Return the modules of the library in a packed program."""
    with zipfile.ZipFile(io.BytesIO(program)) as archive:
        names = {name.partition("/module_utils/")[2] for name in archive.namelist()}
    return {name for name in names if name and not name.endswith("__init__.py")}


def test_what_the_rules_allow(tmp_path: Path) -> None:
    folder = library(tmp_path, {})
    assert check_rooms.faults(folder, RULES) == []
    assert check_rooms.brought(folder, folder / "_high/three.py") == {folder / "_high/three.py", folder / "_low/one.py"}


@pytest.mark.parametrize("text", [f"{IMPORT}._high.two import y\n", f"def f():\n    {IMPORT}._high import two\n"])
def test_an_import_that_no_rule_allows(tmp_path: Path, text: str) -> None:
    said = check_rooms.faults(library(tmp_path, {"_low/four.py": text}), RULES)
    assert said == ["_low/four.py: imports _high/two.py, and _low may not"]


@pytest.mark.parametrize("name", ["five.py", "_attic/five.py"])
def test_a_file_that_belongs_to_no_room(tmp_path: Path, name: str) -> None:
    assert check_rooms.faults(library(tmp_path, {name: ""}), RULES) == [f"{name}: belongs to no room"]


def test_rules_that_go_in_a_circle(tmp_path: Path) -> None:
    (said,) = check_rooms.faults(library(tmp_path, {}), {**RULES, "_low": {"_high"}})
    assert "in a circle" in said


def test_the_map_agrees_with_the_rules() -> None:
    assert check_rooms.unlike("| `_low` | bytes | |\n| `_high` | more | low |\n", RULES) == []
    said = check_rooms.unlike("| `_high` | more | |\n| `_attic` | dust | low |\n", RULES)
    assert said == [f"docs/map.md: {room}: not what the rules say" for room in ("_attic", "_high", "_low")]


def test_what_has_to_be_small(tmp_path: Path) -> None:
    folder = library(tmp_path, {"_low/one.py": "x = 1\n" * 5})
    small = {"all": (("_high/two", "_high/three"), 7), "one": (("_low/one",), 4)}
    assert check_rooms.too_large(folder, small) == ["one: 5 lines, and 4 are the most"]


def test_the_library_is_as_small_as_it_has_to_be() -> None:
    assert check_rooms.too_large(check_rooms.LIBRARY, check_rooms.SMALL) == []


def test_a_rollback_looks_at_no_gpu() -> None:
    names = {path.parent.name for path in check_rooms.brought(check_rooms.LIBRARY, ROLLBACK)}
    assert names == {"_base", "_contract", "_store"}


def test_the_first_step_starts_from_what_is_counted() -> None:
    """What the controller packs for a host without a runtime is what the figure is of."""
    packed = sources_of(programs("/opt/conda-envs")["compare"])
    start, _most = check_rooms.SMALL["the first step on a host"]
    counted = check_rooms.brought(check_rooms.LIBRARY, *(check_rooms.LIBRARY / f"{name}.py" for name in start))
    assert packed == {str(path.relative_to(check_rooms.LIBRARY)) for path in counted}
