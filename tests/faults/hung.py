# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks that hang: back by the deadline and five seconds, whatever the check does; and the old release stays."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scenes import ENV, Share, World, named, send
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._release import Checks
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, release_id

PROMISE = "checks that hang: back by the deadline + 5 s, the old release stays current"
# Seconds: what a check may take, and what may pass beyond it.
DEADLINE, BEYOND = 1, 5
FREEZER = Path("/sys/fs/cgroup/freezer")


def _python(program: str) -> str:
    return f"exec {shlex.quote(sys.executable)} -c {shlex.quote(program)}"


CHECKS = {
    "sleeps": "sleep 600",
    "ignores every signal that it can": _python(
        "import signal, time\n"
        "for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "time.sleep(600)"
    ),
    "floods its output": "yes; sleep 600",
    "stops itself": "kill -STOP $$; sleep 600",
    "leaves a child that holds the output": "sleep 600 & sleep 600",
    "leaves a child in a session of its own": "setsid sleep 7 & sleep 600",
    "closes its output": "exec >&- 2>&-; sleep 600",
    "waits for input": "cat; sleep 600",
    "forks on and on": "while :; do sleep 1 & wait; done",
}


def run(world: World, share: Share) -> Tally:
    """Deploy a release with each of these checks over one that works."""
    tally = Tally("hung", PROMISE)
    for name in share.of([*CHECKS, "cannot be killed"]):
        world.reset(named("update"))
        if name != "cannot be killed":
            _deploy(tally, world, name, CHECKS[name])
            continue
        with _frozen() as frozen:
            if frozen:
                _deploy(
                    tally,
                    world,
                    name,
                    f"echo $$ >{frozen}/cgroup.procs; echo FROZEN >{frozen}/freezer.state; sleep 600",
                )
            else:
                tally.notes.append("a check that cannot be killed: that needs root and the freezer of cgroups v1")
    tally.notes.append(
        "a check in uninterruptible sleep, which takes a driver that hangs; one that is frozen stands for it"
    )
    return tally


def _deploy(tally: Tally, world: World, name: str, command: str) -> None:
    with tempfile.TemporaryDirectory() as depot:
        checks = Checks(commands=(command,), timeout=DEADLINE)
        made = make_release(Path(depot), world.store.root, 7, checks=checks)
        world.made[7] = made
        step = send(world, 7)
        clock = time.monotonic()
        try:
            deploy(world.store, step, made.sha256, 2)
            faults = ["it passed"]
        except AirgapError as error:
            faults = [] if "no end after" in error.found else [error.found]
        seconds = time.monotonic() - clock
        if seconds > DEADLINE + BEYOND:
            faults.append(f"back after {seconds:.1f} s")
        if world.store.current(ENV) != release_id(1) or world.store.releases(ENV) != [release_id(1)]:
            faults.append(f"current is {world.store.current(ENV)} of {world.store.releases(ENV)}")
        tally.case(name, faults)
        tally.counts["slowest, in tenths of a second"] = max(
            tally.counts["slowest, in tenths of a second"], round(seconds * 10)
        )


@contextmanager
def _frozen() -> Iterator[Path | None]:
    """Give a control group whose processes even SIGKILL does not end, until it is thawed."""
    group = FREEZER / f"airgap-faults-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        (group / "freezer.state").write_text("THAWED\n", encoding="ascii")
        for pid in (group / "cgroup.procs").read_text(encoding="ascii").split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        end = time.monotonic() + 10
        while (group / "cgroup.procs").read_text(encoding="ascii") and time.monotonic() < end:
            time.sleep(0.05)
        group.rmdir()
