# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images on a host that is interrupted: whatever is cut off or refused, one more run ends as if nothing had happened.

Real mounts, by what stands for systemd; killed is the step itself, between and within what it does with them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from inject import Outcome, fail_at, kill_at, trace
from scenes import ENV, VOLATILE, Share, State, World, differ
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import repair, require_repaired
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.tests.unit.tiny_image import Systemd, systemd, unmount, why_not
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release, release_id, snapshot

PROMISE = "images, killed or refused at any call: current is whole and mounted, one more run converges, nothing is left"
KEEP = 2
# The release that has a delta from the one before.
DELTA = 3
# Of the calls of each scene the short form kills at every so many, and lets as many fail.
SAMPLE, ERRORS = 11, ("ENOSPC", "EIO")
# One task of a play on the host.
Act = Callable[[], object]


@dataclass
class Host:
    """A host with images, how each scene begins, and how it ends when nothing disturbs it."""

    base: Path
    systemd: Systemd
    made: dict[int, Made] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """Its store."""
        return Store(self.base / "opt")

    def make(self, *serials: int) -> None:
        """Make releases."""
        for serial in serials:
            self.made[serial] = make_release(
                self.base / "depot",
                self.store.root,
                serial,
                formats=("squashfs",),
                part_size=2000,
                checks=Checks(),
                # The third one is made out of the second.
                base=self.made.get(serial - 1) if serial == DELTA else None,
            )

    def keep(self, name: str) -> None:
        """Keep its present state, without its mounts, as that in which a scene begins."""
        unmount(self.store.root)
        shutil.copytree(self.base / "opt", self.base / name / "opt", symlinks=True)
        shutil.copytree(self.systemd.units, self.base / name / "units", symlinks=True)

    def again(self, name: str) -> None:
        """Put it back to that, as after a restart."""
        unmount(self.store.root)
        for folder in (self.base / "opt", self.systemd.units):
            shutil.rmtree(folder)
            shutil.copytree(self.base / name / folder.name, folder, symlinks=True)
        self.systemd.restart(self.store.root)

    def state(self) -> State:
        """Return all that is in the store, what is mounted included, and the units."""
        # An empty folder of systemd that could not be removed is left alone.
        found = snapshot(self.systemd.units)
        units = {f"units/{name}": what for name, what in found.items() if not name.endswith(".wants")}
        return {
            name: (mode, "" if name in VOLATILE else content)
            for name, (mode, content) in {**snapshot(self.store.root), **units}.items()
        }

    def is_whole(self) -> list[str]:
        """Say what is wrong with what is current, and with what counts as installed."""
        current = self.store.current(ENV)
        faults = [f"{current} is current and not here"] if current and current not in self.store.releases(ENV) else []
        for release in self.store.releases(ENV):
            faults += [f"{release}: {one.found}" for one in self.store.differences(ENV, release)]
        return faults


def bring(host: Host, serial: int, keep: int = KEEP) -> Act:
    """Look at a host as a play does, and send what it lacks; returns what deploys the release."""
    made = host.made[serial]
    step = inspect(host.store, [made.wanted], keep, False, ["squashfs"])[0]
    if step.action == "install":
        shutil.copytree(made.folder, host.store.incoming(ENV, step.id), dirs_exist_ok=True)
    return lambda: deploy(host.store, step, made.sha256, keep)


def _uninstall(host: Host) -> Act:
    return lambda: uninstall(host.store, ENV)


def _uninstall_one(host: Host) -> Act:
    return lambda: uninstall(host.store, ENV, release_id(1))


def _repair(host: Host) -> Act:
    made = host.made[2]
    shutil.copytree(made.folder, host.store.incoming(ENV, made.manifest.id), dirs_exist_ok=True)
    return lambda: require_repaired(host.store, repair(host.store, ENV, [], made.wanted))


@dataclass(frozen=True)
class Scene:
    """What is done to a host that has the images ``installed``; ``damages``: the current one is damaged before.

    ``prepare`` does what is done from outside, and returns what is done on the host.
    """

    name: str
    installed: tuple[int, ...]
    prepare: Callable[[Host], Act]
    damages: bool = False


SCENES = (
    Scene("install", (), partial(bring, serial=1)),
    Scene("update and prune", (1, 2), partial(bring, serial=3)),
    Scene("uninstall a release", (1, 2), _uninstall_one),
    Scene("uninstall", (1, 2), _uninstall),
    Scene("repair", (1, 2), _repair, damages=True),
)


def run(world: World, share: Share) -> Tally:
    """Kill each scene at its calls, and let them fail."""
    tally = Tally("images", PROMISE)
    if why_not():
        tally.case("mount", f"no image can be mounted here: {why_not()}")
        return tally
    base = world.base / "images"
    with systemd(base / "systemd") as made:
        host = Host(base, made)
        try:
            host.make(1, 2, 3)
            for scene in SCENES:
                _scene(host, scene, share, tally)
        finally:
            unmount(host.store.root)
    return tally


def _scene(host: Host, scene: Scene, share: Share, tally: Tally) -> None:
    unmount(host.store.root)
    for folder in (host.store.root, host.systemd.units):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for serial in scene.installed:
        bring(host, serial, keep=9)()
    if scene.damages:
        image = host.store.image(ENV, host.store.current(ENV))
        image.write_bytes(image.read_bytes()[:-1] + b"x")
    host.keep(scene.name)
    host.again(scene.name)
    outcome, calls = trace(scene.prepare(host))
    if outcome.how != "done":
        raise RuntimeError(f"{scene.name}: {outcome}")
    end = host.state()
    for number, call in enumerate(calls if share.long else calls[::SAMPLE]):
        tally.case(f"{scene.name}, {call.text}", _after(host, scene, end, partial(kill_at, call=call), "killed"))
        tally.counts["kills"] += 1
        if share.long or number % 3 == 0:
            error = ERRORS[number // 3 % len(ERRORS)]
            fail = partial(fail_at, call=call, error=error)
            tally.case(f"{scene.name}, {error}, {call.text}", _after(host, scene, end, fail, "done", "refused"))
            tally.counts["errors"] += 1


def _after(host: Host, scene: Scene, end: State, inject: Callable[[Act], Outcome], *hows: str) -> list[str]:
    """Interrupt a scene, and do it once more."""
    host.again(scene.name)
    outcome = inject(scene.prepare(host))
    faults = [] if outcome.how in hows else [str(outcome)]
    if not scene.damages:
        faults += host.is_whole()
    try:
        scene.prepare(host)()
    except AirgapError as error:
        return [*faults, f"the next run failed: {error}"]
    return [*faults, *host.is_whole(), *differ(host.state(), end)]
