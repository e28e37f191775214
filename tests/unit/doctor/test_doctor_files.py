# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor on files: each finding on a small real environment, beside one of the same kind that has nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_channel import SITE_PACKAGES
from ansible_collections.airgap.conda.tests.unit.tiny_doctor import Patient, only

pytest.importorskip("rattler")
pytest.importorskip("packaging")

# Spec lines: a conda package "arrow", and a pip package "flow" that wants another version of it.
MIXED = "- python\n- arrow\n- pip:\n    - flow==1.0\n"


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return Patient(tmp_path, monkeypatch)


# --- pip-replaced-conda-files ---------------------------------------------------------------------------------------


def test_pip_replacing_a_conda_package_is_found_with_both_versions_and_the_line_to_write(patient: Patient) -> None:
    patient.conda("arrow", "14.0.2")
    patient.wheel("arrow", "11.0.0")
    patient.wheel("flow", requires="arrow (<12,>=4.0.0)")
    finding = only(patient.build(MIXED), "pip-replaced-conda-files")
    assert [str(package) for package in finding.packages] == [
        "arrow 14.0.2 (conda, channel near)",
        "arrow 11.0.0 (pip)",
    ]
    # Deleted are the module that only conda's version has and three files of its metadata.
    assert "4 deleted and 1 overwritten by arrow 11.0.0 (pip)" in finding.found
    assert "which flow 1.0 (pip) requires (arrow<12,>=4.0.0)" in finding.found
    assert f"{SITE_PACKAGES}/arrow/__init__.py" in finding.found
    assert finding.where == f"{patient.folder}/demo/environment.yml:4:3"
    assert finding.remedy.startswith("write `- arrow=11.*` instead of `- arrow`")
    assert finding.as_dict()["level"] == "error"


def test_the_suggested_line_builds_and_has_no_finding(patient: Patient) -> None:
    patient.conda("arrow", "14.0.2")
    patient.conda("arrow", "11.3.0")
    patient.wheel("arrow", "11.0.0")
    patient.wheel("flow", requires="arrow (<12,>=4.0.0)")
    assert patient.build(MIXED) != []
    assert patient.build(MIXED.replace("- arrow\n", "- arrow=11.*\n")) == []
    assert "11.3.0" in patient.site("arrow/__init__.py").read_text()


@pytest.mark.parametrize(
    ("wanted", "line"),
    [("<12", "arrow=11.*"), ("<11.4", "arrow=11.3.*"), ("<=11.3.0", "arrow=11.3.0"), ("!=11.9,<12", "arrow=11.3.*")],
)
def test_the_line_accepts_no_version_that_pip_would_replace_again(patient: Patient, wanted: str, line: str) -> None:
    patient.conda("arrow", "14.0.2")
    patient.wheel("arrow", "11.3.0")
    patient.wheel("flow", requires=f"arrow ({wanted})")
    assert f"`- {line}`" in only(patient.build(MIXED), "pip-replaced-conda-files").remedy


def test_a_version_that_the_pip_list_asks_for_itself_moves_to_conda(patient: Patient) -> None:
    patient.conda("arrow", "14.0.2")
    patient.wheel("arrow", "11.0.0")
    finding = only(
        patient.build("- python\n- near::arrow>=4\n- pip:\n    - arrow==11.0.0\n"), "pip-replaced-conda-files"
    )
    assert "environment.yml:6:" in finding.where
    assert finding.remedy == (
        "remove `- arrow==11.0.0` (line 6) from the pip list, "
        "and write `- near::arrow=11.0.0` instead of `- near::arrow>=4`"
    )


def test_a_package_that_the_spec_does_not_name_gets_a_line(patient: Patient) -> None:
    patient.channel().add("base", "1.0", ["arrow"], files={})
    patient.conda("arrow", "14.0.2")
    patient.wheel("arrow", "11.0.0")
    patient.wheel("flow", requires="arrow<12")
    finding = only(patient.build(MIXED.replace("- arrow", "- base")), "pip-replaced-conda-files")
    assert finding.remedy.startswith("add the line `- arrow=11.*` to the dependencies")


def test_a_foreign_pip_package_that_overwrites_one_file_is_named(patient: Patient) -> None:
    patient.conda("arrow", files={f"{SITE_PACKAGES}/tests/__init__.py": b"# of arrow\n"})
    patient.wheel("flow", files={"tests/__init__.py": "# of flow\n", "flow.py": ""})
    finding = only(patient.build(MIXED), "pip-replaced-conda-files")
    assert [str(package) for package in finding.packages] == ["arrow 1.0 (conda, channel near)", "flow 1.0 (pip)"]
    assert "1 overwritten by flow 1.0 (pip)" in finding.found
    assert finding.remedy.startswith("remove `- flow==1.0` (line 6) from the pip list, and add the line `- flow=1.0`")


def test_a_file_of_the_same_size_and_time_does_not_hide_the_overwriting(patient: Patient) -> None:
    patient.conda("arrow", files={f"{SITE_PACKAGES}/shared.py": b"A = 1\n"})
    patient.wheel("flow", files={"shared.py": "A = 2\n"})
    assert only(patient.build(MIXED), "pip-replaced-conda-files").packages[1].name == "flow"


def test_pip_beside_conda_without_touching_it_is_nothing(patient: Patient) -> None:
    patient.conda("arrow", "14.0.2")
    patient.wheel("flow", requires="arrow (>=4.0.0)")
    assert patient.build(MIXED) == []


def test_the_same_file_with_the_same_content_is_nothing(patient: Patient) -> None:
    patient.conda("arrow", files={f"{SITE_PACKAGES}/tests/__init__.py": b""})
    patient.wheel("flow", files={"tests/__init__.py": "", "flow.py": ""})
    assert patient.build(MIXED) == []


def test_pip_putting_the_same_version_in_place_of_condas_is_found(patient: Patient) -> None:
    patient.conda("arrow", "1.0")
    patient.wheel("arrow", "1.0")
    assert patient.build("- python\n- pip\n- arrow\n") == []
    pip = [str(patient.prefix / "bin/python"), "-m", "pip"]
    subprocess.run([*pip, "install", "-q", "--force-reinstall", "--no-deps", "arrow"], check=True)
    finding = only(patient.ask(), "pip-replaced-conda-files")
    assert [str(package) for package in finding.packages] == ["arrow 1.0 (conda, channel near)", "arrow 1.0 (pip)"]


# --- conda-files-changed --------------------------------------------------------------------------------------------


def test_a_copy_over_a_file_that_holds_the_prefix_is_found_in_release_yml(patient: Patient) -> None:
    patient.conda("tool", files={"bin/tool": b"theirs\n", "share/mine": b"mine\n"})
    assert patient.build("- tool\n", "copies: [{from: share/mine, to: bin/tool}]\n") == []
    record = next(patient.prefix.glob("conda-meta/tool-*.json"))
    known = '"prefix_placeholder": "/opt/placeholder", "file_mode": "text", "_path": "bin/tool"'
    record.write_text(record.read_text().replace('"_path": "bin/tool"', known))
    assert patient.ask() == []  # a record without the hash in this prefix cannot tell
    record.write_text(record.read_text().replace(known, f'"sha256_in_prefix": "{"0" * 64}", {known}'))
    finding = only(patient.ask(), "conda-files-changed")
    assert finding.found == "tool 1.0 (conda, channel near): changed by the copies to bin/tool: bin/tool"
    assert finding.where.endswith("release.yml")


def test_files_deleted_or_edited_by_hand_are_found(patient: Patient) -> None:
    patient.conda("tool", files={"bin/tool": b"#!/bin/sh\n", "lib/data": b"data\n", "lib/link": ("->", "data")})
    assert patient.build("- tool\n") == []
    (patient.prefix / "bin/tool").unlink()
    assert "gone" in only(patient.ask(), "conda-files-changed").found
    (patient.prefix / "bin/tool").write_text("#!/bin/sh\n")
    assert patient.ask() == []
    with (patient.prefix / "lib/data").open("r+") as stream:  # in place: inode and size stay
        stream.write("DATA")
    assert "changed: lib/data" in only(patient.ask(), "conda-files-changed").found
    shutil.copy(patient.prefix / "bin/tool", patient.prefix / "lib/new")
    (patient.prefix / "lib/link").unlink()
    (patient.prefix / "lib/new").rename(patient.prefix / "lib/link")
    assert "lib/data, lib/link" in only(patient.ask(), "conda-files-changed").found


def test_byte_code_made_anew_is_nothing(patient: Patient) -> None:
    code = f"{SITE_PACKAGES}/__pycache__/a.cpython.pyc"
    patient.conda("tool", files={f"{SITE_PACKAGES}/a.py": b"", code: b"old"})
    assert patient.build("- tool\n") == []
    (patient.prefix / code).unlink()
    (patient.prefix / code).write_bytes(b"new")
    assert patient.ask() == []
    (patient.prefix / code).unlink()  # conda-pack refuses that
    assert only(patient.ask(), "conda-files-changed")


# --- conda-files-owned-twice ----------------------------------------------------------------------------------------


def test_two_conda_packages_with_one_file_are_found(patient: Patient) -> None:
    patient.conda("one", files={"lib/same": b"s", "lib/other": b"1"})
    patient.conda("two", files={"lib/same": b"s", "lib/other": b"2"})
    finding = only(patient.build("- one\n- two\n"), "conda-files-owned-twice")
    assert [package.name for package in finding.packages] == ["one", "two"]
    assert finding.found == "one 1.0 (conda, channel near), two 1.0 (conda, channel near) contain lib/other"
    assert finding.remedy == "keep one of them: remove `- two` (line 4)"
    assert "environment.yml:4:" in finding.where


def test_two_conda_packages_with_one_equal_file_are_nothing(patient: Patient) -> None:
    patient.conda("one", files={"lib/same": b"s", "lib/one": b"1"})
    patient.conda("two", files={"lib/same": b"s", "lib/two": b"2"})
    assert patient.build("- one\n- two\n") == []


def test_byte_code_of_an_equal_source_is_nothing(patient: Patient) -> None:
    """It differs by the time of its source, and hosts get it made anew."""
    tests = f"{SITE_PACKAGES}/tests/__init__.py"
    code = f"{SITE_PACKAGES}/tests/__pycache__/__init__.cpython-39.pyc"
    patient.conda("one", files={tests: b"", code: b"of Monday"})
    patient.conda("two", files={tests: b"", code: b"of Tuesday"})
    assert patient.build("- one\n- two\n") == []


# --- pip-files-owned-twice ------------------------------------------------------------------------------------------

TWO_PIPS = "- python\n- pip:\n    - one\n    - two\n"


def test_two_pip_packages_with_one_file_are_a_warning(patient: Patient) -> None:
    patient.wheel("one", files={"cv/__init__.py": "A = 1\n"})
    patient.wheel("two", files={"cv/__init__.py": "A = 2\n"})
    finding = only(patient.build(TWO_PIPS), "pip-files-owned-twice")
    assert finding.found == f"one 1.0 (pip), two 1.0 (pip) contain {SITE_PACKAGES}/cv/__init__.py"
    assert finding.as_dict()["level"] == "warning"
    assert finding.remedy == "keep one of them: remove `- two` (line 6)"


def test_two_pip_packages_of_one_namespace_are_nothing(patient: Patient) -> None:
    patient.wheel("one", files={"space/__init__.py": "", "space/a.py": ""})
    patient.wheel("two", files={"space/__init__.py": "", "space/b.py": ""})
    assert patient.build(TWO_PIPS) == []


# --- package-cache-missing ------------------------------------------------------------------------------------------


def test_a_cleaned_package_cache_is_found(patient: Patient) -> None:
    patient.conda("tool", files={"lib/data": b"data\n"})
    assert patient.build("- tool\n") == []
    shutil.rmtree(patient.folder / "cache/pkgs/tool-1.0-0")
    finding = only(patient.ask(), "package-cache-missing")
    assert finding.found == f"tool 1.0 (conda, channel near) not in {patient.folder}/cache/pkgs"
