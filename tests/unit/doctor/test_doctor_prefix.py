# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paths of the build in an environment: its own where nobody rewrites it, and others anywhere."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import diagnose
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_doctor import Patient

OTHER = "{work}/prefixes/other/lib/x.so"


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    made = Patient(tmp_path, monkeypatch)
    made.conda("six", "1")
    assert made.build("  - six\n") == []
    return made


def names(patient: Patient, content: bytes, path: str = "share/mine") -> dict[str, str]:
    (patient.prefix / "share").mkdir(exist_ok=True)
    (patient.prefix / path).parent.mkdir(parents=True, exist_ok=True)
    (patient.prefix / path).write_bytes(content)
    found = diagnose(patient.prefix, load_spec(patient.folder / "demo"), work=patient.folder)
    return {item.check: item.found for item in found if not item.found.startswith(("python 3", "pip 1.0 "))}


@pytest.mark.parametrize("path", ["share/mine", "share/mine.pyc"])
@pytest.mark.parametrize(
    "form",
    [
        b"path = '%s'\n",
        b"\xff\0%s\0",
        b'{"p": "%s"}',
        b"prefix=%s:%s",
    ],
)
def test_another_path_of_the_build_is_found_in_every_file(patient: Patient, path: str, form: bytes) -> None:
    text = OTHER.format(work=patient.folder)
    content = form.replace(b"%s", text.encode())
    assert names(patient, content, path) == {"build-path-left": f"no package: {path} ({text})"}


@pytest.mark.parametrize("encode", [lambda t: t.replace("/", "\\/").encode(), lambda t: t.encode("utf-16-le")])
def test_a_path_in_another_spelling_is_found(patient: Patient, encode: object) -> None:
    assert callable(encode)
    text = OTHER.format(work=patient.folder)
    assert list(names(patient, b"x:" + encode(text) + b" ")) == ["build-path-left"]
    assert list(names(patient, b"x:" + encode(str(patient.prefix)) + b" ")) == ["prefix-in-binary"]


def test_a_path_that_only_begins_like_the_own_one_is_another(patient: Patient) -> None:
    text = f"{patient.prefix}-old/x"
    assert names(patient, text.encode()) == {"build-path-left": f"no package: share/mine ({text})"}


def test_a_package_in_the_cache_is_another(patient: Patient) -> None:
    text = f"{patient.folder}/cache/pkgs/six-1-0/x"
    found = diagnose(patient.prefix, load_spec(patient.folder / "demo"))
    assert [item.check for item in found if "six" in item.found] == []
    assert list(names(patient, text.encode())) == ["build-path-left"]


def test_the_own_path_in_text_is_rewritten_and_no_finding(patient: Patient) -> None:
    own = f"{patient.prefix}/lib\n{patient.prefix}\n'{patient.prefix}':{patient.prefix}/bin"
    assert names(patient, own.encode()) == {}
    assert list(names(patient, b"\xff\0" + own.encode() + b"N\xda", "share/code.pyc")) == []
    assert names(patient, f"/elsewhere{patient.folder}x/y {patient.folder.parent}/z".encode()) == {}


# Maps a file that fills its last page many times, and takes away what lies behind each map.
SEARCH = """
import sys
from contextlib import ExitStack
sys.path.insert(0, sys.argv[1])
from ansible_collections.airgap.conda.plugins.module_utils._doctor import prefix
with ExitStack() as stack:
    behind = [stack.enter_context(prefix._content(sys.argv[2])) for _number in range(50)]
    for content in behind[::2]:
        content.close()
    for content in behind[1::2]:
        assert prefix.find(content, b"/a/prefix/of/the/build") == -1
        assert prefix.find(content, b"yx") == 0
        assert prefix.find(content, b"yx", 1) == -1
        assert prefix.find(content, b"x", len(content) - 1) == len(content) - 1
"""


def test_a_file_that_fills_its_last_page_is_searched_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"y" + b"x" * (4 * mmap.PAGESIZE - 1))
    command = [sys.executable, "-c", SEARCH, str(COLLECTIONS), str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
