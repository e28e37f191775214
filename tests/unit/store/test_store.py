# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The releases of a host: installed beside each other, switched by one rename, never half there."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry, write_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._store import store as _store
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    Made,
    release_id,
    snapshot,
    without_locks,
)
from ansible_collections.airgap.conda.tests.unit.tiny_store import install, make

pytestmark = pytest.mark.usefixtures("quick_disk")


def state_only(store: Store) -> bool:
    """Whether nothing but the lock lies below the root."""
    return set(without_locks(store.root)) <= {".state", ".state/demo"}


def test_a_file_in_the_place_of_a_release_is_none(store: Store) -> None:
    install(store, make(store))
    name = make(store, 2).manifest.id
    state = store.state("demo") / name
    state.mkdir()
    (state / MANIFEST).touch()
    (store.root / "demo" / name).touch()
    assert name not in store.releases("demo")


@pytest.mark.parametrize("format_name", ["tar.zst", "tar.gz"])
def test_releases_coexist_and_current_is_a_relative_link(store: Store, format_name: str) -> None:
    first, second = make(store, 1, formats=(format_name,)), make(store, 2, formats=(format_name,))
    install(store, first)
    install(store, second, switch=False)
    assert store.releases("demo") == [first.manifest.id, second.manifest.id]
    assert store.current("demo") == first.manifest.id
    assert os.readlink(store.root / "demo/current") == first.manifest.id
    for made in (first, second):
        assert store.differences("demo", made.manifest.id) == []
        assert (store.release("demo", made.manifest.id) / "serial").read_text(encoding="ascii") == str(
            made.manifest.serial
        )
        assert store.manifest("demo", made.manifest.id) == made.manifest
    store.switch("demo", second.manifest.id)
    assert os.readlink(store.root / "demo/current") == second.manifest.id
    assert store.previous("demo") == first.manifest.id
    assert sorted(p.name for p in store.root.iterdir()) == [".state", "demo"]  # no parts, no staging


def test_everything_is_readable_for_all_whatever_the_umask(store: Store) -> None:
    before = os.umask(0o077)
    try:
        install(store, make(store, 1))
    finally:
        os.umask(before)
    # Users need the release, its activation and its record. The parts were the business of root only.
    for path in [store.root, *store.root.rglob("*")]:
        if ".locks" not in path.parts and path.name != "log" and not path.is_symlink():
            assert path.stat().st_mode & 0o044 == 0o044, path
            assert path.stat().st_mode & 0o022 == 0, path


# --- what arrives damaged --------------------------------------------------------------------------------------------


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


@pytest.mark.parametrize("damage", [_cut, _flip, Path.unlink], ids=["cut", "flipped", "missing"])
@pytest.mark.parametrize("name", [MANIFEST, FILES, "env.tar.zst.000", "last"])
def test_what_is_damaged_leaves_nothing(store: Store, name: str, damage: Callable[[Path], None]) -> None:
    made = make(store, 1)
    name = made.manifest.payloads[0].parts[-1].name if name == "last" else name
    damage(made.send(store) / name)
    with raised("file-damaged") as caught, store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst")
    assert caught.value.where.endswith(name)
    assert state_only(store)


def test_a_manifest_of_another_release_is_refused(store: Store) -> None:
    made, other = make(store, 1), make(store, 2)
    made.send(store)
    other.send(store)
    incoming = store.incoming("demo", made.manifest.id)
    (incoming / MANIFEST).write_bytes((other.folder / MANIFEST).read_bytes())
    with raised("file-damaged"), store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst")
    os.rename(store.incoming("demo", other.manifest.id), store.incoming("demo", release_id(3)))
    with raised("place"), store.lock("demo"):
        store.install("demo", release_id(3), other.sha256, "tar.zst")
    assert state_only(store)


def test_a_format_that_is_not_there_is_refused(store: Store) -> None:
    made = make(store, 1)
    made.send(store)
    with raised("payload"), store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.gz")
    assert state_only(store)


def test_a_payload_that_is_not_what_the_list_says_leaves_nothing(store: Store) -> None:
    made = make(store, 1)
    # A bastion that signs nonsense: every hash is right, but the list lacks a file of the payload.
    entries = [entry for entry in _entries(made) if entry.path != "lib/empty"]
    (made.folder / FILES).write_bytes(write_files(entries))
    data = json.loads((made.folder / MANIFEST).read_text(encoding="utf-8"))
    data["files_sha256"] = sha256_file(made.folder / FILES)
    (made.folder / MANIFEST).write_text(json.dumps(data), encoding="utf-8")
    made.send(store)
    with raised("payload-damaged"), store.lock("demo"):
        store.install("demo", made.manifest.id, sha256_file(made.folder / MANIFEST), "tar.zst")
    assert state_only(store)


def _entries(made: Made) -> list[FileEntry]:
    return read_files((made.folder / FILES).read_bytes(), "x")


def test_the_record_is_what_was_hashed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sent the files may change them while they are being installed."""
    made = make(store, 1)
    incoming = made.send(store)
    real = extract

    def racing(*args: Any) -> None:
        (incoming / MANIFEST).write_text("{}", encoding="ascii")
        (incoming / FILES).write_text("", encoding="ascii")
        real(*args)

    monkeypatch.setattr(_store, "extract", racing)
    with store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst")
    assert store.differences("demo", made.manifest.id) == []


def test_what_is_half_unpacked_is_for_its_owner_only(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(store, 1)
    made.send(store)
    real = extract
    modes: list[int] = []

    def look(parts: Any, format_name: Any, entries: Any, tree: Path, have: Any) -> None:
        modes.extend(path.stat().st_mode & 0o777 for path in (tree, tree.parent))
        real(parts, format_name, entries, tree, have)

    monkeypatch.setattr(_store, "extract", look)
    with store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst")
    assert modes == [0o700, 0o700]


def test_a_changed_record_is_noticed(store: Store) -> None:
    made = make(store, 1)
    install(store, made)
    (store.release("demo", made.manifest.id) / "lib/empty").unlink()
    (store.state("demo") / made.manifest.id / FILES).write_bytes(
        write_files([entry for entry in _entries(made) if entry.path != "lib/empty"])
    )
    with raised("file-damaged"):
        store.differences("demo", made.manifest.id)


def test_an_unknown_folder_in_the_place_of_a_release_stays(store: Store) -> None:
    made = make(store, 1)
    place = store.release("demo", made.manifest.id)
    place.mkdir(parents=True)
    (place / "precious").write_text("x", encoding="ascii")
    with raised("place-taken"):
        install(store, made)
    assert (place / "precious").is_file()


# --- serials, locks, interrupted runs --------------------------------------------------------------------------------


def test_the_mark_rises_after_the_switch_and_never_falls(store: Store) -> None:
    assert store.high_water("demo") == 0
    for serial, before, after in ((1, 0, 1), (3, 1, 3), (2, 3, 3)):
        made = make(store, serial)
        install(store, made, switch=False)
        assert store.high_water("demo") == before
        store.switch("demo", made.manifest.id)
        assert store.high_water("demo") == after
    # A run that was cut off between the switch and the mark, and a mark that cannot be read.
    store.switch("demo", release_id(3))
    for text in ("1\n", "", "what?"):
        (store.state("demo") / "high-water").write_text(text, encoding="ascii")
        assert store.high_water("demo") == 3
    store.switch("demo", release_id(1))
    assert store.high_water("demo") == 3
    log = (store.state("demo") / "log").read_text(encoding="ascii").splitlines()
    assert log[0].endswith(f" - -> {release_id(1)}")
    assert log[-1].endswith(f" {release_id(3)} -> {release_id(1)} (back from serial 3)")


def _hold(root: Path, ready: Any, done: Any) -> None:
    with Store(root).lock("demo"):
        ready.set()
        done.wait(300)


def test_a_second_run_names_the_first(store: Store) -> None:
    spawn = multiprocessing.get_context("fork")
    ready, done = spawn.Event(), spawn.Event()
    holder = spawn.Process(target=_hold, args=(store.root, ready, done))
    holder.start()
    try:
        assert ready.wait(300)
        with raised("locked", problem="demo") as caught, store.lock("demo"):
            pass
        assert f"process {holder.pid} " in caught.value.found
    finally:
        done.set()
        holder.join()
    with store.lock("demo"):
        pass  # free again


# --- remove and prune ------------------------------------------------------------------------------------------------


def test_the_current_release_cannot_be_removed(store: Store) -> None:
    install(store, make(store, 1))
    before = snapshot(store.root)
    with raised("release-current"):
        store.remove("demo", release_id(1))
    assert snapshot(store.root) == before


def test_prune_keeps_current_previous_newest_and_used(store: Store) -> None:
    for serial in range(1, 7):
        install(store, make(store, serial, tree={"bin/sleep": Path("/bin/sleep").resolve().read_bytes()}))
    ids = [release_id(serial) for serial in range(7)]
    assert store.prunable("demo", 3) == ids[1:4]
    assert store.prunable("demo", 0) == ids[1:5]
    store.switch("demo", ids[2])  # rolled back
    assert store.prunable("demo", 1) == ids[3:6]
    prefix = [store.release("demo", name) for name in ids]
    users = [
        subprocess.Popen([prefix[3] / "bin/sleep", "30"]),
        subprocess.Popen(["sleep", "30"], cwd=prefix[4]),
        subprocess.Popen(["sleep", "30"], env={**os.environ, "CONDA_PREFIX": str(prefix[5])}),
    ]
    try:
        assert store.prunable("demo", 1) == []
        for number, user in enumerate(users):
            user.kill()
            user.wait()
            assert store.prunable("demo", 1) == ids[3 : 4 + number]
        with open(prefix[3] / "serial", encoding="ascii"):
            assert store.prunable("demo", 1) == ids[4:6]
    finally:
        for user in users:
            user.kill()
            user.wait()


def test_a_release_in_use_is_seen_through_a_link_to_the_root(store: Store, tmp_path: Path) -> None:
    for serial in (1, 2, 3):
        install(store, make(store, serial))
    link = tmp_path / "link"
    link.symlink_to(store.root)
    assert Store(link).prunable("demo", 1) == [release_id(1)]
    program = [sys.executable, "-c", "import time; print(flush=True); time.sleep(30)"]
    user = subprocess.Popen(program, cwd=store.release("demo", release_id(1)), stdout=subprocess.PIPE)
    try:
        assert user.stdout is not None
        user.stdout.readline()
        assert Store(link).prunable("demo", 1) == []
    finally:
        user.kill()
        user.communicate()


def test_parts_of_this_and_older_releases_are_cleared(store: Store) -> None:
    for serial in (1, 2, 3):
        make(store, serial).send(store)
    store.clear_incoming("demo", release_id(2))
    assert [path.name for path in (store.root / ".incoming/demo").iterdir()] == [release_id(3)]
    store.clear_incoming("demo", release_id(3))
    assert not (store.root / ".incoming").exists()


def test_only_environments_with_a_current_release_are_named(store: Store) -> None:
    install(store, make(store, 1))
    with Store(store.root).lock("other"):
        pass
    assert store.envs() == ["demo"]


def test_signature_is_kept(store: Store) -> None:
    made = make(store, 1)
    install(store, made)
    assert (store.state("demo") / made.manifest.id / SIGNATURE).read_bytes() == (made.folder / SIGNATURE).read_bytes()
