# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bits that flip and files that end early: refused wherever they happen; and an installed tree that is changed."""

from __future__ import annotations

import base64
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from scenes import ENV, Share, State, World, deploy_release, differ, install_command, is_whole, named, send
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import DIRECTORY, FILE, SYMLINK, FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, release_id

PROMISE = (
    "random flips and cuts of parts, manifest, signature, list: all refused, tree unchanged; fsck finds every fault"
)
FLIPS, FLIPS_LONG = 1_000, 10_000
# ssh-keygen takes some milliseconds each time.
SIGNED, SIGNED_LONG = 200, 2_000
# On a drive from which a host installs by itself; the manifest and its signature are those of the controller's.
DRIVE, DRIVE_LONG = 60, 1_000
UPDATE = named("update")
# A host takes none of them; of the payloads it takes the delta, which is smaller.
DOCUMENTS = ("conda.lock", "environment.yml", "pip.lock", "env.tar.zst")


def run(world: World, share: Share) -> Tally:
    """Damage what a host receives, what a controller verifies, and what is installed."""
    tally = Tally("flips", PROMISE)
    numbers = random.Random(share.number)  # noqa: S311 - the same faults every time
    _on_the_host(tally, world, share.of(range(FLIPS_LONG if share.long else FLIPS)), numbers)
    _on_the_controller(tally, world, share.of(range(SIGNED_LONG if share.long else SIGNED)), numbers)
    _on_a_drive(tally, world, share.of(range(DRIVE_LONG if share.long else DRIVE)), numbers)
    _in_the_tree(tally, world, numbers, share)
    return tally


def damage(path: Path, numbers: random.Random) -> str:
    """Flip a bit of a file, or cut its end off; returns what was done."""
    data = bytearray(path.read_bytes())
    at = numbers.randrange(len(data))
    if numbers.randrange(5) == 0:
        path.write_bytes(data[:at])
        return f"{path.name} cut at {at}"
    bit = numbers.randrange(8)
    data[at] ^= 1 << bit
    path.write_bytes(data)
    return f"{path.name}, byte {at}, bit {bit}"


def _on_the_host(tally: Tally, world: World, rounds: Sequence[int], numbers: random.Random) -> None:
    """A file changes between the controller's look and the host's: the host refuses it by its hash."""
    store, before = world.store, world.begins[UPDATE.name]
    for _round in rounds:
        world.reset(UPDATE)
        step = send(world, 2)
        files = sorted(p for p in store.incoming(ENV, release_id(2)).iterdir() if p.name != SIGNATURE)
        what = damage(numbers.choice(files), numbers)
        try:
            deploy_release(world, step)
            faults = ["taken"]
        except AirgapError:
            faults = is_whole(world, UPDATE) + differ(world.state(), before)
        tally.case(f"host, {what}", faults)
        tally.counts["flips and cuts on the host"] += 1


def _on_a_drive(tally: Tally, world: World, rounds: Sequence[int], numbers: random.Random) -> None:
    """A file changes on a drive: the host that installs from it names it, and keeps what it has."""
    good, drive = world.made[2].folder, world.base / "drive/depot"
    names = [path for path in sorted(good.iterdir()) if path.name not in (MANIFEST, SIGNATURE, *DOCUMENTS)]
    for _round in rounds:
        world.reset(UPDATE)
        shutil.rmtree(drive.parent, ignore_errors=True)
        shutil.copytree(good, drive / ENV / good.name)
        path = drive / ENV / good.name / numbers.choice(names).name
        what, faults = damage(path, numbers), ["taken"]
        try:
            install_command(world.store, drive, 2)
        except AirgapError as error:
            # Parts that are whole stay for the next run.
            shutil.rmtree(world.store.root / ".incoming", ignore_errors=True)
            named_it = [] if error.where.strip() == str(path) else [f"another file is named: {error.where}"]
            faults = named_it + is_whole(world, UPDATE) + differ(_locked(world), world.begins[UPDATE.name])
        tally.case(f"drive, {what}", faults)
        tally.counts["flips and cuts on a drive"] += 1


def _locked(world: World) -> State:
    """Return the state but for the lock that only a host makes that installs by itself."""
    return {name: found for name, found in world.state().items() if not name.endswith(f".incoming-{ENV}")}


def _on_the_controller(tally: Tally, world: World, rounds: Sequence[int], numbers: random.Random) -> None:
    """A depot changes: no file of it, the signature among them, may change without being noticed."""
    place = world.base / "signed"
    place.mkdir(exist_ok=True)
    key, signers = make_key(place)
    good = world.base / "depot" / ENV / release_id(1)
    for _round in rounds:
        folder = place / "depot" / ENV / release_id(1)
        shutil.rmtree(place / "depot", ignore_errors=True)
        shutil.copytree(good, folder)
        (folder / SIGNATURE).unlink()
        if not (place / SIGNATURE).exists():
            signature.sign(folder / MANIFEST, key)
            shutil.copyfile(folder / SIGNATURE, place / SIGNATURE)
        shutil.copyfile(place / SIGNATURE, folder / SIGNATURE)
        what = damage(numbers.choice(sorted(folder.iterdir())), numbers)
        tally.case(f"controller, {what}", _verdict(place / "depot", signers, folder, place))
        tally.counts["flips and cuts on the controller"] += 1


def _verdict(depot: Path, signers: Path, folder: Path, place: Path) -> str:
    try:
        Depot(depot).verify(ENV, release_id(1), signers)
    except AirgapError:
        return ""
    # What differs and is still the same signature: its lines end another way, or bits that base64 does not use.
    same = _armour(folder / SIGNATURE) == _armour(place / SIGNATURE)
    return "" if same else "taken"


def _armour(path: Path) -> bytes:
    """Return the signature itself, which is in base64 between two lines; empty without one."""
    _before, _begin, rest = path.read_bytes().partition(b"BEGIN SSH SIGNATURE-----")
    try:
        return base64.b64decode(rest.partition(b"-----END")[0])
    except ValueError:
        return b""


def _in_the_tree(tally: Tally, world: World, numbers: random.Random, share: Share) -> None:
    """Change one path of an installed release: fsck names it."""
    world.reset(UPDATE)
    store, release = world.store, release_id(1)
    entries = store.files(ENV, release)
    faults = [(entry, name, change) for entry in entries for name, change in changes(entry)]
    prefix, copy = store.release(ENV, release), world.base / "copy"
    for entry, name, change in share.of(faults * (50 if share.long else 1)):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(prefix, copy, symlinks=True)
        wanted = change(prefix / entry.path, numbers)
        found = {difference.path for difference in store.differences(ENV, release)}
        tally.case(f"fsck, {entry.path}: {name}", "" if os.path.relpath(wanted, prefix) in found else f"found {found}")
        tally.counts["faults in a tree"] += 1
        shutil.rmtree(prefix)
        shutil.copytree(copy, prefix, symlinks=True)


Change = Callable[[Path, random.Random], Path]


def changes(entry: FileEntry) -> Iterator[tuple[str, Change]]:
    """Yield every way in which one path can go wrong; each returns the path that fsck has to name."""
    yield "missing", _remove
    yield "another type", _other_type
    if entry.type == FILE:
        if entry.size:
            yield "bit", _flip
            yield "cut", lambda path, _numbers: _write(path, path.read_bytes()[:-1])
        yield "longer", lambda path, _numbers: _write(path, path.read_bytes() + b"x")
    if entry.type == SYMLINK:
        yield "link", lambda path, _numbers: _relink(path, "elsewhere")
    else:
        for mode in (0o4755, 0o777, 0o600):
            yield f"mode {mode:o}", partial(_chmod, mode)
    if entry.type == DIRECTORY:
        yield "extra file", lambda path, _numbers: _write(path / "extra", b"x")
        yield "extra byte code", lambda path, _numbers: _write(path / "extra.pyc", b"x")
        yield "extra link", lambda path, _numbers: _relink(path / "extra", "/etc/passwd")
        yield "extra directory", lambda path, _numbers: _mkdir(path / "extra")
        yield "extra pipe", lambda path, _numbers: _pipe(path / "extra")


def _flip(path: Path, numbers: random.Random) -> Path:
    damaged = bytearray(path.read_bytes())
    damaged[numbers.randrange(len(damaged))] ^= 1 << numbers.randrange(8)
    return _write(path, bytes(damaged))


def _remove(path: Path, _numbers: random.Random) -> Path:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return path


def _other_type(path: Path, numbers: random.Random) -> Path:
    was_folder = path.is_dir() and not path.is_symlink()
    _remove(path, numbers)
    return _write(path, b"x") if was_folder else _mkdir(path)


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _relink(path: Path, target: str) -> Path:
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    return path


def _chmod(mode: int, path: Path, _numbers: random.Random) -> Path:
    path.chmod(mode)
    return path


def _mkdir(path: Path) -> Path:
    path.mkdir()
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path
