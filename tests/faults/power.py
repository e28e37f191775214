# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Power cuts: a virtual machine loses its power at work, what its disk had not flushed is gone, and it starts again."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from scenes import KEEP, Share, World
from tally import Tally
from vm import Host, Message, PowerCut, VmError
from vm_image import CHECKOUT, empty_disk, make_system

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of

PROMISE = "power cuts of a virtual machine, unflushed writes lost or torn: the store is whole, completed steps persist"
CUTS = 5
CACHE = CHECKOUT / ".cache/faults"
# Faults of one cut that are told.
SHOWN = 8
# How many releases stay when none is to be pruned.
ALL = 9
# When in a step the power goes.
AT_REQUEST, AT_TIME, WHEN_DONE = (
    "at a write or flush of the step",
    "at any time in the step",
    "when it was reported done",
)
MOMENTS = (AT_REQUEST, AT_REQUEST, AT_TIME, WHEN_DONE)
# Requests to the disk and seconds of each step when it is not disturbed.
Took = dict[str, tuple[int, float]]
NOT_TRIED = (
    "real drives, and drives that acknowledge a flush too early: the virtual machine's disk keeps flushed writes, and "
    "keeps, loses or tears (between two sectors) each other write at random"
)


@dataclass(frozen=True)
class Plan:
    """What the machine is at when the power goes: ``step`` of the store within the request ``do``."""

    name: str
    do: str
    step: str


PLANS = (
    Plan("install by the host's command", "install", "install"),
    Plan("recover", "recover", "recover"),
    Plan("switch", "deploy", "switch"),
    Plan("rollback", "rollback", "switch"),
    Plan("prune", "prune", "remove"),
    Plan("install", "deploy", "install"),
    Plan("transfer", "deploy", "send"),
    Plan("switch to one that is there", "deploy again", "switch"),
    Plan("uninstall", "uninstall", "remove"),
)
SWITCH = PLANS[2]
# What is taken away from a store that a cut must break; with one of these in FAULTS_POWER_WITHOUT, at every cut.
CONTROLS = ("flushing the file system", "any flush")


@dataclass
class Expected:
    """What the store may and must be after a cut, by what had been reported begun and done."""

    current: set[str]
    there: set[str]
    mark: int
    gone: set[str] = field(default_factory=set)
    failed: str = ""

    @classmethod
    def of(cls, look: Message) -> Expected:
        """Expect what was seen."""
        return cls({look["current"]}, set(look["releases"]), look["mark"])

    def note(self, message: Message) -> None:
        """Take over what the machine reported."""
        release = message.get("release", "")
        if message.get("begin") == "switch":
            self.current.add(release)
        elif message.get("begin") == "remove":
            self.there.discard(release)
        elif message.get("end") == "switch":
            self.current, self.mark = {release}, max(self.mark, serial_of(release))
        elif message.get("end") == "install":
            self.there.add(release)
        elif message.get("end") == "remove":
            self.gone.add(release)

    def faults(self, look: Message) -> list[str]:
        """Say in what the store is not as expected."""
        if "failed" in look:
            return [look["failed"]]
        faults = [*look["faults"], *([f"it failed before the cut: {self.failed}"] if self.failed else [])]
        if look["current"] not in self.current:
            faults.append(
                f"current is {look['current'] or 'missing'}, not {' or '.join(sorted(self.current)) or 'none'}"
            )
        faults += [f"{name} was installed and is gone" for name in sorted(self.there - set(look["releases"]))]
        faults += [f"{name} was removed and is there" for name in sorted(self.gone & set(look["releases"]))]
        if look["mark"] < self.mark:
            faults.append(f"the mark is {look['mark']} after {self.mark}")
        return faults


def run(world: World, _share: Share) -> Tally:
    """Cut the power as often as FAULTS_POWER says, of one machine with one disk."""
    tally = Tally("power", PROMISE, notes=[NOT_TRIED])
    log = CACHE / "power.log"
    log.unlink(missing_ok=True)
    system, image, numbers = make_system(CACHE), empty_disk(world.base / "image"), random.Random()  # noqa: S311
    with Host(world.base / "vm", log, system, image, numbers) as host:
        took = _rehearse(host)
        fresh = host.disk.image()
        _cut_often(host, tally, took, fresh)
        for control in CONTROLS:
            # By chance, or because a slow machine's kernel wrote all in time, one cut may lose nothing.
            if any(_without(host, control, took, fresh) for _attempt in range(3)):
                tally.counts[f"broken without {control}, as it should be"] += 1
            else:
                tally.case(f"without {control}", "the store is whole: this test cannot fail")
    return tally


def _rehearse(host: Host) -> Took:
    """Do all once with the power on; returns what each step took. Then see that the disk loses what was not flushed."""
    begun: dict[str, tuple[int, float]] = {}
    took: Took = {"recover": (10, 0.3)}

    def clock(message: Message) -> None:
        now = (host.disk.requests, time.monotonic())
        if "begin" in message:
            begun[message["begin"]] = now
        else:
            requests, seconds = begun[message["end"]]
            took[message["end"]] = (now[0] - requests, now[1] - seconds)

    _require(host.start())
    for release in host.new:
        _require(host.machine.ask("deploy", clock, release=release, keep=ALL).get("failed"))
    _require(host.machine.ask("rollback", clock, release=host.new[1]).get("failed"))
    _require(host.machine.ask("uninstall", clock, release=host.new[0]).get("failed"))
    _require(host.machine.ask("write").get("failed"))
    host.cut()
    _require(host.start())
    found = host.machine.ask("written")
    _require("" if found == {"unflushed": "", "flushed": "stays"} else f"the disk is no test: {found}")
    host.cut()
    return took


def _require(faults: Any) -> None:
    if faults:
        raise VmError(str(faults))


def _cut_often(host: Host, tally: Tally, took: Took, fresh: bytes) -> None:
    """Cut, start, look, recover, deploy, and so on; a disk that broke is replaced by a ``fresh`` one."""
    cuts, careless = int(os.environ.get("FAULTS_POWER", CUTS)), os.environ.get("FAULTS_POWER_WITHOUT")
    name, expected = "", None
    for number in range(cuts + 1):
        plan = PLANS[number % len(PLANS)] if number < cuts else None
        faults = host.start()
        look = host.machine.ask("look")
        faults += (expected or Expected.of(look)).faults(look)
        if not faults and (not plan or plan.do != "recover"):
            faults += _comes_back(host, look, ALL if plan and plan.do == "prune" else KEEP)
        if expected:
            tally.case(name, faults[:SHOWN] + [f"and {len(faults) - SHOWN} more"] * (len(faults) > SHOWN))
        if faults:
            _begin_anew(host, fresh)
        if plan:
            if careless:
                host.machine.ask("careless", without=careless)
            moment = host.numbers.choice(MOMENTS)
            name, expected = f"cut {number + 1}: {plan.name}, {moment}", _cut(host, plan, moment, took, tally)


def _comes_back(host: Host, look: Message, keep: int) -> list[str]:
    """Recover and install another release; returns what is wrong after either. ``look`` is what was there before."""
    expected = Expected.of(look)
    faults = [host.machine.ask("recover").get("failed", "")]
    look = host.machine.ask("look")
    faults += expected.faults(look) + ["recover left something"] * look.get("unfinished", False)
    faults.append(host.machine.ask("deploy", release=host.new[0], keep=keep).get("failed", ""))
    look = host.machine.ask("look")
    faults += Expected({host.new[0]}, {host.new[0]}, serial_of(host.new[0])).faults(look)
    faults += ["the next install left something"] * look.get("unfinished", False)
    return [fault for fault in faults if fault]


def _request(host: Host, plan: Plan, expected: Expected) -> tuple[str, dict[str, Any]]:
    """Return what is asked of the machine for a plan, and with which arguments."""
    (current,) = expected.current
    older = sorted(expected.there - {current}, key=serial_of)
    if plan.do == "deploy again":
        host.machine.ask("rollback", expected.note, release=older[-1])
        return "deploy", {"release": current, "keep": ALL}
    requests: dict[str, dict[str, Any]] = {
        "deploy": {"release": host.new[1], "keep": ALL},
        "install": {"release": host.new[1], "keep": ALL},
        "prune": {"release": host.new[1], "keep": KEEP},
        "rollback": {"release": older[-1]},
        "uninstall": {"release": older[0]},
        "recover": {},
    }
    return plan.do.replace("prune", "deploy"), requests[plan.do]


def _cut(host: Host, plan: Plan, moment: str, took: Took, tally: Tally) -> Expected:
    """Let the machine do what is planned and take the power away meanwhile; returns what must hold afterwards."""
    expected = Expected.of(host.machine.ask("look"))
    do, arguments = _request(host, plan, expected)
    requests, seconds = took[plan.step]
    timer = threading.Timer(host.numbers.uniform(0, seconds), host.machine.trip)
    begun = False

    def on_step(message: Message) -> None:
        nonlocal begun
        expected.note(message)
        if message.get("begin") == plan.step and not begun:
            begun = True
            if moment == AT_REQUEST:
                host.disk.trip_after(host.numbers.randint(1, max(1, requests)))
            elif moment == AT_TIME:
                timer.start()
        elif message.get("end") == plan.step and moment == WHEN_DONE:
            raise PowerCut

    with suppress(PowerCut):
        failed = host.machine.ask(do, on_step, **arguments).get("failed")
        expected.failed = failed or ""
    said, cache = host.cut()
    timer.cancel()
    for message in said:
        expected.note(message)
    tally.counts[f"{plan.name}: cuts" if begun else f"nothing to {plan.name}: cuts"] += 1
    tally.counts[moment] += 1
    tally.counts.update(cache)
    return expected


def _without(host: Host, control: str, took: Took, fresh: bytes) -> list[str]:
    """Cut the power just after a switch of a store that does not flush; returns what broke."""
    _begin_anew(host, fresh)
    host.machine.ask("careless", without=control)
    expected = _cut(host, SWITCH, WHEN_DONE, took, Tally("", ""))
    return host.start() + expected.faults(host.machine.ask("look"))


def _begin_anew(host: Host, fresh: bytes) -> None:
    host.cut()
    host.disk.fill(fresh)
    _require(host.start())
