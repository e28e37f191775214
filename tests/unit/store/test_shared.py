# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Large files that releases have in common: one copy on the disk, and no release is worse for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import MTIME
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES
from ansible_collections.airgap.conda.plugins.module_utils._store import shared
from ansible_collections.airgap.conda.plugins.module_utils._store import store as _store
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import faults_of
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import in_use
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import repair
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, release_id
from ansible_collections.airgap.conda.tests.unit.tiny_store import install, make

pytestmark = [
    pytest.mark.usefixtures("quick_disk"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root's files are shared"),
]
LARGE = os.urandom(1000) * 1100
W = "share/weights.bin"


def weights(store: Store, serial: int, env: str = "demo", path: str = W) -> Path:
    return store.release(env, release_id(serial)) / path


def bring(store: Store, serial: int, data: bytes = LARGE, path: str = W, **options: Any) -> None:
    install(store, make(store, serial, tree={**TREE, "share": None, path: data}, part_size=1 << 20, **options))


def test_a_large_file_of_two_releases_is_there_once(store: Store) -> None:
    bring(store, 1)
    bring(store, 2, path="share/moved.bin")
    assert weights(store, 1).samefile(weights(store, 2, path="share/moved.bin"))
    small = [store.release("demo", release_id(serial)) / "lib/data.txt" for serial in (1, 2)]
    assert not small[0].samefile(small[1])
    assert [faults_of(store, "demo", release_id(serial)) for serial in (1, 2)] == [[], []]


def test_files_are_shared_between_environments(store: Store) -> None:
    made = make(store, 1, env="other", tree={**TREE, "share": None, W: LARGE}, part_size=1 << 20)
    with store.lock("other"):
        made.send(store)
        store.install("other", made.manifest.id, made.sha256, "tar.zst")
    bring(store, 1)
    assert weights(store, 1).samefile(weights(store, 1, "other"))


@pytest.mark.parametrize("how", ["content", "mode", "owner", "time", "xattr", "gone", "link", "pipe", "record"])
def test_what_is_not_as_it_was_signed_is_not_shared(store: Store, how: str) -> None:
    bring(store, 1)
    path = weights(store, 1)
    if how == "content":
        with open(path, "r+b") as stream:
            stream.write(b"x")
        os.utime(path, (MTIME, MTIME))
    elif how == "mode":
        path.chmod(0o666)
    elif how == "owner":
        os.chown(path, 1000, -1)
    elif how == "time":
        os.utime(path)
    elif how == "xattr":
        try:
            os.setxattr(path, "user.note", b"x")
        except OSError:
            pytest.skip("no attributes here")
    elif how == "record":
        (store.state("demo") / release_id(1) / FILES).write_bytes(b"x")
    else:
        path.unlink()
    if how == "link":
        path.symlink_to("/etc/hostname")
    elif how == "pipe":
        os.mkfifo(path)
    bring(store, 2)
    assert weights(store, 2).stat().st_nlink == 1
    assert faults_of(store, "demo", release_id(2)) == []


def test_a_users_own_store_shares_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store, 1)
    os.chown(weights(store, 1), 1000, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (entry,) = (entry for entry in store.files("demo", release_id(1)) if entry.path == W)
    assert not shared.Shared(store, "demo", [entry]).link(entry, str(store.root / "new"))


def test_where_nothing_can_be_linked_it_is_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store, 1)

    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    bring(store, 2)
    assert weights(store, 2).read_bytes() == LARGE


@pytest.mark.parametrize("at", ["link", "hash"])
def test_a_run_that_ends_in_between_leaves_what_was_there(
    store: Store, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    bring(store, 1)
    made = make(store, 2, tree={**TREE, "share": None, W: LARGE}, part_size=1 << 20)

    def killed(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "link", killed) if at == "link" else (shared, "_is", killed)))
        with pytest.raises(KeyboardInterrupt):
            install(store, made)
    store.recover("demo")
    assert store.releases("demo") == [release_id(1)]
    assert (weights(store, 1).stat().st_nlink, weights(store, 1).read_bytes()) == (1, LARGE)
    assert not (store.root / ".staging/demo").exists()


def test_removing_one_release_leaves_the_other(store: Store) -> None:
    bring(store, 1)
    bring(store, 2)
    store.remove("demo", release_id(1))
    assert weights(store, 2).stat().st_nlink == 1
    assert faults_of(store, "demo", release_id(2)) == []


def test_a_repair_parts_what_was_shared(store: Store) -> None:
    """What was written through one name is wrong under both; each is put right by a file of its own."""
    bring(store, 1)
    made = make(store, 2, tree={**TREE, "share": None, W: LARGE}, part_size=1 << 20)
    install(store, made)
    with open(weights(store, 1), "r+b") as stream:
        stream.write(b"x")
    os.utime(weights(store, 1), (MTIME, MTIME))
    assert [[fault.path for fault in faults_of(store, "demo", release_id(n))] for n in (1, 2)] == [[W], [W]]
    assert repair(store, "demo", ["tar.zst"]).left == [W]
    made.send(store)
    assert not repair(store, "demo", ["tar.zst"], made.wanted).left
    assert weights(store, 2).read_bytes() == LARGE
    assert not weights(store, 1).samefile(weights(store, 2))
    assert [fault.path for fault in faults_of(store, "demo", release_id(1))] == [W]


def test_a_changed_mode_is_put_right_for_one_release_alone(store: Store) -> None:
    bring(store, 1)
    bring(store, 2)
    weights(store, 1).chmod(0o600)
    repair(store, "demo", ["tar.zst"])
    assert faults_of(store, "demo", release_id(2)) == []


def test_the_trees_are_not_read_for_small_releases(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    install(store, make(store, 1))
    real, asked = _store.Store.files, []

    def files(self: Store, env: str, release: str) -> Any:
        asked.append(release)
        return real(self, env, release)

    monkeypatch.setattr(_store.Store, "files", files)
    install(store, make(store, 2))
    assert asked == []


USES: dict[str, Callable[[Path], list[str]]] = {
    "program": lambda path: [str(path), "60"],
    "open": lambda path: ["/bin/sh", "-c", f"exec sleep 60 <{path}"],
}


@pytest.mark.parametrize("use", USES)
def test_a_process_uses_the_release_whose_file_it_named(store: Store, use: str) -> None:
    """All releases have the very file; without a look at the name neither could ever be pruned."""
    sleep = Path("/bin/sleep").read_bytes() + bytes(1 << 20)
    for serial in (1, 2, 3):
        bring(store, serial, sleep, "bin/sleep")
    prefixes = [store.release("demo", release_id(serial)) for serial in (1, 2, 3)]
    with subprocess.Popen(USES[use](prefixes[1] / "bin/sleep"), cwd="/", env={}) as user:
        try:
            while use == "open" and os.readlink(f"/proc/{user.pid}/exe") == os.path.realpath("/bin/sh"):
                pass
            assert in_use(prefixes) == {prefixes[1]: [user.pid]}
            assert in_use([prefixes[0]]) == {}
        finally:
            user.kill()


def test_another_name_than_the_stores_tells_nothing(store: Store, tmp_path: Path) -> None:
    """A file that is linked from outside, as a container may see it, counts for every release that has it."""
    sleep = Path("/bin/sleep").read_bytes() + bytes(1 << 20)
    for serial in (1, 2):
        bring(store, serial, sleep, "bin/sleep")
    prefixes = [store.release("demo", release_id(serial)) for serial in (1, 2)]
    os.link(prefixes[0] / "bin/sleep", tmp_path / "sleep")
    with subprocess.Popen([str(tmp_path / "sleep"), "60"], cwd="/", env={}) as user:
        try:
            assert set(in_use(prefixes)) == set(prefixes)
        finally:
            user.kill()


def test_a_payload_with_another_content_is_refused_where_nothing_can_be_shared(store: Store) -> None:
    bring(store, 1)
    made = make(store, 2, tree={**TREE, "share": None, W: LARGE[::-1]}, part_size=1 << 20)
    with store.lock("demo"):
        incoming = made.send(store)
        part = next(path for path in incoming.iterdir() if path.name.startswith("env.tar"))
        part.write_bytes(part.read_bytes()[:-1] + b"\0")
        with pytest.raises(AirgapError):
            store.install("demo", made.manifest.id, made.sha256, "tar.zst")
    assert store.releases("demo") == [release_id(1)]
