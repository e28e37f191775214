# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small host on a tmpfs, what is done to it, and what must hold afterwards."""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import HOST_CHAIN
from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import read as read_chain
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._cli import install as _install
from ansible_collections.airgap.conda.plugins.module_utils._cli.main import main as command
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature as _signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE, Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._run.background import Begun
from ansible_collections.airgap.conda.plugins.module_utils._store import follow as _follow
from ansible_collections.airgap.conda.plugins.module_utils._store.ahead import Ahead
from ansible_collections.airgap.conda.plugins.module_utils._store.arrived import Told
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import repair, require_repaired
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, Made, make_release, release_id, snapshot

ENV = "demo"
KEEP = 2
# A release that does not start after the switch, one whose check fails at once, and the others.
LATE, BAD = 8, 9
SERIALS = (1, 2, 3, 4, LATE, BAD)
# Of the releases, the one that has a delta from the first.
UPDATE = 2
SCRIPT = 'if [ "$(readlink "$CONDA_PREFIX/../current")" = "${CONDA_PREFIX##*/}" ]; then echo too late; exit 1; fi'
# The file that is unpacked last needs several pages: a disk that is nearly full takes some of them only.
PAGES = {**TREE, "share/zeros": "0" * 20_000}
# The lock names its last holder, the log says when: these two may differ from run to run.
VOLATILE = (f".state/.locks/{ENV}", f".state/.locks/.incoming-{ENV}", f".state/{ENV}/log")
# What is written down of a step: a run that is killed writes less of it, and the next one has nothing to write down.
PAPERS = (".state/.receipts", ".state/.audit.jsonl", ".state/.locks/.receipts", ".state/.locks/.audit")

State = dict[str, tuple[int, str]]
Case = TypeVar("Case")


@dataclass(frozen=True)
class Share:
    """What one of ``workers`` does of all there is: every ``workers``-th case from ``number`` on."""

    number: int = 0
    workers: int = 1
    long: bool = False

    def of(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Return this worker's cases."""
        return cases[self.number :: self.workers]


@dataclass(frozen=True)
class Scene:
    """One thing done to a host that had ``installed`` releases, with ``current`` (0: the last) as the current one.

    ``sends`` is the release that a play would bring, ``act`` what one task of it then does on the host with the step
    that preflight found. ``may`` are the serials that may be current afterwards (0: none). ``damaged`` are paths of the
    current release that are not as they were signed when it begins. The short form tries every ``sample``-th call.
    """

    name: str
    installed: tuple[int, ...]
    act: Callable[[World, Step | None], None]
    may: tuple[int, ...]
    sends: int = 0
    current: int = 0
    refused: bool = False
    damaged: tuple[str, ...] = ()
    sample: int = 1

    def step(self, world: World) -> Step | None:
        """Look at the host as a play does, send what it lacks, and return the step that is to be done."""
        if self.sends and self.damaged:
            return send_again(world, self.sends)
        step = send(world, self.sends) if self.sends else None
        if step and step.action == "install" and self.act is _take_over:
            _unpacked(world, step)
        return step


@dataclass
class World:
    """A place for one worker: a store, its depot, and a copy of how each scene begins and ends."""

    base: Path
    made: dict[int, Made] = field(default_factory=dict)
    ends: dict[str, State] = field(default_factory=dict)
    begins: dict[str, State] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return Store(self.base / "opt")

    @property
    def tmp(self) -> Path:
        return self.base / "tmp"

    def build(self) -> None:
        """Make the releases, and each scene's beginning and end."""
        self.tmp.mkdir(parents=True)
        tempfile.tempdir = str(self.tmp)
        for serial in SERIALS:
            checks = Checks(commands=("echo this check fails; false",) if serial == BAD else (), timeout=20)
            tree = {**PAGES, "etc/conda/activate.d/late.sh": SCRIPT} if serial == LATE else PAGES
            depot = self.base / "depot"
            # The update to the second release is a delta: the first one is changed nowhere, and has all large files.
            base = self.made[1] if serial == UPDATE else None
            self.made[serial] = make_release(
                depot, self.store.root, serial, tree=tree, checks=checks, part_size=400, base=base
            )
        for scene in SCENES:
            self._empty(self.store.root)
            self.store.root.mkdir()
            for serial in scene.installed:
                deploy_release(self, send(self, serial), keep=9)
            if scene.current:
                rollback(self.store, ENV, release_id(scene.current), False)
            damage(self.store, scene.damaged)
            shutil.copytree(self.store.root, self._template(scene), symlinks=True)
            self.begins[scene.name] = self.state()
            run(self, scene)
            self.ends[scene.name] = self.state()

    def reset(self, scene: Scene) -> None:
        """Put the host back to how ``scene`` begins, with the parts it needs already sent."""
        self._empty(self.store.root)
        self._empty(self.tmp)
        self.tmp.mkdir()
        shutil.copytree(self._template(scene), self.store.root, symlinks=True)

    def state(self) -> State:
        """Return all that lies below the root, but for what may differ from run to run."""
        found = snapshot(self.store.root)
        return {
            name: (mode, "" if name in VOLATILE else content)
            for name, (mode, content) in found.items()
            if name not in PAPERS and PAPERS[0] not in map(str, Path(name).parents)
        }

    def _template(self, scene: Scene) -> Path:
        return self.base / "begin" / scene.name

    @staticmethod
    def _empty(folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)


def send(world: World, serial: int) -> Step:
    """Look at the host as a play does and send what it lacks; returns the step that is to be done."""
    made, store = world.made[serial], world.store
    step = inspect(store, [made.wanted], KEEP, False, ["tar.zst"])[0]
    if step.action == "install":
        incoming = store.incoming(ENV, made.manifest.id)
        incoming.mkdir(parents=True, exist_ok=True)
        for name in (*step.missing, MANIFEST, SIGNATURE, FILES):
            shutil.copyfile(made.folder / name, incoming / name)
    return step


def send_again(world: World, serial: int) -> Step:
    """Send all of a release that is on the host already; returns the step that a repair asks for."""
    made = world.made[serial]
    shutil.copytree(made.folder, world.store.incoming(ENV, made.manifest.id), dirs_exist_ok=True)
    return made.step()


def damage(store: Store, paths: Sequence[str]) -> None:
    """Damage these paths of the current release: other content, another link, gone, or there without a reason."""
    prefix = store.release(ENV, store.current(ENV))
    for path in (prefix / path for path in paths):
        if path.is_symlink():
            path.unlink()
            path.symlink_to("elsewhere")
        elif path.name == "empty":
            path.unlink()
        else:
            path.write_text("x" * 3600, encoding="ascii")


def deploy_release(world: World, step: Step | None, keep: int = KEEP) -> None:
    """Do the step that preflight found for a release."""
    assert step is not None
    deploy(world.store, step, _made(world, step).sha256, keep)


def _made(world: World, step: Step) -> Made:
    return next(made for made in world.made.values() if made.manifest.id == step.id)


def _rollback(world: World, _step: Step | None) -> None:
    rollback(world.store, ENV, release_id(1), False)


def _rollback_command(world: World, _step: Step | None) -> None:
    """Go back as a person at the host does."""
    by_command(world.store, "rollback", ENV, release_id(1))


def by_command(store: Store, *words: str) -> None:
    """Run the host's command; its complaint is raised as the error that it was."""
    # Two runs make the same calls: the names of receipts have the time in them.
    said = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said), patch("time.time", lambda: 1.8e9):
        status = command(store.root, words)
    if status:
        problem, *parts = said.getvalue().splitlines()[-5:]  # warnings come before it
        raise AirgapError(problem, code="command-failed", **dict(part.strip().split(":", 1) for part in parts))


def install_command(store: Store, depot: Path, serial: int, keep: int = KEEP) -> None:
    """Install a release from a source as a person at the host does; who signed it is another test's subject."""
    words = ["--env", ENV, "--release", release_id(serial), "--keep", str(keep), "--yes"]
    signers = depot.with_name("allowed_signers")
    if not signers.exists():
        signers.write_text("tests", encoding="ascii")
        signers.chmod(0o644)
    with (
        patch.object(_signature, "check", lambda *_args, **_options: "tests"),
        patch.object(_install, "signers_file", lambda: signers),
    ):
        by_command(store, "install", str(depot), *words)


def install_from_a_drive(world: World, _step: Step | None, serial: int = 2) -> None:
    """Install a release by the command, from the world's depot."""
    install_command(world.store, world.base / "depot", serial)


def _repair(world: World, step: Step | None) -> None:
    """Repair with what is on the host, or with what was sent."""
    done = repair(world.store, ENV, ["tar.zst"], _made(world, step).wanted if step else None)
    require_repaired(world.store, done)


def _uninstall(world: World, _step: Step | None) -> None:
    uninstall(world.store, ENV, release_id(1))


def _uninstall_all(world: World, _step: Step | None) -> None:
    uninstall(world.store, ENV)


def _told(world: World, step: Step | None) -> dict[str, Any]:
    """Return what a controller tells a host of a release that it sends."""
    assert step is not None
    made = _made(world, step)
    record = {name: (made.folder / name).stat().st_size for name in (MANIFEST, SIGNATURE, FILES)}
    told = Told(ENV, step.id, made.sha256, step.format)
    return {**vars(told), "record": record}


def _unpack(world: World, step: Step | None) -> None:
    """Unpack what arrives, as the process does that goes on while parts are sent; nobody comes for it."""

    def start(self: Ahead, live: Callable[[Begun], None], _seconds: int) -> dict[str, Any]:
        with locked(self.area, self.name, self.what):
            live(Begun(-1))
        return {}

    with patch.object(Ahead, "start", start), patch.object(_follow, "SILENCE", 0):
        _follow.follow(world.store.root, _told(world, step))


def _take_over(world: World, step: Step | None) -> None:
    """Install what a process unpacked while it was sent."""
    deploy_release(world, step)


def _unpacked(world: World, step: Step) -> None:
    """Have a process unpack what was sent, and wait until all of it is there."""
    told = _told(world, step)
    ahead, until = Ahead(world.store.root, ENV), time.monotonic() + 60
    place = ahead.whole(Told(**{name: value for name, value in told.items() if name != "record"}))
    if not _follow.follow(world.store.root, told):
        raise AssertionError("nothing unpacks what is sent")
    while not place.is_dir():
        if time.monotonic() > until:
            raise AssertionError("what was sent is not unpacked")
        time.sleep(0.005)


SCENES = (
    Scene("install", (), deploy_release, (0, 1), sends=1),
    Scene("unpack what is sent", (), _unpack, (0,), sends=1, sample=2),
    Scene("install what is unpacked", (), _take_over, (0, 1), sends=1, sample=2),
    Scene("update", (1,), deploy_release, (1, 2), sends=2),
    Scene("switch", (2, 3), deploy_release, (2, 3), sends=3, current=2),
    Scene("prune", (1, 2, 3, 4), deploy_release, (4,), sends=4),
    Scene("rollback", (1, 2), _rollback, (1, 2)),
    Scene("rollback by the command", (1, 2), _rollback_command, (1, 2)),
    Scene("install from a drive", (1,), install_from_a_drive, (1, 2), sample=5),
    Scene("repair", (1, 2), _repair, (2,), damaged=("lib/data.txt", "lib/empty", "bin/sh-link", "extra")),
    Scene("repair from the depot", (1,), _repair, (1,), sends=1, damaged=("lib/data.txt", "serial", "lib/empty")),
    Scene("uninstall a release", (1, 2), _uninstall, (2,)),
    Scene("uninstall", (1, 2), _uninstall_all, (0, 2)),
    Scene("failing check", (1, 2), deploy_release, (2,), sends=BAD, refused=True),
    Scene("failing after the switch", (1, 2), deploy_release, (2, LATE), sends=LATE, refused=True),
)


def named(name: str) -> Scene:
    """Return the scene of that name."""
    return next(scene for scene in SCENES if scene.name == name)


def run(world: World, scene: Scene) -> None:
    """Run a scene; a refusal that belongs to it is not an error."""
    try:
        scene.act(world, scene.step(world))
    except AirgapError:
        if not scene.refused:
            raise
    else:
        if scene.refused:
            raise AssertionError(f"{scene.name}: this should have been refused")


def is_whole(world: World, scene: Scene) -> list[str]:
    """Say what is wrong with a host that was interrupted: current must be whole, and one that may be; the lock free."""
    store, faults = world.store, []
    current = store.current(ENV)
    if current not in [release_id(serial) if serial else "" for serial in scene.may]:
        faults.append(f"current is {current or 'missing'}")
    if current:
        different = [d for d in store.differences(ENV, current) if d.path not in scene.damaged]
        faults += [f"{current}/{d.path}: {d.found}" for d in different]
        if not (store.root / ENV / "activate").is_file():
            faults.append("no activate")
    try:
        if (store.root / ".state").is_dir():
            with store.lock(ENV):
                pass
    except AirgapError as error:
        faults.append(f"lock: {error.found}")
    return [*faults, *read_chain(store.root / ".state" / HOST_CHAIN).broken]


def converges(world: World, scene: Scene) -> list[str]:
    """Run the scene once more and say in what its end differs from that of a run that nothing disturbed."""
    try:
        run(world, scene)
    except Exception as error:  # noqa: BLE001 - each is a fault of the product
        return [f"the next run failed: {error!r}"]
    return differ(world.state(), world.ends[scene.name])


def differ(found: State, wanted: State) -> list[str]:
    """Say in which paths two states differ."""
    missing = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    extra = [f"{name} is left" for name in sorted(found.keys() - wanted.keys())]
    other = [f"{name} is another" for name in sorted(found.keys() & wanted.keys()) if found[name] != wanted[name]]
    return [*missing, *extra, *other]


def make_world(name: str, folder: Path) -> World:
    """Build a world in a new folder below another one."""
    (folder / name).mkdir(mode=0o700)
    world = World(folder / name / "world")
    world.build()
    return world
