# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Repair: every fault is put right, from the host or the depot; nothing else is touched."""

from __future__ import annotations

import functools
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FILE
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._store import repair as _repair
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import faults_of
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import repair, require_repaired
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.verify import verify
from ansible_collections.airgap.conda.tests.unit.tiny_damage import (
    FAULTS,
    PACKED,
    as_folder,
    as_pipe,
    bring,
    damage,
    drop,
    flip,
    identities,
    prefix_of,
    relink,
)
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    TREE,
    Made,
    again,
    keep,
    make_release,
    release_id,
    snapshot,
    without_locks,
)

FORMATS = ("tar.zst", "tar.gz")


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture(autouse=True)
def _no_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_repair, "flush_file_system", lambda _folder: None)


Kept = Callable[..., "tuple[Store, Made]"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Return what gives a store with releases of these numbers, and the last of them, as they were when they came."""
    made: dict[tuple[Any, ...], tuple[Store, Made]] = {}

    def give(*serials: int, **options: Any) -> tuple[Store, Made]:
        key = (serials, *options.items())
        if key in made:
            again(made[key][0].root.parent)
        else:
            store = Store(tmp_path_factory.mktemp("kept") / "opt")
            made[key] = store, [bring(store, serial, **options) for serial in serials][-1]
            keep(store.root.parent)
        return made[key]

    return give


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("path", [".", "lib", "lib/data.txt", "bin/sh-link"])
def test_another_owner_is_a_fault(store: Store, path: str) -> None:
    made = bring(store)
    os.chown(prefix_of(made) / path, 1234, -1, follow_symlinks=False)
    (fault,) = faults_of(store, "demo", made.manifest.id)
    assert (fault.path, fault.found) == (path, "owner 1234")
    repair(store, "demo", FORMATS)
    assert faults_of(store, "demo", made.manifest.id) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("path", ["lib/data.txt", "lib/libz.so", "share"])
def test_what_root_repairs_belongs_to_whom_the_release_belongs(store: Store, path: str) -> None:
    bring(store, 1)
    made = bring(store, 2)
    subprocess.run(["chown", "-hR", "1234", store.root], check=True)
    drop(prefix_of(made) / path)
    assert repair(store, "demo", FORMATS).left == []
    assert (prefix_of(made) / path).lstat().st_uid == 1234


@pytest.mark.parametrize(("change", "path"), FAULTS)
def test_a_fault_is_repaired_from_another_release(kept: Kept, change: Callable[[Path], object], path: str) -> None:
    store, made = kept(1, 2)
    before, untouched = snapshot(prefix_of(made)), identities(prefix_of(made))
    other = identities(store.release("demo", release_id(1)))
    damage(made, change, path)
    assert faults_of(store, "demo", made.manifest.id)
    damaged = snapshot(store.root)
    preview = repair(store, "demo", FORMATS, check_mode=True)
    assert snapshot(store.root) == damaged, "check mode wrote"
    done = repair(store, "demo", FORMATS)
    assert done == preview
    assert (done.changed, done.left, done.step) == (True, [], None)
    assert snapshot(prefix_of(made)) == before
    assert verify(store, "demo")["release"] == made.manifest.id
    assert sorted(item.name for item in store.root.iterdir()) == [".state", "demo"]
    # What was right was not touched, the release that helped neither.
    assert other == identities(store.release("demo", release_id(1)))
    now = identities(prefix_of(made))
    top = path.split("/", maxsplit=1)[0]
    assert {p for p in untouched if now[p] != untouched[p]} <= {p for p in untouched if p.split("/")[0] == top}
    assert repair(store, "demo", FORMATS).changed is False


@pytest.mark.parametrize("formats", [("tar.zst",), ("tar.gz",)])
@pytest.mark.parametrize(("change", "path"), FAULTS)
def test_a_fault_is_repaired_from_the_depot(
    kept: Kept, change: Callable[[Path], object], path: str, formats: tuple[str, ...]
) -> None:
    store, made = kept(1, formats=formats)
    before = snapshot(prefix_of(made))
    damage(made, change, path)
    first = repair(store, "demo", FORMATS)
    if first.left:
        assert first.step is not None
        assert first.step.missing == [part.name for part in made.manifest.payloads[0].parts]
        with raised("repair-incomplete"):
            require_repaired(store, first)
        preview = repair(store, "demo", FORMATS, made.wanted, check_mode=True)
        made.send(store)
        assert (preview.changed, preview.left) == (True, [])
        second = repair(store, "demo", FORMATS, made.wanted)
        assert (second.changed, second.left, second.step) == (True, [], None)
        require_repaired(store, second)
    assert snapshot(prefix_of(made)) == before
    assert not (store.root / ".incoming").exists()
    assert not (store.root / ".staging").exists()


def test_what_the_host_has_is_repaired_before_the_depot_is_asked(store: Store) -> None:
    bring(store, 1)
    made = bring(store, 2)
    flip(prefix_of(made) / "lib/data.txt")
    flip(prefix_of(made) / "serial")  # differs from release to release
    done = repair(store, "demo", FORMATS)
    assert (done.left, done.changed) == (["serial"], True)
    assert [fault.path for fault in faults_of(store, "demo", made.manifest.id)] == ["serial"]


def test_another_environment_helps(store: Store) -> None:
    bring(store, 1, env="other")
    made = bring(store, 1)
    flip(prefix_of(made) / "lib/data.txt")
    assert repair(store, "demo", FORMATS).left == []


def test_a_helper_that_is_damaged_itself_does_not_help(store: Store) -> None:
    bring(store, 1)
    made = bring(store, 2)
    for serial in (1, 2):
        flip(store.release("demo", release_id(serial)) / "lib/data.txt")
    done = repair(store, "demo", FORMATS)
    assert (done.left, done.changed) == (["lib/data.txt"], False)
    (store.state("demo") / release_id(1) / MANIFEST).write_text("{}", encoding="ascii")
    assert repair(store, "demo", FORMATS).left == ["lib/data.txt"]
    made.send(store)
    assert repair(store, "demo", FORMATS, made.wanted).left == []


def test_a_part_that_is_damaged_is_asked_for_again(store: Store) -> None:
    made = bring(store)
    flip(prefix_of(made) / "serial")
    part = made.manifest.payloads[0].parts[1].name
    flip(made.send(store) / part)
    done = repair(store, "demo", FORMATS, made.wanted)
    assert done.step is not None
    assert done.step.missing == [part]
    with raised("repair-incomplete", found=f"not sent yet: {part}; left to repair: serial"):
        require_repaired(store, done)
    assert [fault.path for fault in faults_of(store, "demo", made.manifest.id)] == ["serial"]


@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE, FILES])
def test_the_record_itself_is_repaired_from_the_depot(store: Store, name: str) -> None:
    made = bring(store)
    record = store.state("demo") / made.manifest.id / name
    right = record.read_bytes()
    flip(prefix_of(made) / "lib/data.txt")
    drop(record)
    first = repair(store, "demo", FORMATS)
    assert first.step is not None
    assert (first.step.id, first.step.missing, first.changed) == (made.manifest.id, [], False)
    made.send(store)
    done = repair(store, "demo", FORMATS, made.wanted)
    require_repaired(store, done)
    assert record.read_bytes() == right
    assert verify(store, "demo")["release"] == made.manifest.id


def test_a_record_that_was_exchanged_together_with_the_tree_is_seen(store: Store) -> None:
    made = bring(store)
    forged = make_release(store.root.parent / "forge", store.root, 1, tree={**PACKED, "lib/data.txt": "bad"})
    flip(prefix_of(made) / "lib/data.txt")
    (prefix_of(made) / "lib/data.txt").write_text("bad", encoding="ascii")
    for name in (MANIFEST, FILES):
        shutil.copy(forged.folder / name, store.state("demo") / made.manifest.id / name)
    verify(store, "demo")  # the host alone cannot tell
    made.send(store)
    done = repair(store, "demo", FORMATS, made.wanted)
    assert done.record
    assert (prefix_of(made) / "lib/data.txt").read_text(encoding="ascii") == TREE["lib/data.txt"]


def test_nothing_deployed_is_nothing_to_repair(store: Store) -> None:
    with raised("release-missing", problem="demo") as caught:
        repair(store, "demo", FORMATS)
    assert caught.value.found == "none"
    made = bring(store)
    shutil.rmtree(prefix_of(made))
    with raised("release-missing", found="which is not there"):
        repair(store, "demo", FORMATS)


def test_no_room_leaves_the_release_as_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store, 1)
    made = bring(store, 2)
    flip(prefix_of(made) / "lib/data.txt")
    before = without_locks(store.root)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with raised("system-error", problem="demo", found="No space left"):
        repair(store, "demo", FORMATS)
    assert without_locks(store.root) == before


def test_a_source_that_changes_while_it_is_copied_is_not_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store, 1)
    made = bring(store, 2)
    flip(prefix_of(made) / "lib/data.txt")
    before = identities(prefix_of(made))
    monkeypatch.setattr(shutil, "copyfileobj", lambda _source, copy, _size: copy.write(b"other"))
    with raised("changed-meanwhile"):
        repair(store, "demo", FORMATS)
    assert identities(prefix_of(made)) == before
    assert not (store.root / ".staging").exists()


@pytest.mark.parametrize("name", [MANIFEST, FILES])
def test_a_record_that_arrives_damaged_is_not_taken(store: Store, name: str) -> None:
    made = bring(store)
    record = store.state("demo") / made.manifest.id
    drop(record / name)
    before = snapshot(record)
    flip(made.send(store) / name)
    with raised("file-damaged"):
        repair(store, "demo", FORMATS, made.wanted)
    assert snapshot(record) == before


def test_a_repair_that_is_killed_anywhere_is_finished_by_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    bring(store, 1)
    made = bring(store, 2)
    right = snapshot(prefix_of(made))
    killed = 0
    for count in range(1, 40):
        for path in ("lib/data.txt", "bin/tqdm"):
            flip(prefix_of(made) / path)
        drop(prefix_of(made) / "share")
        relink(prefix_of(made) / "lib/libz.so")
        damaged = snapshot(prefix_of(made))
        calls = iter(range(count))

        def kill(*arguments: Any, real: Any, calls: Any = calls, **options: Any) -> Any:
            if next(calls, None) is None:
                raise Killed
            return real(*arguments, **options)

        with monkeypatch.context() as patch:
            for name in ("rename", "fchmod", "mkdir"):
                patch.setattr(os, name, functools.partial(kill, real=getattr(os, name)))
            patch.setattr(shutil, "rmtree", lambda *_args, **_options: None)  # nobody tidies up after kill -9
            try:
                repair(store, "demo", FORMATS)
            except Killed:
                killed += 1
        now = snapshot(prefix_of(made))
        # Each path is as it was or right; a directory is first made, then opened to all.
        odd = {path for path in now if now[path] not in (damaged.get(path), right.get(path))}
        assert odd <= {"share", "share/doc"}
        assert repair(store, "demo", FORMATS).left == []
        assert snapshot(prefix_of(made)) == right
        assert not (store.root / ".staging").exists()
    assert 15 < killed < 39, "kills at every call, and at last none"


def test_every_one_of_many_random_faults_is_found_and_repaired(store: Store) -> None:
    """The bar: 100 % of single-file faults."""
    bring(store, 1)
    made = bring(store, 2)
    before = snapshot(prefix_of(made))
    entries = store.files("demo", made.manifest.id)
    chance = random.Random(7)  # noqa: S311
    for _round in range(200):
        entry = chance.choice([e for e in entries if e.path != "serial"])
        place = prefix_of(made) / entry.path
        change = chance.choice([drop, relink, as_folder, as_pipe] + [flip] * (entry.type == FILE and entry.size > 0))
        change(place)
        found = [fault.path for fault in faults_of(store, "demo", made.manifest.id)]
        assert any(f"{path}/".startswith(f"{entry.path}/") for path in found), (change, entry)
        assert repair(store, "demo", FORMATS).left == []
        assert snapshot(prefix_of(made)) == before
