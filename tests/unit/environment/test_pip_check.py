# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is looked at around pip: that it is new enough to say what it installs, and that it passed over nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Outcome, Request, make
from ansible_collections.airgap.conda.plugins.module_utils._environment.pip_check import require_all, require_new_pip
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import RattlerBackend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._spec import pip_list
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage, PipPackage
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import (
    SITE_PACKAGES,
    TinyChannel,
    make_wheel,
    write_spec,
)
from ansible_collections.airgap.conda.tests.unit.tiny_doctor import ask_pip_once
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

WHERE = "envs/nowhere/environment.yml"
METADATA = b"Metadata-Version: 2.1\nName: own\nVersion: 1.0\n"


def conda(**versions: str) -> list[CondaPackage]:
    return [CondaPackage(name, version, "0", "noarch", f"https://h/{name}") for name, version in versions.items()]


@pytest.mark.parametrize("version", ["22.2", "22.2.2", "23.0", "25.1"])
def test_a_pip_that_says_what_it_installs(version: str) -> None:
    require_new_pip(conda(pip=version, python="3.9"), ["pip"], WHERE)
    require_new_pip(conda(python="3.9"), [], WHERE)


@pytest.mark.parametrize(
    ("specs", "python", "found", "remedy"),
    [
        (["python", "pip=20.3"], "3.8.5", "pip 20.3 with Python 3.8.5", "write pip>=22.2 instead of 'pip=20.3'"),
        (["pip-tools", "defaults::pip 20.3"], "3.8", "pip 20.3", "instead of 'defaults::pip 20.3'"),
        (["python=3.6", "pip"], "3.6.13", "with Python 3.6.13", "a Python for it, 3.7 or newer"),
        (["python"], "", "pip 20.3", "add pip>=22.2 to the dependencies"),
    ],
)
def test_a_pip_that_is_too_old(specs: list[str], python: str, found: str, remedy: str) -> None:
    with raised("pip-too-old") as caught:
        require_new_pip(conda(pip="20.3", **({"python": python} if python else {})), specs, WHERE)
    assert "pip 22.2 or newer" in caught.value.wanted
    assert found in caught.value.found
    assert remedy in caught.value.remedy
    assert caught.value.where == WHERE


REPORTED = [
    PipPackage("zope-interface", "5", "00", "https://h/z.whl"),
    PipPackage("fromgit", "1", "", "git+https://h/o/r.git@abc", direct=True),
    PipPackage("fromurl", "1", "00", "https://h/fromurl-1-py3-none-any.whl", direct=True),
]


@pytest.mark.parametrize(
    "line",
    [
        "Zope.Interface>=5",
        "zope_interface[x]==5 --hash=sha256:00",
        "git+https://h/o/r.git",
        "git+https://me:secret@h/o/r.git@main#egg=fromgit",
        "fromgit @ git+https://h/o/r.git",
        "https://h/fromurl-1-py3-none-any.whl#sha256=00",
        "numpy",
        "NumPy>=1",
        "skipped; python_version<'3'",
        "--pre",
        "-c https://h/c.txt",
        "fromurl @ https://h/fromurl-1-py3-none-any.whl --hash=sha256:00  # 1",
        "fromgit @ git+https://h/o/r.git@abc  # 1",
    ],
)
def test_what_is_there(line: str) -> None:
    output = "Ignoring skipped: markers 'python_version < \"3\"' don't match your environment\n"
    require_all([line], REPORTED, output, lambda: ["numpy"], WHERE)


@pytest.mark.parametrize("line", ["other", "other>=2", "git+https://h/o/s.git", "https://h/x-1.whl", "a; os_name=='x'"])
def test_what_pip_passed_over(line: str) -> None:
    with raised("pip-incomplete") as caught:
        require_all(["zope-interface", line], REPORTED, "", lambda: ["numpy"], WHERE)
    assert (caught.value.wanted, caught.value.where) == (line, WHERE)


# --- in a build -----------------------------------------------------------------------------------------------------


class World:
    def __init__(self, folder: Path) -> None:
        self.folder, self.channel = folder, TinyChannel(folder / "near")
        self.channel.add_python()

    def make(self, pip: str, check: bool = False, more: str = "") -> Outcome:
        text = f"channels: [near]\ndependencies: [python{more}, pip: [{pip}]]\n"
        spec = load_spec(write_spec(self.folder / "demo", text))
        channels = Channels(spec.channels, self.folder.as_uri(), "channels")
        request = Request(self.folder / "p/demo", spec, channels, spec.release.target, self.folder / "cache")
        return make(request, check=check)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    pytest.importorskip("rattler")
    make_wheel(tmp_path / "wheels", "wheely", "1.0", {"wheely.py": ""})
    make_wheel(tmp_path / "wheels", "wheely", "2.0", {"wheely.py": ""})
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    ask_pip_once(monkeypatch)
    return World(tmp_path)


@pytest.mark.parametrize("check", [False, True])
def test_a_package_that_pip_passes_over_fails_the_build(
    world: World, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    """The second net: what the reader lets through (here all of it) is not in pip's own report."""
    monkeypatch.setattr(pip_list, "_require_all_taken", lambda _line, _parts: None)
    with raised("pip-incomplete") as caught:
        world.make("'--pre other>=1', wheely==1.0", check=check)
    assert caught.value.wanted == "other>=1"
    assert not (world.folder / "p/demo").exists()


def test_markers_and_what_conda_brought_are_no_loss(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_QUIET", "3")
    world.channel.add("own", "1.0", files={f"{SITE_PACKAGES}/own-1.0.dist-info/METADATA": METADATA})
    made = world.make(
        "own>=1, \"wheely; python_version > '3'\", \"no; python_version < '3'\"", more=", own"
    ).environment
    assert [package["name"] for package in made.packages if package["manager"] == "pip"] == ["wheely"]


def test_constraints_limit_what_pip_takes(world: World) -> None:
    (world.folder / "demo").mkdir()
    (world.folder / "demo/limits.txt").write_text("wheely<2\n", encoding="utf-8")
    assert "wheely==1.0" in world.make("-c limits.txt, wheely").environment.pip_lock
    (world.folder / "demo/limits.txt").write_text("wheely>1\n", encoding="utf-8")
    assert "wheely==2.0" in world.make("-c limits.txt, wheely").environment.pip_lock


def test_one_package_in_two_lines_of_the_pip_list(world: World) -> None:
    assert "wheely==1.0" in world.make("wheely, wheely<2").environment.pip_lock
    with raised("pip-failed") as caught:
        world.make("wheely==1.0, wheely==2.0")
    assert "conflict" in caught.value.found


@pytest.mark.parametrize("check", [False, True])
def test_a_pip_that_is_too_old_is_refused_before_anything_is_installed(
    world: World, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    world.channel.add("pip", "20.3", ["python"])
    monkeypatch.setattr(RattlerBackend, "install", lambda *_anything: pytest.fail("installed"))
    with raised("pip-too-old") as caught:
        world.make("wheely", check=check, more=", pip=20.3")
    assert caught.value.where == f"{world.folder}/demo/environment.yml:2:24"
