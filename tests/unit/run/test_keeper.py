# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module starts ends with the module, in whatever way that ends, and however far the program goes away."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._run import keeper, process
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_processes import alive, left

PACKAGE = "ansible_collections.airgap.conda.plugins.module_utils"
# Each is a module that runs $0 of sh without end. Seconds are for the case that a test fails.
MODULES = {
    "merged": f"from {PACKAGE}._run import process; process.run(command, deadline=60)",
    "apart": f"from {PACKAGE}._run import process; process.run(command, deadline=60, apart=True)",
    "client": f"from {PACKAGE}._run import process; process.run(command, deadline=60, whole=False)",
    "threads": "from concurrent.futures import ThreadPoolExecutor as Pool\n"
    f"from {PACKAGE}._run import process\n"
    "with Pool(2) as pool: list(pool.map(lambda _: process.run(command, deadline=60), range(2)))",
}
# What writes its number into a file of the folder $1, and sleeps.
SLEEPER = "echo $$ >$1/.$$; mv $1/.$$ $1/$$; exec sleep 60"
WAYS = {
    "itself": f"exec sh -c '{SLEEPER}' sh $1",
    "a child": f"sh -c '{SLEEPER}' sh $1 & wait",
    "a child that nobody waits for": f"sh -c '{SLEEPER}' sh $1 & exec sh -c '{SLEEPER}' sh $1",
    "a session of its own": f"setsid sh -c '{SLEEPER}' sh $1 & exec sleep 60",
    "a daemon": f"(setsid sh -c '(sh -c \"$0\" sh $1 &) &' '{SLEEPER}' $1 &) & exec sleep 60",
    "deaf": f"trap '' TERM HUP INT; sh -c '{SLEEPER}' sh $1 & while :; do sleep 60; done",
}
SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL]


def run_python(program: str, folder: Path) -> subprocess.Popen[bytes]:
    # Whoever runs the tests may have these ignored: nohup does, and a shell's background.
    program = f"import signal\nfor number in (1, 2, 15): signal.signal(number, signal.SIG_DFL)\n{program}"
    variables = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    return subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.DEVNULL, env=variables)


def start(module: str, way: str, folder: Path) -> subprocess.Popen[bytes]:
    program = f"import sys; command = ['/bin/sh', '-c', {WAYS[way]!r}, 'sh', sys.argv[1]]\n{MODULES[module]}"
    return run_python(program, folder)


def started(folder: Path, count: int = 1) -> list[int]:
    """Wait until programs have written their numbers; return them."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        numbers = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
        if len(numbers) >= count:
            return numbers
        time.sleep(0.01)
    pytest.fail("nothing was started")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for numbers of processes; none of these is left after the test."""
    yield tmp_path
    for path in tmp_path.iterdir():
        if path.name.isdecimal() and alive(int(path.name)):
            os.kill(int(path.name), signal.SIGKILL)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", SIGNALS)
def test_nothing_outlives_a_module_that_is_killed(folder: Path, way: str, number: signal.Signals) -> None:
    with start("merged", way, folder) as module:
        programs = started(folder, 2 if "nobody" in way else 1)
        module.send_signal(number)
        assert module.wait(300) != 0
    assert left(programs) == []


@pytest.mark.parametrize("module", MODULES)
def test_no_way_of_starting_is_left_out(folder: Path, module: str) -> None:
    with start(module, "a daemon", folder) as running:
        programs = started(folder, 2 if module == "threads" else 1)
        running.kill()
    assert left(programs) == []


def test_what_a_program_left_behind_ends_with_it(folder: Path) -> None:
    # It ends when what it started has written its number, and not before: $2 numbers are there then.
    script = f"setsid sh -c '{SLEEPER}' sh $1 & until [ $(ls $1 | wc -l) = $2 ]; do sleep 0.01; done"
    assert process.run(["/bin/sh", "-c", script, "sh", str(folder), "1"], deadline=20).ok
    assert left(started(folder), 0) == []
    assert process.run(["/bin/sh", "-c", script, "sh", str(folder), "2"], deadline=20, apart=True).ok
    assert left(started(folder, 2), 0) == []


def test_what_the_client_of_a_container_leaves_behind_stays(folder: Path) -> None:
    script = f"setsid sh -c '{SLEEPER}' sh $1 >/dev/null 2>&1 & until ls $1 | grep -q .; do sleep 0.01; done"
    done = process.run(["/bin/sh", "-c", script, "sh", str(folder)], deadline=20, whole=False)
    assert done.returncode == 0
    assert all(map(alive, started(folder)))


def test_the_client_of_a_container_may_say_goodbye(folder: Path) -> None:
    script = "trap 'echo bye >&2; echo bye >$1/bye; exit' TERM; echo >$1/1; while :; do sleep 0.01; done"
    program = f"import sys; from {PACKAGE}._run.process import run\n"
    program += f"run(['sh', '-c', {script!r}, 'sh', sys.argv[1]], deadline=60, whole=False)"
    with run_python(program, folder) as module:
        started(folder)
        (folder / "1").unlink()
        module.kill()
    end = time.monotonic() + 60
    while not (folder / "bye").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert (folder / "bye").exists()


def test_a_program_ends_with_its_keeper(folder: Path) -> None:
    wait = "until ls $2 | grep -q .; do sleep 0.01; done"
    script = f"sh -c '{wait}; kill -9 $1' sh $PPID $1 & exec setsid sh -c '{SLEEPER}' sh $1"
    assert not process.run(["/bin/sh", "-c", script, "sh", str(folder)], deadline=20).ok
    assert left(started(folder)) == []


@pytest.mark.parametrize("way", ["itself", "in a session of its own"])
def test_a_keeper_that_is_stopped_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(process, "GRACE", 0.2)
    sleeper = SLEEPER if way == "itself" else f"setsid sh -c '{SLEEPER}' sh $1; exec sleep 60"
    clock = time.monotonic()
    script = f"echo $PPID >$1/keeper; kill -STOP $PPID; {sleeper}"
    outcome = process.run(["/bin/sh", "-c", script, "sh", str(folder)], deadline=1)
    assert (outcome.returncode, time.monotonic() - clock < 30) == (None, True)
    assert left([int((folder / "keeper").read_text(encoding="ascii"))]) == []
    assert left(started(folder)) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE])
def test_a_signal_is_passed_on(number: signal.Signals) -> None:
    assert process.run(["/bin/sh", "-c", f"kill -{int(number)} $$"], deadline=20).returncode == -number
    assert process.run(["/bin/sh", "-c", f"kill -{int(number)} $$"], deadline=20, whole=False).returncode == -number


def test_input_and_output_are_those_of_the_program() -> None:
    done = process.run(["/bin/sh", "-c", "cat; echo error >&2; exit 3"], deadline=20, data=b"text", apart=True)
    assert (done.returncode, done.output, done.error) == (3, "text", "error\n")
    assert done.explain() == "exit status 3: error"
    done = process.run(["/no/such/program"], deadline=20, apart=True)
    assert (done.returncode, done.error) == (127, "/no/such/program: No such file or directory")


def test_an_answer_is_kept_whole_up_to_its_limit() -> None:
    done = process.run(["seq", "300000"], deadline=20, apart=True, limit=process.ANSWER_LIMIT)
    assert len(done.output.split()) == 300_000
    done = process.run(["sh", "-c", "seq 300000 >&2"], deadline=20, apart=True, limit=7)
    assert (done.output, done.error) == ("", "300000\n")


def test_a_program_gets_no_descriptor_but_its_own() -> None:
    done = process.run(["/bin/ls", "/proc/self/fd"], deadline=20)
    assert done.output.split() == ["0", "1", "2", "3"]


def test_a_keeper_imports_no_more_than_it_needs() -> None:
    """It is started with every program, twice with each check of a release: an import is felt."""
    program = inspect.getsource(keeper).partition("\nif __name__")[0] + "\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-IBSc", program], capture_output=True, text=True, check=True)
    assert not {"typing", "re", "enum", "signal", "ctypes", "subprocess", "contextlib"} & {*done.stdout.split()}


def test_where_nothing_is_left_no_process_of_the_machine_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_root: int) -> list[int]:
        raise AssertionError("it looks at all processes")

    with subprocess.Popen(["true"]) as child:
        assert keeper.has_children()
        child.wait()
    monkeypatch.setattr(keeper, "below", look)
    keeper.end(signal.SIGKILL)
