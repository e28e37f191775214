# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""kill -9 at every call that changes something: current is whole, and one more run ends as if nothing had happened."""

from __future__ import annotations

import random
from functools import partial

from inject import Call, kill_at, trace
from scenes import SCENES, Scene, Share, World, converges, is_whole
from tally import Tally

PROMISE = "kill -9 at every mutating system call: current is whole, one more run converges"
# How many runs are killed at one call, and the run that should put it right at another: all in all.
TWICE, TWICE_LONG = 170, 5_000


def run(world: World, share: Share) -> Tally:
    """Kill each scene at each of its calls; then kill it and the run after it, at random."""
    tally = Tally("kill", PROMISE)
    calls = {scene: calls_of(world, scene) for scene in SCENES}
    for scene, its_calls in calls.items():
        for call in share.of(its_calls[:: 1 if share.long else scene.sample]):
            tally.case(f"{scene.name}, {call.text}", _kill(world, scene, call))
            tally.counts[f"{scene.name}: calls"] += 1
            tally.counts["kills"] += 1
    numbers = random.Random(share.number)  # noqa: S311 - the same choice every time
    scenes = [scene for scene, its_calls in calls.items() for _call in its_calls]
    for _round in share.of(range(TWICE_LONG if share.long else TWICE)):
        scene = numbers.choice(scenes)
        first = numbers.choice(calls[scene])
        tally.case(f"{scene.name}, twice, {first.text}", _kill_twice(world, scene, first, numbers))
        tally.counts["killed twice"] += 1
        tally.counts["kills"] += 2
    return tally


def calls_of(world: World, scene: Scene) -> list[Call]:
    """Return the calls of a scene that nothing disturbs."""
    world.reset(scene)
    return _trace(world, scene)


def _trace(world: World, scene: Scene, again: bool = False) -> list[Call]:
    outcome, calls = trace(partial(scene.act, world, scene.step(world)), again)
    if outcome.how != ("refused" if scene.refused else "done"):
        raise RuntimeError(f"{scene.name}: {outcome}")
    return calls


def _kill(world: World, scene: Scene, call: Call) -> list[str]:
    world.reset(scene)
    outcome = kill_at(partial(scene.act, world, scene.step(world)), call)
    if outcome.how != "killed":
        return [f"not killed: {outcome}"]
    return is_whole(world, scene) + converges(world, scene)


def _kill_twice(world: World, scene: Scene, first: Call, numbers: random.Random) -> list[str]:
    """Kill a run and then the next one, at any of the calls that it makes."""
    for _look in ("trace", "kill"):
        world.reset(scene)
        outcome = kill_at(partial(scene.act, world, scene.step(world)), first)
        if outcome.how != "killed":
            return [f"not killed: {outcome}"]
        if _look == "trace":
            calls = _trace(world, scene, again=True)
    if not calls:
        return is_whole(world, scene) + converges(world, scene)
    second = numbers.choice(calls)
    outcome = kill_at(partial(scene.act, world, scene.step(world)), second, again=True)
    if outcome.how != "killed":
        return [f"not killed again: {outcome}, {second.text}"]
    return is_whole(world, scene) + converges(world, scene)
