# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""./dev faults leaves nothing in memory when it is ended from outside, and does not wait for a worker that is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.conftest import CHECKOUT, COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_processes import needs_mounts

pytestmark = pytest.mark.slow

# The runner with a world that is made at once, and a part that does not end.
STAND_IN = """\
import os, sys, time, types
from pathlib import Path

HERE = Path(sys.argv[0]).parent
sys.path[:0] = ["{faults}", "{collections}"]
import run
from scenes import World
from tally import Tally


def make_world(name, folder):
    world = World(folder / name / "world")
    world.base.mkdir(parents=True)
    return world


def work(world, share):
    (HERE / f"reached-{{share.number}}").touch()
    if "{dies}" == "True":
        if share.number == 1:
            if os.fork():
                os.kill(os.getpid(), 9)
            time.sleep(20)  # this one keeps open whatever the worker had, and in a container stays until then
        return Tally("clock", "none", tried=3)
    while True:
        try:
            (world.base / f"{{time.time()}}").touch()
        except OSError:
            pass
        time.sleep(0.01)


part = types.ModuleType("clock")
part.PROMISE, part.run = "none", work
sys.modules["clock"] = part
run.make_world, run.MEMORY = make_world, HERE / "memory"
run.CHECKOUT, run.RESULT = HERE, HERE / "result.json"
if "{way}" != "apart":
    run.APART = ("false",)
if "{way}" == "after a fork":
    os.register_at_fork(after_in_parent=lambda: time.sleep(3))
if "{way}" == "half begun":
    def start(module, share, really=run._start):
        if share.number == 0:
            return really(module, share)
        (HERE / "reached-1").touch()
        time.sleep(600)

    run._start = start
sys.exit(run.main())
"""


def _command(folder: Path, way: str = "apart", dies: bool = False) -> list[str]:
    (folder / "memory").mkdir()
    script = folder / "run_parts.py"
    names = {"faults": CHECKOUT / "tests/faults", "collections": COLLECTIONS}
    script.write_text(STAND_IN.format(**names, way=way, dies=dies), encoding="utf-8")
    return [sys.executable, str(script), "clock", "--workers", "2"]


@contextmanager
def _started(folder: Path, way: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a run; it is there when both its workers are, or one and the beginning of the other."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = _command(folder, way)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True) as run:
        try:
            end = time.monotonic() + 300
            while len(list(folder.glob("reached-*"))) < 2 and time.monotonic() < end:
                time.sleep(0.02)
            assert list((folder / "memory").iterdir())
            yield run
        finally:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("way", ["apart", "in one", "after a fork", "half begun"])
def test_the_worlds_are_gone_when_a_run_is_ended(tmp_path: Path, way: str, number: signal.Signals) -> None:
    with _started(tmp_path, way) as run:
        run.send_signal(number)
        run.communicate(timeout=60)  # the output ends when the last of those that have it has ended
    assert run.returncode == 128 + number
    assert list((tmp_path / "memory").iterdir()) == []


@needs_mounts
def test_no_worker_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    with _started(tmp_path, "apart") as run:
        run.kill()
        run.communicate(timeout=60)


def test_a_worker_that_is_killed_is_a_fault(tmp_path: Path) -> None:
    done = subprocess.run(_command(tmp_path, dies=True), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done
    assert "4 tried      1 broken" in done.stdout
    assert "a worker ended without a result, exit status -9" in done.stdout
    assert list((tmp_path / "memory").iterdir()) == []
