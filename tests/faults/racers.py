# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two runs at once: one wins, the other is told who holds the lock, and current is whole at every moment."""

from __future__ import annotations

import os
import random
import re
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial

from errors import PARTS
from inject import Outcome, end_with
from scenes import ENV, Scene, Share, World, deploy_release, install_from_a_drive, named, send
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.tests.unit.tiny_release import release_id

PROMISE = "two runs at once: one wins, the other names the holder, current is whole at every moment"
ROUNDS, ROUNDS_LONG = 24, 2_000
# Seconds by which one of the two is late, at most: they meet, or the other is done already.
LATE = (0.02, 0.3)

Act = Callable[[World, Step | None], None]


def _back(world: World, _step: Step | None) -> None:
    rollback(world.store, ENV, release_id(1), False)


def _uninstall(world: World, _step: Step | None) -> None:
    uninstall(world.store, ENV)


UPDATE, SWITCH, PRUNE, OLD = (named(name) for name in ("update", "switch", "prune", "rollback"))
# The beginning, then for each of the two: the release that is sent first (0: none), and what is done.
PAIRS: dict[str, tuple[Scene, tuple[int, Act], tuple[int, Act]]] = {
    "two deploys": (UPDATE, (2, deploy_release), (3, deploy_release)),
    "two deploys, one from a drive": (UPDATE, (0, install_from_a_drive), (3, deploy_release)),
    "the same deploy twice, both from a drive": (UPDATE, (0, install_from_a_drive), (0, install_from_a_drive)),
    "two deploys, one only switches": (SWITCH, (3, deploy_release), (4, deploy_release)),
    "the same deploy twice": (UPDATE, (2, deploy_release), (2, deploy_release)),
    "deploy and rollback": (OLD, (3, deploy_release), (0, _back)),
    "prune and rollback": (PRUNE, (4, deploy_release), (0, _back)),
    "deploy and uninstall": (OLD, (3, deploy_release), (0, _uninstall)),
}


def run(world: World, share: Share) -> Tally:
    """Let each pair race many times."""
    tally = Tally("racers", PROMISE)
    numbers = random.Random(share.number)  # noqa: S311 - the delays only
    for name, (scene, *racers) in PAIRS.items():
        for _round in share.of(range(ROUNDS_LONG if share.long else ROUNDS)):
            world.reset(scene)
            acts = [partial(act, world, send(world, serial) if serial else None) for serial, act in racers]
            numbers.shuffle(acts)
            outcomes, faults = _race(world, acts, numbers.uniform(0, numbers.choice(LATE)))
            if name.startswith("two deploys") and serial_of(world.store.current(ENV)) < world.store.high_water(ENV):
                faults.append("the older release won over the newer")
            tally.case(name, faults + _after(world, outcomes))
            refused = sum(outcome.how == "refused" for outcome in outcomes.values())
            tally.counts[f"{name}: {'one refused' if refused else 'one after the other'}"] += 1
    return tally


def _race(world: World, acts: Sequence[Callable[[], None]], late: float) -> tuple[dict[int, Outcome], list[str]]:
    """Start both; returns how each process ended, and whenever current was not whole meanwhile."""
    sockets: dict[int, socket.socket] = {}
    for number, act in enumerate(acts):
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        child = os.fork()
        if child == 0:
            ours.recv(1)
            time.sleep(late * number)
            end_with(act, ours)
        ours.close()
        sockets[child] = its
    for its in sockets.values():
        its.send(b"x")
    outcomes: dict[int, Outcome] = {}
    faults: list[str] = []
    while len(outcomes) < len(sockets):
        faults += _look(world)
        for child, its in sockets.items():
            if child not in outcomes and os.waitpid(child, os.WNOHANG)[0]:
                how, _space, text = its.recv(65_536).decode("utf-8", "replace").partition(" ")
                outcomes[child] = Outcome(how, text)
                its.close()
    return outcomes, faults


def _look(world: World) -> list[str]:
    """Compare what is current with its list; a release that stopped being current meanwhile may be gone."""
    store, current = world.store, world.store.current(ENV)
    try:
        found = [f"{current}/{d.path}: {d.found}" for d in store.differences(ENV, current)] if current else []
    except (AirgapError, OSError) as error:
        found = [str(error)]
    return found if store.current(ENV) == current else []


def _after(world: World, outcomes: dict[int, Outcome]) -> list[str]:
    # This process reads what is current, and what a process reads is not removed.
    ours = f"by process {os.getpid()}."
    won = any(outcome.how == "done" or ours in outcome.text for outcome in outcomes.values())
    faults = [] if won else ["nobody won"]
    for child, outcome in outcomes.items():
        if outcome.how == "done":
            continue
        (other,) = outcomes.keys() - {child}
        if outcome.how != "refused" or not PARTS.fullmatch(outcome.text):
            faults.append(f"{outcome.how}: {outcome.text[-800:]}")
        elif "Another run is at work" in outcome.text and not re.search(
            rf"process {other} \(\w+\) holds", outcome.text
        ):
            faults.append(f"not named, {other}: {outcome.text}")
    try:
        deploy_release(world, send(world, 4))
        faults += _look(world)
        if world.store.current(ENV) != release_id(4) or world.store.unfinished(ENV):
            faults.append("the next deploy did not put it right")
    except AirgapError as error:
        faults.append(f"the next deploy failed: {error}")
    return faults
