# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks that hang: back by the deadline and five seconds, whatever the check does; and the old release stays."""

from __future__ import annotations

import multiprocessing
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scenes import ENV, Share, World, named, send
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import in_use
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, release_id

PROMISE = "hanging checks: end within the deadline + 5 s, or with a killed deploy; the old release stays current"
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


# Below these a check stays when only its parent is killed.
FLEEING = ("sleeps", "ignores every signal that it can", "leaves a child in a session of its own", "forks on and on")
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL)


def run(world: World, share: Share) -> Tally:
    """Deploy a release with each of these checks over one that works; kill the deploy of some while they hang."""
    tally = Tally("hung", PROMISE)
    for name, number in share.of([(name, number) for name in FLEEING for number in SIGNALS]):
        world.reset(named("update"))
        _kill(tally, world, name, number)
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
    tally.notes.append("a check in uninterruptible sleep, which needs a hanging driver; a frozen process simulates it")
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


def _quiet(*arguments: Any) -> None:
    """Deploy, and do not say by what it was interrupted; also when who runs this has signals ignored, as nohup does."""
    for number in SIGNALS[:3]:
        signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    deploy(*arguments)


def _kill(tally: Tally, world: World, name: str, number: signal.Signals) -> None:
    with tempfile.TemporaryDirectory() as folder:
        started = Path(folder) / "started"
        checks = Checks(commands=(f"echo >{started}; {CHECKS[name]}",), timeout=600)
        made = make_release(Path(folder) / "depot", world.store.root, 7, checks=checks)
        world.made[7] = made
        step = send(world, 7)
        module = multiprocessing.get_context("fork").Process(target=_quiet, args=(world.store, step, made.sha256, 2))
        module.start()
        while not started.exists():
            time.sleep(0.01)
        assert module.pid is not None
        os.kill(module.pid, number)
        module.join(20)
        end, faults = time.monotonic() + BEYOND, []
        prefix = world.store.release(ENV, release_id(7))
        while in_use([prefix]) and time.monotonic() < end:
            time.sleep(0.05)
        if in_use([prefix]):
            faults.append(f"processes {in_use([prefix])[prefix]} run on")
        try:
            with world.store.lock(ENV):
                world.store.recover(ENV)
        except AirgapError as error:
            faults.append(str(error))
        if world.store.current(ENV) != release_id(1):
            faults.append(f"current is {world.store.current(ENV)}")
        tally.case(f"{name}, and the deploy gets {number.name}", faults)


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
