# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which backend is taken; and the real programs, where the machine has one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Request, make
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import PROGRAMS, RattlerBackend, backend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._solve.cli import CliBackend
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import TinyChannel, write_spec
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

pytest.importorskip("rattler")

TARGET = 'target: {glibc: "2.31", cuda: "11.8", cpu: x86-64-v2}\n'


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_not_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with raised("program-missing") as caught:
        backend(name, None, tmp_path, 1)
    assert caught.value.problem.startswith(f"{name} ")
    assert str(tmp_path) in caught.value.where
    assert "build_backend_path" in caught.value.remedy
    with raised("program-missing") as caught:
        backend(name, "/opt/nosuch", tmp_path, 1)
    assert caught.value.where == "/opt/nosuch"


def test_auto_takes_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(backend("auto", None, tmp_path, 1), RattlerBackend)
    for name in ("conda", "mamba", "micromamba"):
        (tmp_path / name).touch(mode=0o755)
        assert backend("auto", None, tmp_path, 1).name == name


def test_rattler_is_not_replaced_by_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conda").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(backend("rattler", None, tmp_path, 1), RattlerBackend)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_real_program(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has one, it is asked for real, against a channel of a few kilobytes."""
    program = shutil.which(name)
    if not program:
        pytest.skip(f"no {name} on PATH")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    channel = TinyChannel(tmp_path / "near")
    channel.add("tool", "1.0")
    channel.add("tool", "2.0", ["__glibc >=2.36"])
    channel.add("gpu", "1.0", ["__cuda >=11.8", "tool"])
    spec = load_spec(write_spec(tmp_path / "demo", f"channels: ['{channel}']\ndependencies: [gpu]\n", TARGET))
    channels = Channels(spec.channels, None, "here")
    chosen = CliBackend(name, program, tmp_path / "cache", 120)
    made = make(Request(tmp_path / "p/demo", spec, channels, spec.release.target, tmp_path / "cache", chosen))
    versions = {package["name"]: package["version"] for package in made.environment.packages}
    assert versions == {"gpu": "1.0", "tool": "1.0"}
    (tmp_path / "demo/conda.lock").write_text(made.environment.conda_lock)
    again = make(Request(tmp_path / "q/demo", spec, channels, spec.release.target, tmp_path / "other", chosen))
    assert again.environment.inputs_sha256 == made.environment.inputs_sha256
    with raised("unsolvable") as caught:
        chosen.solve(["gpu"], channels, Target(glibc="2.31"), "here")
    assert "__cuda" in caught.value.found
    (channel.folder / "noarch/gpu-1.0-0.tar.bz2").unlink()
    fresh = CliBackend(name, program, tmp_path / "fresh", 120)
    with raised("install-failed", problem="gpu 1.0"):
        make(Request(tmp_path / "r/demo", spec, channels, spec.release.target, tmp_path / "fresh", fresh))


def test_a_package_that_the_real_conda_has_in_another_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("conda")
    if not program:
        pytest.skip("no conda on PATH")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.condarc").write_text(f"pkgs_dirs: ['{tmp_path / 'theirs'}']\n")
    channel = TinyChannel(tmp_path / "near")
    channel.add("tool", "1.0")
    channels = Channels((str(channel),), None, "here")
    theirs = CliBackend("conda", program, tmp_path / "cache", 120)
    packages = theirs.solve(["tool"], channels, Target(), "here")
    theirs.install(packages, tmp_path / "first", Target())
    shutil.copytree(tmp_path / "cache/pkgs", tmp_path / "theirs")
    again = CliBackend("conda", program, tmp_path / "another", 120).solve(["tool"], channels, Target(), "here")
    assert again == packages
