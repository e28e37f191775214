# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a disk refuses: an error at every call that changes something, once and for ever; and a disk that is full."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from functools import partial

from inject import LASTS, REMOVES, Outcome, fail_at, fail_from, watched
from kill import calls_of
from scenes import SCENES, Scene, Share, World, converges, is_whole
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._store.ahead import AREA

PROMISE = "ENOSPC, EIO, EROFS at every mutating call, once and permanently: no broken host, one message, space freed"
ERRORS = ("ENOSPC", "EIO", "EROFS")
# The short form lets each call fail with one of these in turn, every fourth one for ever, and tries every tenth size of
# a disk; the long form lets each call fail with each of them.
EVER, SIZES = 4, 10
PARTS = re.compile(r".+\. Wanted: .+\. Found: .+\. Where: .+\. Remedy: .+\.", re.DOTALL)
PAGE = os.sysconf("SC_PAGE_SIZE")


def run(world: World, share: Share) -> Tally:
    """Let every call of every scene fail; then give the store a file system that is too small, page by page."""
    tally = Tally("errors", PROMISE)
    for scene in SCENES:
        calls = calls_of(world, scene)
        for number, call in share.of(list(enumerate(calls))[:: 1 if share.long else scene.sample]):
            for error in ERRORS if share.long else ERRORS[number % 3 :][:1]:
                if error == "ENOSPC" and call.name in REMOVES:
                    continue  # a full disk does not keep anybody from removing
                once = partial(fail_at, call=call, error=error)
                # What removes, or waits for the disk before it removes, may leave that to the next run.
                back = call.name not in (*REMOVES, *LASTS)
                tally.case(f"{scene.name}, {error} once, {call.text}", _fail(world, scene, once, back))
                tally.counts[error] += 1
                if number % EVER and not share.long:
                    continue
                ever = partial(fail_from, calls=calls, call=call, error=error)
                tally.case(f"{scene.name}, {error} for ever, {call.text}", _fail(world, scene, ever, error == "ENOSPC"))
                tally.counts[f"{error} for ever"] += 1
    if os.geteuid() == 0:
        _small_disks(tally, world, share)
    else:
        tally.notes.append("no file system that is really full: mounting one needs root")
    return tally


def _fail(world: World, scene: Scene, inject: Callable[[Callable[[], None]], Outcome], gives_back: bool) -> list[str]:
    world.reset(scene)
    outcome = inject(partial(scene.act, world, scene.step(world)))
    return judge(world, scene, outcome, gives_back) + converges(world, scene)


def judge(world: World, scene: Scene, outcome: Outcome, gives_back: bool) -> list[str]:
    """Say what is wrong after a run that met an error: with the host, with its message, with what it left."""
    faults = is_whole(world, scene)
    if outcome.how not in ("done", "refused"):
        faults.append(f"{outcome.how}: {outcome.text[-600:]}")
    elif outcome.how == "refused" and not PARTS.fullmatch(outcome.text):
        faults.append(f"a message without its four parts: {outcome.text}")
    if gives_back and outcome.how == "refused":
        root = world.store.root
        patterns = [".staging/*/*", "*/.*-new", ".state/*/.*-new"]
        # Without the lock nothing is touched, and a repair keeps what was sent: the parts are there for the next run.
        # What is unpacked of them goes with the process that did it.
        is_locked = outcome.text.startswith("Locking")
        patterns += [] if scene.damaged or is_locked else [".incoming/*/*"]
        left = [path for pattern in patterns for path in root.glob(pattern) if not is_locked or AREA not in str(path)]
        faults += [f"space is not given back: {path.relative_to(root)}" for path in left]
    return faults


def _small_disks(tally: Tally, world: World, share: Share) -> None:
    for scene in SCENES:
        if not scene.sends:
            continue
        for option, unit in (("size", PAGE), ("nr_inodes", 1)):
            for room in share.of(range(0, 200, 1 if share.long else SIZES)):
                if not _small_disk(tally, world, scene, option, unit * room):
                    break


def _small_disk(tally: Tally, world: World, scene: Scene, option: str, room: int) -> bool:
    """Run a scene with ``room`` bytes or inodes left on its file system; returns whether that was too little."""
    root = world.store.root
    world.reset(scene)
    held = world.base / "held"
    step = scene.step(world)  # while there is room: preflight would refuse what is tried here
    os.rename(root, held)
    root.mkdir()
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root))
    try:
        subprocess.run(["cp", "-a", f"{held}/.", str(root)], check=True)
        status = os.statvfs(root)
        used = {
            "size": (status.f_blocks - status.f_bfree) * status.f_frsize,
            "nr_inodes": status.f_files - status.f_ffree,
        }[option]
        _mount("-o", f"remount,{option}={used + room}", str(root))
        outcome = watched(partial(scene.act, world, step))
        _mount("-o", "remount,size=1g,nr_inodes=9999", str(root))
        faults = judge(world, scene, outcome, gives_back=True)
        tally.case(f"{scene.name}, a disk with {option} {room} left", faults + converges(world, scene))
        tally.counts["full disk"] += 1
        return outcome.how == "refused"
    finally:
        subprocess.run(["umount", str(root)], check=True)
        root.rmdir()
        subprocess.run(["rm", "-rf", str(held)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)
