# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The parts of ./dev test: what runs beside what, what cannot run here, and what the last line says."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import machine
import run_parts
from run_parts import Part, Run

# In the place of ./dev: writes when it began and ended, and fails when it is told to.
DEV = """\
#!/bin/sh
echo "$* begins" >>"$LOG"
case "$*" in *slow*) sleep 0.3 ;; *endless*) sleep 600 ;; esac
echo "$* ends" >>"$LOG"
echo "words of $*"
case "$*" in *bad*) exit 3 ;; esac
"""
Play = Callable[..., "tuple[int, str, list[str]]"]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Play:
    """Return what runs parts; it returns the exit status, what was printed, and what happened in its order."""
    dev = tmp_path / "dev"
    dev.write_text(DEV)
    dev.chmod(0o755)
    monkeypatch.setattr(run_parts, "DEV", dev)
    monkeypatch.setattr(run_parts, "LOGS", tmp_path)
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setitem(machine.ABILITIES, "wings", lambda: "it has no wings (flap: Operation not permitted)")

    def run(*parts: Part, strict: bool = False) -> tuple[int, str, list[str]]:
        status = Run(parts, strict).go()
        log = tmp_path / "log"
        return status, capsys.readouterr().out, log.read_text().splitlines() if log.exists() else []

    return run


def test_all_pass(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    worked, there = run_parts.processors()
    assert 0 < worked < there
    monkeypatch.setattr(run_parts, "processors", lambda: (worked + 3000, there + 4000))
    status, said, _happened = play(Part("one"), Part("two"))
    assert status == 0
    assert "\n== one\nwords of one\n" in said
    *_others, processors, last = said.splitlines()
    assert last.startswith("2 parts passed (")
    assert re.fullmatch(r"the processors worked \d{4} s, in containers as well: 7[45]% of the time", processors)


def test_one_fails_and_the_others_run_on(play: Play) -> None:
    status, said, _happened = play(Part("bad"), Part("two"))
    assert status == 1
    assert said.splitlines()[-1].startswith("1 parts passed; 1 failed: bad (")


@pytest.mark.parametrize("strict", [False, True])
def test_what_cannot_run_here_is_never_taken_for_passed(play: Play, strict: bool) -> None:
    status, said, happened = play(Part("one"), Part("fly", ("wings",)), strict=strict)
    assert status == int(strict)
    assert "fly: cannot run here: it has no wings (flap: Operation not permitted)" in said
    assert said.splitlines()[-1].startswith("1 parts passed; 1 cannot run here: fly (")
    assert not [line for line in happened if "fly" in line]


def test_what_makes_what_others_use_comes_first(play: Play) -> None:
    _status, _said, happened = play(Part("user", after=("slow maker",)), Part("slow maker"))
    assert happened == ["slow maker begins", "slow maker ends", "user begins", "user ends"]


def test_what_others_use_failed(play: Play) -> None:
    status, said, happened = play(Part("user", after=("bad maker",)), Part("bad maker"))
    assert (status, happened) == (1, ["bad maker begins", "bad maker ends"])
    assert "user: not tried, since 'bad maker' failed" in said


def test_what_measures_runs_alone_and_last(play: Play) -> None:
    _status, _said, happened = play(Part("slow bench", alone=True), Part("slow one"), Part("slow two"))
    assert happened[-2:] == ["slow bench begins", "slow bench ends"]
    assert sorted(happened[:2]) == ["slow one begins", "slow two begins"]


def test_as_many_at_a_time_as_there_are_lanes(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_parts, "LANES", 1)
    _status, _said, happened = play(Part("slow one"), Part("slow two"))
    assert happened == ["slow one begins", "slow one ends", "slow two begins", "slow two ends"]


@pytest.mark.usefixtures("play")
def test_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run_parts, "LANES", 1)
    # Who starts the tests in the background may have them ignore what ends a part.
    monkeypatch.setattr(run_parts, "PATIENCE", 2)
    run = Run((Part("endless"), Part("two")), strict=False)

    def stop() -> None:
        while not (tmp_path / "log").exists():
            time.sleep(0.01)
        run.stop(signal.SIGTERM, None)

    threading.Thread(target=stop).start()
    assert run.go() == 1
    assert (tmp_path / "log").read_text() == "endless begins\n"
    assert run.result == {"endless": "FAILED", "two": "stopped before it began"}


@pytest.mark.usefixtures("play")
def test_stopped_while_a_part_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_parts, "PATIENCE", 2)
    run, start = Run((Part("endless"),), strict=False), subprocess.Popen

    def stopped(*command: Any, **options: Any) -> Any:
        process = start(*command, **options)
        run.stop(signal.SIGTERM, None)
        return process

    monkeypatch.setattr(subprocess, "Popen", stopped)
    assert run.go() == 1
    assert run.result == {"endless": "FAILED"}


def test_a_part_that_does_not_end_fails_and_the_others_run(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_parts, "LIMIT", 1)
    monkeypatch.setattr(run_parts, "PATIENCE", 2)
    status, said, happened = play(Part("endless"), Part("two"))
    assert (status, "two ends" in happened) == (1, True)
    assert said.splitlines()[-1].startswith("1 parts passed; 1 failed: endless (")
    words = said.partition("\n== endless\n")[2]
    assert "ended after 1 s; what runs on this machine:\n" in words
    assert "sleep 600\n" in words


def test_every_part_is_a_command_and_needs_what_is_known() -> None:
    names = [part.command for part in run_parts.PARTS]
    assert len(names) == len(set(names))
    assert {need for part in run_parts.PARTS for need in part.needs} <= machine.ABILITIES.keys()
    assert {name for part in run_parts.PARTS for name in part.after} <= set(names)
    scenarios = {path.parent.name for path in (run_parts.CHECKOUT / "molecule").glob("*/molecule.yml")}
    assert {name.split()[1] for name in names if name.startswith("molecule ")} == scenarios


def test_what_fails_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.complaint(["sh", "-c", "exit 0"]) == ""
    assert machine.complaint(["sh", "-c", "echo first >&2; echo last >&2; exit 3"]) == "last"
    assert machine.complaint(["sh", "-c", "exit 3"]) == "sh ended with 3"
    assert "no-such-program" in machine.complaint(["no-such-program"])
    monkeypatch.setattr(machine, "PATIENCE", 0.05)
    assert "timed out" in machine.complaint(["sleep", "60"])


def test_settings_are_shown_without_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:secret@host.example/simple")
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy.example:3128")
    shown = machine.settings()
    assert "PIP_INDEX_URL=https://host.example/simple" in shown
    assert "https_proxy=http://proxy.example:3128" in shown
    assert "secret" not in str(shown)
