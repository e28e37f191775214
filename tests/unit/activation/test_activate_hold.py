# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A shell that cannot hold a file open has its release held for it, until deactivate or its own end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.files import LET_GO
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import in_use
from ansible_collections.airgap.conda.tests.unit.tiny_shells import STARTS, write_env

pytestmark = pytest.mark.slow

READ = {"fish": "read line", "tcsh": "set line = $<"}
SOURCE = {"fish": "source ./activate.fish", "tcsh": "source ./activate.csh"}
SHELLS = [
    pytest.param(name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"no {name} here")) for name in READ
]
# Seconds that a machine may be busy with other work.
SOON = 60


class Shell:
    """A shell that does its next step when told, and nothing meanwhile."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def opens(self, word: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{word}\n"

    def goes_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextmanager
def started(shell: str, home: Path, *steps: str) -> Iterator[Shell]:
    """Start a shell that does the steps, and waits for a line after each 'echo'."""
    lines = [line for step in steps for line in ([step, READ[shell]] if step.startswith("echo") else [step])]
    script = home / f"steps.{shell}"
    script.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = [*STARTS[shell], str(script)]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=home, env=env
    ) as process:
        yield Shell(process)
        process.kill()


def users(prefix: Path) -> list[int]:
    return in_use([prefix]).get(prefix, [])


def until_unused(prefix: Path) -> None:
    limit = time.monotonic() + SOON
    while users(prefix):
        assert time.monotonic() < limit, users(prefix)
        time.sleep(0.05)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return write_env(tmp_path / "demo", {"conda-meta/a.json": "{}", "bin/python": ""})


@pytest.mark.parametrize("shell", SHELLS)
def test_an_idle_shell_keeps_its_release_until_deactivate(prefix: Path, shell: str) -> None:
    steps = [SOURCE[shell], "echo active", "deactivate", "echo none", SOURCE[shell], "echo again"]
    with started(shell, prefix.parent, *steps) as idle:
        idle.opens("active")
        (holder,) = users(prefix)
        assert Path(f"/proc/{holder}/cwd").resolve() == Path("/")
        idle.goes_on()
        idle.opens("none")
        until_unused(prefix)
        idle.goes_on()
        idle.opens("again")
        assert len(users(prefix)) == 1
        idle.process.send_signal(signal.SIGKILL)
        idle.process.wait(SOON)
        until_unused(prefix)


@pytest.mark.parametrize("shell", SHELLS)
def test_another_release_of_it_takes_the_place_of_the_first(prefix: Path, shell: str) -> None:
    second = shutil.copytree(prefix, prefix.parent / "2-00000002")
    switch = "rm current; ln -s 2-00000002 current"
    with started(shell, prefix.parent, SOURCE[shell], switch, SOURCE[shell], "echo second") as idle:
        idle.opens("second")
        assert len(users(second)) == 1
        until_unused(prefix)


@pytest.mark.parametrize("shell", SHELLS)
def test_where_nothing_can_be_held_it_is_activated_all_the_same(prefix: Path, shell: str) -> None:
    (prefix / "conda-meta/a.json").unlink()
    for name in ("tool", "python"):
        (prefix / "bin" / name).unlink()
    shutil.rmtree(prefix / "etc", ignore_errors=True)
    with started(shell, prefix.parent, SOURCE[shell], "echo $CONDA_DEFAULT_ENV", "deactivate", "echo none") as idle:
        idle.opens("demo")
        assert users(prefix) == []
        idle.goes_on()
        idle.opens("none")


def test_a_program_that_has_the_number_of_an_ended_one_is_left_alone() -> None:
    with subprocess.Popen(["sleep", str(SOON)]) as other:
        subprocess.run(["sh", "-c", LET_GO, "sh", str(other.pid)], check=True)
        assert other.poll() is None
        other.kill()
