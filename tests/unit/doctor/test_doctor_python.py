# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor on Python packages: twice there, editable, built here; each beside one of its kind that has nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import MARKER
from ansible_collections.airgap.conda.tests.unit.tiny_channel import SITE_PACKAGES
from ansible_collections.airgap.conda.tests.unit.tiny_doctor import Patient, only, python_files

pytest.importorskip("rattler")
pytest.importorskip("packaging")

PIP_FLOW = "- python\n- arrow\n- pip:\n    - flow\n"
# A build backend without any requirement: a wheel of one module, and an editable one of a .pth file.
BACKEND = """
import base64, hashlib, pathlib, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None, files=None):
    name = "homely-1.0-py3-none-any.whl"
    info = "homely-1.0.dist-info/"
    files = files or {"homely.py": "VALUE = 1\\n"}
    files[info + "METADATA"] = "Metadata-Version: 2.1\\nName: homely\\nVersion: 1.0\\n"
    files[info + "WHEEL"] = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(info + "RECORD", "".join(path + ",,\\n" for path in [*files, info + "RECORD"]))
    return name

def build_editable(folder, config_settings=None, metadata_directory=None):
    return build_wheel(folder, files={"__editable__.homely-1.0.pth": str(pathlib.Path.cwd()) + "\\n"})
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return Patient(tmp_path, monkeypatch)


def source(folder: Path) -> Path:
    """Write the source folder of the package homely."""
    folder.mkdir()
    for name, text in {"backend.py": BACKEND, "pyproject.toml": PYPROJECT, "homely.py": "VALUE = 1\n"}.items():
        (folder / name).write_text(text)
    return folder


def pip(patient: Patient, *arguments: str | Path) -> None:
    """Run the environment's own pip, as a user does who changes it by hand."""
    command = [str(patient.prefix / "bin/python"), "-m", "pip", "install", "-q", *map(str, arguments)]
    subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})


# --- distribution-from-conda-and-pip --------------------------------------------------------------------------------


def test_one_distribution_from_both_beside_each_other_is_found(patient: Patient) -> None:
    patient.conda("arrow", "1.0")
    assert patient.build("- python\n- pip\n- arrow\n") == []
    patient.wheel("arrow", "2.0", files={"arrow_new.py": ""})
    pip(patient, "--ignore-installed", "--no-deps", "arrow==2.0")
    finding = only(patient.ask(), "distribution-from-conda-and-pip")
    assert finding.found == "the distribution arrow from arrow 1.0 (conda, channel near) and from arrow 2.0 (pip)"
    assert finding.remedy == "write `- arrow=2.*` instead of `- arrow`"


def test_one_module_in_two_shapes_is_found(patient: Patient) -> None:
    patient.conda("arrow", files={f"{SITE_PACKAGES}/cv2.cpython-39-x86_64-linux-gnu.so": b"\x7fELF"})
    patient.wheel("flow", files={"cv2/__init__.py": "", "cv2/cv2.abi3.so": "ELF"})
    finding = only(patient.build(PIP_FLOW), "distribution-from-conda-and-pip")
    assert finding.found == "the module cv2 from arrow 1.0 (conda, channel near) and from flow 1.0 (pip)"
    assert finding.remedy.startswith("remove `- flow` (line 6) from the pip list")


def test_different_distributions_in_one_namespace_are_nothing(patient: Patient) -> None:
    patient.conda("arrow", files={f"{SITE_PACKAGES}/space/arrow.py": b"", **python_files("arrow", "1.0")})
    patient.wheel("flow", files={"space/flow.py": "", "flow/__init__.py": ""})
    assert patient.build(PIP_FLOW) == []


def test_a_conda_program_with_the_name_of_a_pip_package_is_nothing(patient: Patient) -> None:
    patient.conda("graph", files={"bin/graph": b"#!/bin/sh\n"})
    patient.wheel("graph")
    assert patient.build("- python\n- graph\n- pip:\n    - graph\n") == []


# --- two-dist-infos -------------------------------------------------------------------------------------------------


def test_a_distribution_registered_twice_is_found(patient: Patient) -> None:
    patient.conda("arrow")
    patient.wheel("flow", "1.0", files={"flow.py": ""})
    assert patient.build(PIP_FLOW) == []
    shutil.copytree(patient.site("flow-1.0.dist-info"), patient.site("flow-0.9.dist-info"))
    finding = only(patient.ask(), "two-dist-infos")
    assert finding.found == f"flow as {SITE_PACKAGES}/flow-0.9.dist-info, {SITE_PACKAGES}/flow-1.0.dist-info"
    shutil.rmtree(patient.site("flow-0.9.dist-info"))
    # What pip leaves when it is killed during an update.
    patient.site("flow-1.0.dist-info").rename(patient.site("~low-1.0.dist-info"))
    shutil.copytree(patient.site("~low-1.0.dist-info"), patient.site("flow-1.0.dist-info"))
    assert "~low-1.0.dist-info" in only(patient.ask(), "two-dist-infos").found


def test_two_conda_packages_that_bring_one_distribution_are_found(patient: Patient) -> None:
    patient.conda("arrow", files=python_files("arrow", "1.0"))
    patient.conda("arrow-base", files=python_files("arrow", "2.0", module="arrow_base"))
    finding = only(patient.build("- python\n- arrow\n- arrow-base\n"), "two-dist-infos")
    assert [package.name for package in finding.packages] == ["arrow", "arrow-base"]
    assert finding.remedy == "keep one of them: remove `- arrow-base` (line 5)"


def test_an_egg_info_beside_a_dist_info_of_one_package_is_nothing(patient: Patient) -> None:
    egg = {f"{SITE_PACKAGES}/arrow-1.0-py3.9.egg-info": b"Metadata-Version: 1.0\nName: arrow\nVersion: 1.0\n"}
    patient.conda("arrow", files=python_files("arrow", "1.0") | egg)
    assert patient.build("- python\n- arrow\n") == []


def test_metadata_folders_without_content_do_not_disturb(patient: Patient) -> None:
    patient.conda("arrow")
    assert patient.build("- python\n- arrow\n") == []
    patient.site("empty-1.0.dist-info").mkdir()
    (patient.site("empty-1.0.dist-info") / "direct_url.json").write_text("no JSON")
    assert patient.ask() == []


# --- editable-install -----------------------------------------------------------------------------------------------


def test_what_pip_install_editable_leaves_is_found(patient: Patient, tmp_path: Path) -> None:
    patient.conda("arrow")
    assert patient.build("- python\n- pip\n- arrow\n") == []
    folder = source(tmp_path / "homely")
    pip(patient, "--editable", folder)
    found = {finding.check: finding for finding in patient.ask()}
    assert found.keys() == {"editable-install", "pip-built-from-source"}
    assert found["editable-install"].found == f"homely 1.0: direct_url.json says editable, in file://{folder}"
    assert (
        found["editable-install"].remedy == "put a wheel of it on an index and write `- homely==1.0` into the pip list"
    )
    pip(patient, "--force-reinstall", folder)  # the same package, not editable
    assert [finding.check for finding in patient.ask()] == ["pip-built-from-source"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("__editable__.my_tool-1.0.pth", "import __editable___my_tool_finder\n", "my-tool 1.0: __editable__.my_tool"),
        ("my_tool.egg-link", "/home/me/src\n../\n", "my-tool: my_tool.egg-link points to /home/me/src"),
        ("easy-install.pth", "# a comment\n\nimport os\n/home/me/my_tool\n", "easy-install.pth adds /home/me/my_tool"),
        ("up.pth", "../../../../my_tool\n", "up.pth adds ../../../../my_tool"),
    ],
)
def test_every_older_way_of_pointing_outside_is_found(patient: Patient, name: str, text: str, says: str) -> None:
    patient.conda("arrow")
    assert patient.build("- python\n- arrow\n") == []
    patient.site(name).write_text(text)
    assert says in only(patient.ask(), "editable-install").found


def test_pth_files_that_stay_inside_are_nothing(patient: Patient) -> None:
    inside = "import sys; sys.path\n# /home/me\narrow\n../site-packages/arrow\n"
    patient.conda(
        "arrow", files={f"{SITE_PACKAGES}/distutils-precedence.pth": inside.encode()} | python_files("arrow", "1")
    )
    assert patient.build("- python\n- arrow\n") == []
    patient.site("mine.pth").write_text(f"{patient.prefix}/lib\n")
    assert patient.ask() == []


# --- pip-built-from-source ------------------------------------------------------------------------------------------


def test_a_package_that_pip_built_is_a_warning(patient: Patient, tmp_path: Path) -> None:
    folder = source(tmp_path / "homely")
    with tarfile.open(patient.wheels / "homely-1.0.tar.gz", "w:gz") as archive:
        archive.add(folder, "homely-1.0")
    patient.wheel("flow")
    finding = only(patient.build("- python\n- pip:\n    - homely==1.0\n    - flow\n"), "pip-built-from-source")
    assert finding.found == "homely 1.0 (pip): pip built it; nothing compiled"
    assert finding.as_dict()["level"] == "warning"
    assert "environment.yml:5:" in finding.where
    assert finding.remedy == (
        "remove `- homely==1.0` (line 5) from the pip list, and add the line `- homely=1.0` to the dependencies, "
        "if a channel has it"
    )


def test_wheels_alone_are_nothing(patient: Patient) -> None:
    patient.conda("arrow")
    patient.wheel("flow")
    assert patient.build(PIP_FLOW) == []


def without_report(patient: Patient) -> None:
    """Take away what airgap.conda.environment kept of pip's report, as in an environment that others made."""
    marker = json.loads((patient.prefix / MARKER).read_text())
    marker.pop("built_from_source", None)
    (patient.prefix / MARKER).write_text(json.dumps(marker))


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (
            "flow-1.0.dist-info/direct_url.json",
            '{"url": "https://h.org/f.git", "vcs_info": {}}',
            "from https://h.org/f.git",
        ),
        (
            "flow-1.0.dist-info/direct_url.json",
            '{"url": "file:///f.tar.gz", "archive_info": {}}',
            "from file:///f.tar.gz",
        ),
        (
            "flow-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nTag: cp39-cp39-linux_x86_64\n",
            "its wheel is for linux_x86_64",
        ),
        ("old-1.0.egg-info/PKG-INFO", "Name: old\nVersion: 1.0\n", "installed by its setup.py"),
    ],
)
def test_without_pips_report_the_evidence_counts(patient: Patient, file: str, text: str, says: str) -> None:
    patient.conda("arrow")
    patient.wheel("flow", files={"flow.py": "", "flow.so": "\x7fELF"})
    assert patient.build(PIP_FLOW) == []
    without_report(patient)
    assert patient.ask() == []
    patient.site(file).parent.mkdir(exist_ok=True)
    patient.site(file).write_text(text)
    assert says in only(patient.ask(), "pip-built-from-source").found


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("direct_url.json", '{"url": "https://h.org/flow-1.0-py3-none-any.whl", "archive_info": {}}'),
        ("WHEEL", "Tag: cp39-cp39-manylinux_2_17_x86_64\nTag: cp39-cp39-manylinux2014_x86_64\n"),
    ],
)
def test_wheels_from_anywhere_leave_no_evidence(patient: Patient, file: str, text: str) -> None:
    patient.conda("arrow")
    patient.wheel("flow")
    assert patient.build(PIP_FLOW) == []
    without_report(patient)
    patient.site(f"flow-1.0.dist-info/{file}").write_text(text)
    assert patient.ask() == []
