# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pip in the activated environment: it sees what packages set, and no wheel of another environment."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._environment.container import Container
from ansible_collections.airgap.conda.plugins.module_utils._environment.inside import Inside
from ansible_collections.airgap.conda.tests.unit.tiny_channel import SITE_PACKAGES, make_sdist
from ansible_collections.airgap.conda.tests.unit.tiny_doctor import Patient
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

# A build backend in the source itself. The wheel holds the prefix, and what it was told by the activation.
BACKEND = """\
import os, sys, zipfile
def build_wheel(folder, settings=None, metadata=None):
    text = "PREFIX = %r; JAVA = %r\\n" % (os.environ["CONDA_PREFIX"], os.environ.get("JAVA_HOME"))
    info = "native-1.dist-info/"
    files = {"native.py": text, "native.bin": "\\xff" + text, info + "RECORD": "",
             info + "METADATA": "Metadata-Version: 2.1\\nName: native\\nVersion: 1\\n",
             info + "WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    with zipfile.ZipFile(os.path.join(folder, "native-1-py3-none-any.whl"), "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content.encode("latin-1"))
    return "native-1-py3-none-any.whl"
"""
ENGINE = """#!{python}
import os, subprocess, sys
open({log!r}, "a").write("call\\n")
words = sys.argv[1:]
given = [word[len("--env="):] for word in words if word.startswith("--env=")]
given = dict(item.split("=", 1) for item in given if "=" in item)
sys.exit(subprocess.run(words[words.index("old:1") + 1:], env=given).returncode)
"""


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """Give a channel with Python and pip, and a source package that has to be built."""
    made = Patient(tmp_path, monkeypatch)
    make_sdist(made.wheels, "native", "1", BACKEND)
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    return made


def script(patient: Patient, name: str, text: str) -> None:
    patient.channel().add(name, "1", files={f"etc/conda/activate.d/{name}.sh": text.encode()})


def test_a_wheel_that_was_built_for_one_environment_is_not_in_the_next(patient: Patient) -> None:
    for number in (1, 2):
        patient.prefix = patient.folder / f"prefixes/env{number}"
        patient.build("  - python\n  - pip: [native]\n")
        for path in (f"{SITE_PACKAGES}/native.py", f"{SITE_PACKAGES}/native.bin"):
            assert f"PREFIX = '{patient.prefix}'".encode() in (patient.prefix / path).read_bytes()
    assert not list((patient.folder / "pip-cache").rglob("*.whl"))
    assert (patient.folder / "pip-cache/http-v2").is_dir()  # downloads are kept


def test_pip_sees_what_the_activation_sets(patient: Patient) -> None:
    script(patient, "jdk", 'export JAVA_HOME="$CONDA_PREFIX/lib/jvm"\n')
    script(patient, "noisy", 'echo hello; function f() { false; }; x=("a b"); f\n')  # bash, and not zero
    patient.build("  - python\n  - jdk\n  - noisy\n  - pip: [native]\n")
    assert f"JAVA = '{patient.prefix}/lib/jvm'" in patient.site("native.py").read_text()


def test_what_a_script_writes_into_the_environment_is_taken_away(patient: Patient) -> None:
    script(
        patient,
        "arrow",
        'mkdir -p "$CONDA_PREFIX/share/gdb/x" && ln -s "$CONDA_PREFIX/lib" "$CONDA_PREFIX/share/gdb/x/l"\n',
    )
    found = patient.build("  - python\n  - arrow\n  - pip: [native]\n")
    assert [finding.check for finding in found if finding.stops] == []
    # What is harmless is done at the end of a build.
    shutil.rmtree(patient.prefix / "share/gdb")
    assert Inside(patient.prefix, None).activated
    assert not (patient.prefix / "share/gdb").exists()


@pytest.mark.parametrize("text", ["exit 0\n", "set -e\nfalse\n", "exec true\n"])
def test_a_script_that_ends_the_shell_is_told(patient: Patient, text: str) -> None:
    script(patient, "ending", f"echo at the end\n{text}")
    with raised("activation-failed") as caught:
        patient.build("  - python\n  - ending\n  - pip: [native]\n")
    assert caught.value.found.startswith("at the end")


def test_in_a_container_it_is_activated_too(tmp_path: Path) -> None:
    """An engine that runs its command on this machine, with the variables that it is given alone."""
    log, prefix = tmp_path / "log", tmp_path / "prefix"
    write_tree(prefix, {"etc/conda/activate.d/x.sh": 'export CC="$CONDA_PREFIX/bin/cc -O2" PATH="/extra:$PATH"\n'})
    program = write_tree(tmp_path, {"bin/podman": ENGINE.format(log=str(log), python=sys.executable)}) / "bin/podman"
    inside = Inside(prefix, Container("old:1", str(program)))
    done = inside.run(["/bin/sh", "-c", 'echo "$CC"; echo "$PATH"; echo "${SECRET-none}"'], tmp_path)
    compiler, path, secret = done.output.splitlines()
    assert (compiler, secret) == (f"{prefix}/bin/cc -O2", "none")
    assert path.startswith(f"/extra:{prefix}/bin:")
    assert len(log.read_text().splitlines()) == 2


def test_a_cache_that_is_switched_off_stays_off(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    patient.build("  - python\n  - pip: [native]\n")
    assert not (patient.folder / "pip-cache").exists()
