# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs that hang, flood, ignore signals or leave children: the answer comes by the deadline all the same."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._run import keeper, process

DEADLINE = 0.5
# Seconds that a busy machine may take in addition.
BUSY = 20.0


def sh(script: str, deadline: float = DEADLINE) -> process.Outcome:
    """Run a shell script; whatever it does, it has to be over by the deadline and a little."""
    start = time.monotonic()
    outcome = process.run(["/bin/sh", "-c", script], deadline=deadline)
    assert time.monotonic() - start < deadline + process.GRACE + BUSY
    assert len(outcome.output) <= process.OUTPUT_LIMIT
    return outcome


def is_gone(pid: int) -> bool:
    for _round in range(6000):
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="ascii"):
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_a_good_program() -> None:
    outcome = sh("echo out; echo err >&2", 10)
    assert (outcome.ok, outcome.returncode, outcome.output) == (True, 0, "out\nerr\n")
    assert outcome.seconds < 5
    assert outcome.explain() == "exit status 0: out\nerr"


@pytest.mark.parametrize(
    ("script", "code", "says"),
    [("echo why; exit 3", 3, "exit status 3: why"), ("kill -9 $$", -9, "killed by signal 9")],
)
def test_a_failing_program(script: str, code: int, says: str) -> None:
    outcome = sh(script, 10)
    assert (outcome.ok, outcome.returncode, outcome.explain()) == (False, code, says)


def test_a_missing_program() -> None:
    outcome = process.run(["/no/such/program"], deadline=1)
    assert (outcome.returncode, outcome.output) == (127, "/no/such/program: No such file or directory")


@pytest.mark.parametrize(
    "script",
    [
        "echo before; sleep 30",
        "trap '' TERM INT HUP; echo before; while :; do sleep 30; done",
        "echo before; exec >&- 2>&-; sleep 30",
        "echo before; sleep 30 & wait",
        "echo before; cat",  # its input is empty: this one ends
    ],
)
def test_a_hanging_program_is_killed(script: str) -> None:
    outcome = sh(script)
    assert outcome.returncode is None or script.endswith("cat")
    assert outcome.output == "before\n"
    if outcome.returncode is None:
        assert outcome.explain() == f"no end after {outcome.seconds:.0f} s: before"


def test_a_flood_is_cut_to_its_end() -> None:
    for deadline in (1, 5, 20):
        outcome = sh("yes", deadline)
        assert outcome.returncode is None
        if outcome.output:  # on a busy machine it may not have begun
            break
    assert outcome.output.endswith("y\n")
    outcome = sh("yes | head -c 3000000; echo the end; exit 4", 20)
    assert outcome.returncode == 4
    assert len(outcome.output) == process.OUTPUT_LIMIT
    assert outcome.explain().endswith("the end")


def test_what_is_kept_of_a_flood_has_an_end() -> None:
    reader, writer = os.pipe()
    tail = process._Tail(reader, 100)  # noqa: SLF001
    for _round in range(20):
        os.write(writer, b"x" * 99 + b"y")
        tail.take()
        assert len(tail._kept) <= 200  # noqa: SLF001
    assert tail.text() == "x" * 99 + "y"
    os.close(reader)
    os.close(writer)


def test_a_grandchild_that_holds_the_output_is_neither_waited_for_nor_left() -> None:
    outcome = sh("sleep 30 & echo $!", 20)
    assert outcome.ok
    assert outcome.seconds < 5
    assert is_gone(int(outcome.output))


def test_a_grandchild_that_fled_and_floods_is_not_waited_for(tmp_path: Path) -> None:
    outcome = sh(f"setsid sh -c 'echo $$ >{tmp_path}/pid; exec yes' & while ! [ -s {tmp_path}/pid ]; do :; done", 20)
    assert outcome.ok
    assert outcome.seconds < 5
    assert is_gone(int((tmp_path / "pid").read_text(encoding="ascii")))  # nobody reads what it writes: SIGPIPE


def test_a_process_that_cannot_be_killed_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for uninterruptible sleep: the kill has no effect."""
    killed: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", lambda pid, _signal: killed.append(pid))
        patch.setattr(keeper, "below", lambda _process: [])
        patch.setattr(subprocess.Popen, "terminate", lambda _process: None)
        patch.setattr(process, "GRACE", 0.2)
        start = time.monotonic()
        outcome = process.run(["sleep", "30"], deadline=0.1)
        assert time.monotonic() - start < 20
    assert outcome.returncode is None
    os.kill(killed[0], 9)
    os.waitpid(killed[0], 0)


def test_the_environment_is_the_given_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAK", "x")
    outcome = process.run(
        ["/bin/sh", "-c", "echo ${LEAK-no} $A; pwd; cat"], deadline=10, env={"A": "b", "PATH": "/bin"}
    )
    assert outcome.output == "no b\n/\n"


def test_no_descriptor_is_left_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    sh("sleep 9")
    sh("true")
    process.run(["/no/such/program"], deadline=1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_lock_of_the_caller_is_not_passed_on(tmp_path: Path) -> None:
    with open(tmp_path / "lock", "w", encoding="ascii"):
        outcome = process.run(["/bin/sh", "-c", "ls -l /proc/self/fd"], deadline=10)
    assert "lock" not in outcome.output


def test_output_that_is_not_text_is_shown() -> None:
    assert sh("printf '\\377ok'", 10).output == "\ufffdok"


def test_it_starts_in_a_session_of_its_own() -> None:
    outcome = sh("ps -o sid= -p $$ 2>/dev/null || cut -d ' ' -f 6 /proc/$$/stat", 10)
    assert int(outcome.output) != os.getsid(0)
    subprocess.run(["true"], check=True)  # and children of ours are still ours
