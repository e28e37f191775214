# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What sets up the requirements of ./dev: steps and their logs, packages, the virtual environment, root."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import prepare as setup

CHECKOUT = Path(__file__).resolve().parents[3]
# In the place of sudo: sudo -n env NAME=VALUE… COMMAND…
SUDO = '#!/bin/sh\nshift\necho "$@" >>"$0.log"\nexec "$@"\n'
Prepare = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Return what runs prepare.py in a checkout that has nothing else, with a PATH of its own."""
    source = CHECKOUT / "tests/tools/prepare.py"
    write_tree(tmp_path, {"tests/tools/prepare.py": source.read_text(encoding="utf-8"), "bin/env": ""})
    write_tree(tmp_path, {"tests/requirements/demo.txt": "# none\n"})
    (tmp_path / "bin/env").unlink()

    def run(*words: str, path: str = os.environ["PATH"], **settings: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(tmp_path / "tests/tools/prepare.py"), *words]
        environment = {"PATH": path, **settings}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=tmp_path)

    return run


def program(folder: Path, name: str, text: str) -> None:
    write_tree(folder, {f"bin/{name}": text})
    (folder / "bin" / name).chmod(0o755)


def test_a_step_keeps_its_output_in_a_log(prepare: Prepare, tmp_path: Path) -> None:
    started = int(time.time()) - 7
    done = prepare("step", "lint: a b", "sh", "-c", "echo out; echo err >&2", DEV_STARTED=str(started))
    assert (done.returncode, done.stderr) == (0, "")
    said = re.match(r"\[ *(\d+) s\] l", done.stdout)
    assert said
    assert 7 <= int(said[1]) <= time.time() - started
    assert "lint: a b: done in " in done.stdout
    assert (tmp_path / ".cache/log/lint--a-b.log").read_text() == "out\nerr\n"


def test_a_step_that_fails_shows_errors_and_the_end(prepare: Prepare) -> None:
    lines = "echo 'fatal: [ws1]: no'; seq 40; exit 3"
    done = prepare("step", "it", "sh", "-c", lines)
    assert done.returncode == 3
    assert "it: FAILED after " in done.stdout
    assert [line.strip() for line in done.stdout.splitlines()[1:4]] == ["fatal: [ws1]: no", "...", "11"]
    assert prepare("step", "it", "no-such-program").returncode == 127


@pytest.mark.usefixtures("prepare")
def test_ctrl_c_ends_the_step_and_not_before_its_command(tmp_path: Path) -> None:
    waits = "trap 'sleep 1; echo ended >ended; exit 0' INT; echo >begun; while :; do sleep 0.1; done"
    command = [sys.executable, str(tmp_path / "tests/tools/prepare.py"), "step", "it", "sh", "-c", waits]
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True) as process:
        while not (tmp_path / "begun").exists():
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == -signal.SIGINT
    assert (tmp_path / "ended").exists()


def test_what_an_ordinary_user_is_told_is_one_line(prepare: Prepare, tmp_path: Path) -> None:
    program(tmp_path, "dpkg-query", "#!/bin/sh\necho installed here\n")
    program(tmp_path, "apt-get", "#!/bin/sh\nexit 1\n")
    program(tmp_path, "sudo", "#!/bin/sh\nexit 1\n")
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    assert prepare("packages", "demo", "here", path=path).returncode == 0
    if os.geteuid() == 0:  # the rest is for others
        return
    done = prepare("packages", "demo", "here", "b", "a", path=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "dev: packages are missing for demo; as root: apt-get install a b\n"


def test_without_apt_get_the_packages_are_named(prepare: Prepare, tmp_path: Path) -> None:
    done = prepare("packages", "demo", "b", "a", path=str(tmp_path / "bin"))
    assert done.stderr == "dev: apt-get is missing; install these packages for demo: b a\n"
    assert done.returncode == 1
    assert prepare("packages", "demo", path=str(tmp_path / "bin")).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="as root, no sudo is needed")
def test_what_this_release_does_not_have_is_skipped_from_then_on(prepare: Prepare, tmp_path: Path) -> None:
    program(tmp_path, "dpkg-query", "#!/bin/sh\n")
    program(tmp_path, "apt-get", f'#!/bin/sh\necho "$@" >>{tmp_path}/log\n')
    program(tmp_path, "apt-cache", "#!/bin/sh\ntest $2 = known\n")
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    assert "apt: 2 packages: done in " in prepare("packages", "demo", "known", "strange", path=path).stdout
    said = (tmp_path / "log").read_text().splitlines()
    assert [line.split()[-1] for line in said] == ["update", "known"]
    assert (tmp_path / ".cache/packages-skipped").read_text() == "strange\n"
    assert "apt: 1 packages: done in " in prepare("packages", "demo", "known", "strange", path=path).stdout


def test_an_environment_is_made_once_and_again_for_other_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, status = [], 0

    def step(name: str, making: list[str], installing: list[str]) -> int:
        steps.append((name, installing[-1]))
        Path(making[-1]).mkdir(parents=True)
        return status

    monkeypatch.setattr(setup, "CHECKOUT", tmp_path)
    monkeypatch.setattr(setup, "CACHE", tmp_path / ".cache")
    monkeypatch.setattr(setup, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(setup, "step", step)
    write_tree(tmp_path, {"demo.txt": "# none\n"})
    setup.need_venv("demo", "demo", [])
    setup.need_venv("demo", "demo", [])
    venv = f".cache/venv-demo-py{sys.version_info[0]}.{sys.version_info[1]}"
    once = (f"virtual environment: {venv}, Python {sys.version.split()[0]}", str(tmp_path / "demo.txt"))
    assert steps == [once]
    (tmp_path / "demo.txt").write_text("# other\n")
    setup.need_venv("demo", "demo", [])
    assert steps == [once, once]
    (tmp_path / "demo.txt").write_text("no/such\n")
    status = 1
    with pytest.raises(SystemExit):
        setup.need_venv("demo", "demo", [])
    assert not (tmp_path / venv / ".stamp").exists()


def a_python(folder: Path, name: str, version: str, can_make: str = "1") -> None:
    program(folder, name, f"#!/bin/sh\necho {version} {can_make}\n")


@pytest.mark.parametrize(
    ("pythons", "minor", "chosen", "found"),
    [
        ({"python3": "3.11.2"}, 11, "", "3.11.2 python3"),
        ({"python3": "3.9.2", "python3.12": "3.12.1", "python3.13": "3.13.0"}, 10, "", "3.13.0 python3.13"),
        ({"python3": "3.13.0rc1", "python3.12": "3.12.1"}, 10, "python3.12", "3.12.1 python3.12"),
        ({"python3": "4.0.0"}, 11, "", "4.0.0 python3"),
    ],
)
def test_the_first_python_that_will_do_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pythons: dict[str, str], minor: int, chosen: str, found: str
) -> None:
    for name, version in pythons.items():
        a_python(tmp_path, name, version)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setenv("DEV_PYTHON", chosen)
    monkeypatch.setattr(setup, "PYTHONS", ("/no/python3", *setup.PYTHONS[1:]))
    assert setup.find_python(minor) == found


def test_the_distributions_python_is_passed_over_without_virtual_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = str(tmp_path / "bin/own")
    a_python(tmp_path, "own", "3.12.3", "0")
    a_python(tmp_path, "python3", "3.11.2")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.delenv("DEV_PYTHON", raising=False)
    monkeypatch.setattr(setup, "PYTHONS", (own, "python3"))
    assert setup.find_python(10) == "3.11.2 python3"
    a_python(tmp_path, "own", "3.12.3")
    assert setup.find_python(10) == f"3.12.3 {own}"


@pytest.mark.parametrize(
    ("pythons", "found"),
    [({}, "found no working python3;"), ({"python3": "3.8.10"}, "found python3 3.8.10;")],
)
def test_no_python_that_will_do_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pythons: dict[str, str], found: str
) -> None:
    for name, version in pythons.items():
        a_python(tmp_path, name, version)
    program(tmp_path, "python3.13", "#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.delenv("DEV_PYTHON", raising=False)
    monkeypatch.setattr(setup, "PYTHONS", setup.PYTHONS[1:])
    with pytest.raises(SystemExit) as caught:
        setup.find_python(11)
    assert found in str(caught.value)
