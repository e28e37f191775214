# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release that is unpacked while its parts arrive, by a process of its own, and the install that takes it over."""

from __future__ import annotations

import errno
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE, Checks
from ansible_collections.airgap.conda.plugins.module_utils._run import background
from ansible_collections.airgap.conda.plugins.module_utils._store import ahead as _ahead
from ansible_collections.airgap.conda.plugins.module_utils._store import arrived as _arrived
from ansible_collections.airgap.conda.plugins.module_utils._store import extract as _extract
from ansible_collections.airgap.conda.plugins.module_utils._store import follow as _follow
from ansible_collections.airgap.conda.plugins.module_utils._store import store as _store
from ansible_collections.airgap.conda.plugins.module_utils._store.ahead import Ahead
from ansible_collections.airgap.conda.plugins.module_utils._store.arrived import Told
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.shared import Shared
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release, without_locks

pytestmark = pytest.mark.usefixtures("quick_disk")
RECORD = (MANIFEST, SIGNATURE, FILES)
# What cannot be compressed, and is more than is read at a time: the first parts have whole files.
LONG: dict[str, Any] = {
    "tree": {"bin/python": "#!/bin/sh\n", **{f"lib/{number}": os.urandom(300_000) for number in range(8)}},
    "part_size": 400_000,
}


class Arriving:
    """A release that is on its way to a store."""

    def __init__(self, store: Store, serial: int = 1, **options: Any) -> None:
        self.store = store
        self.made: Made = make_release(store.root.parent / "depot", store.root, serial, checks=Checks(), **options)
        self.id, self.payload = self.made.manifest.id, self.made.manifest.payloads[0]
        self.incoming, self.ahead = store.incoming("demo", self.id), Ahead(store.root, "demo")
        self.told = Told("demo", self.id, self.made.sha256, self.payload.format)
        self.parts = [part.name for part in self.payload.parts]

    def begin(self, **other: Any) -> bool:
        """Have the host unpack, as a controller tells it."""
        record = {name: (self.made.folder / name).stat().st_size for name in RECORD}
        return _follow.follow(self.store.root, {**vars(self.told), "record": record, **other})

    def send(self, *names: str, change: Callable[[bytes], bytes] = bytes) -> None:
        """Bring files, each of which gets its name when it is whole; without names all."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        for name in names or (*RECORD, *self.parts):
            new = self.incoming / f".arriving-{name}"
            new.write_bytes(change((self.made.folder / name).read_bytes()))
            new.rename(self.incoming / name)

    def install(self) -> None:
        """Do what the task does when all was sent; nothing but the release is there afterwards."""
        deploy(self.store, self.made.step(), self.made.sha256, 2)
        assert self.store.current("demo") == self.id
        assert self.store.differences("demo", self.id) == []
        assert self.tree.stat().st_mode & 0o7777 == 0o755
        assert self.is_tidy()

    @property
    def tree(self) -> Path:
        return self.store.release("demo", self.id)

    def is_whole(self) -> bool:
        return self.ahead.whole(self.told).is_dir()

    def is_tidy(self) -> bool:
        """Tell whether no process is at work, and none left anything."""
        return not self.ahead.is_alive and not (self.store.root / ".staging").exists()


def until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def release(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arriving]:
    monkeypatch.setattr(_follow, "LOOK", 0.01)
    made = Arriving(store)
    assert len(made.parts) > 2
    yield made
    made.ahead.end()


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the trees that the install unpacks itself."""
    trees: list[Path] = []

    def extract(parts: Any, name: str, entries: Any, target: Path, *more: Any) -> None:
        trees.append(target)
        _extract.extract(parts, name, entries, target, *more)

    monkeypatch.setattr(_store, "extract", extract)
    return trees


@pytest.mark.parametrize("formats", [("tar.zst",), ("tar.gz",)])
def test_what_has_arrived_is_unpacked_while_the_rest_travels(
    store: Store, unpacked: list[Path], formats: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_follow, "LOOK", 0.01)
    release = Arriving(store, formats=formats, **LONG)
    assert release.begin()
    release.send(*RECORD)
    release.send(*release.parts[:4])
    half = release.ahead.unfinished(release.told)
    until((half / "lib/2").is_file)
    assert not (half / "lib/7").exists()
    assert half.stat().st_mode & 0o7777 == 0o700
    assert half.parent.stat().st_mode & 0o7777 == 0o700
    with store.lock("demo"):  # whoever wants to go back need not wait
        assert not store.unfinished("demo")
        store.recover("demo")
    assert release.ahead.is_alive
    release.send(*release.parts[4:])
    release.install()
    assert unpacked == []


def test_a_tree_that_is_whole_waits_for_the_install(release: Arriving, unpacked: list[Path]) -> None:
    release.send()
    assert release.begin()
    until(release.is_whole)
    assert not release.tree.exists()
    release.install()
    assert unpacked == []


# --- nothing unverified is installed ---------------------------------------------------------------------------------


def test_a_part_that_is_another_ends_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_follow, "LOOK", 0.01)
    release = Arriving(store, formats=("tar.gz",))
    assert release.begin()
    release.send(*RECORD)
    # Unpacked it is the same: only the time in gzip's header differs.
    release.send(release.parts[0], change=lambda data: data[:4] + b"\1" + data[5:])
    release.send(*release.parts[1:])
    until(release.is_tidy)
    with raised("file-damaged"), store.lock("demo"):
        store.install(*vars(release.told).values())
    assert {*without_locks(store.root)} <= {".state", ".state/demo"}


def test_a_file_that_is_another_ends_it(release: Arriving, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a part that is exchanged after it was hashed.
    monkeypatch.setattr(_arrived, "accept_file", lambda *_args: None)
    release.send(*RECORD)
    release.send(*release.parts[:-1])
    release.send(release.parts[-1], change=lambda data: bytes(len(data)))
    assert release.begin()
    until(release.is_tidy)


def test_a_record_that_is_not_the_verified_one_ends_it(release: Arriving, unpacked: list[Path]) -> None:
    release.send()
    for other in ({"manifest_sha256": "0" * 64}, {"signature_sha256": "0" * 64}):
        assert release.begin(**other)
        until(release.is_tidy)
    release.install()
    assert unpacked != []


def test_only_what_the_install_is_told_is_taken(release: Arriving, unpacked: list[Path]) -> None:
    release.send()
    assert release.begin()
    until(release.is_whole)
    place = release.store.root.parent / "taken/tree"
    for other in ({"release": "2-00000002"}, {"manifest_sha256": "0" * 64}, {"format": "tar.gz"}):
        assert not release.ahead.take(Told(**{**vars(release.told), **other}), place)
    assert release.ahead.is_alive
    os.chown(release.ahead.folder, 1, 1) if os.geteuid() == 0 else release.ahead.end()
    assert not release.ahead.take(release.told, place)
    release.ahead.end()
    release.install()
    assert unpacked != []


def test_the_name_of_a_part_alone_is_not_believed(release: Arriving, unpacked: list[Path]) -> None:
    # Some ways write a file under its name, or there is half a one of yesterday.
    release.send(*RECORD)
    release.send(release.parts[0], change=lambda data: data[:-1])
    assert release.begin()
    time.sleep(0.1)
    release.send(*release.parts)
    release.install()
    assert unpacked == []


# --- whatever ends the process, the install goes on ------------------------------------------------------------------


def _kill(release: Arriving) -> None:
    until(lambda: release.ahead.process)
    os.kill(int(release.ahead.process), signal.SIGKILL)
    until(lambda: not release.ahead.is_alive)


@pytest.mark.parametrize("is_whole", [False, True])
def test_what_a_killed_one_left_is_not_taken_but_removed(
    release: Arriving, unpacked: list[Path], is_whole: bool
) -> None:
    release.send(*RECORD)
    release.send(*release.parts[: None if is_whole else 1])
    assert release.begin()
    if is_whole:
        until(release.is_whole)
    _kill(release)
    # After a power cut its files may be empty.
    for path in release.ahead.folder.rglob("data.txt"):
        path.write_bytes(b"")
    assert release.store.unfinished("demo")
    release.send()
    with release.store.lock("demo"):
        release.store.recover("demo")
    assert not release.store.unfinished("demo")
    assert release.is_tidy()
    release.install()
    assert unpacked != []


def test_an_empty_folder_of_such_processes_goes_too(release: Arriving) -> None:
    (release.ahead.area / ".locks").mkdir(parents=True)
    assert release.store.unfinished("demo")
    release.store.recover("demo")
    assert not release.store.unfinished("demo")
    assert release.is_tidy()


def test_a_tree_of_which_nobody_knows_whether_it_is_on_disk_is_not_taken(
    release: Arriving,
) -> None:
    release.send()
    assert release.begin()
    until(release.is_whole)
    _kill(release)
    assert not release.ahead.take(release.told, release.store.root.parent / "taken/tree")
    assert release.is_tidy()


def test_one_that_hangs_is_waited_for_a_while(
    release: Arriving, unpacked: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ahead, "PATIENCE", 0.3)
    monkeypatch.setattr(background, "END", 0.3)
    real, until_then = time.sleep, time.monotonic() + 60

    def patience(seconds: float) -> None:
        assert time.monotonic() < until_then
        real(seconds)

    release.send(*RECORD)
    assert release.begin()
    until(lambda: release.ahead.process)
    os.kill(int(release.ahead.process), signal.SIGSTOP)
    release.send(*release.parts)
    monkeypatch.setattr(time, "sleep", patience)
    release.install()
    assert unpacked != []


def test_one_that_works_is_waited_for(release: Arriving, unpacked: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ahead, "PATIENCE", 0.5)
    write = _extract._write  # noqa: SLF001 - slow as a disk can be

    def slowly(blocks: Any, *more: Any) -> None:
        for _turn in range(4):
            time.sleep(0.2)
            Path("/proc/self/stat").read_bytes()
        write(blocks, *more)

    monkeypatch.setattr(_extract, "_write", slowly)
    release.send()
    assert release.begin()
    release.install()
    assert unpacked == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_ends_it_at_once_and_gives_back_what_it_took(
    store: Store, unpacked: list[Path], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    release = Arriving(store, **LONG)

    def full(*_args: Any) -> None:
        time.sleep(0.5)
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(Shared, "link", full)
        assert release.begin()
        release.send(*RECORD)
        release.send(*release.parts[:-1])  # it would wait for the last one
        until(release.is_tidy, 5)
    release.send(release.parts[-1])
    release.install()
    assert unpacked != []


def test_it_ends_when_nothing_arrives_and_when_nobody_comes(release: Arriving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_follow, "SILENCE", 0.3)
    release.send(*RECORD)
    assert release.begin()
    until(release.is_tidy, 10)
    release.send()
    assert release.begin()
    until(release.is_tidy, 10)
    assert sorted(path.name for path in release.incoming.iterdir()) == sorted((*RECORD, *release.parts))


@pytest.mark.parametrize("gone", [".staging", ".incoming", ""])
def test_it_ends_with_its_store(release: Arriving, gone: str) -> None:
    assert release.begin()
    until(lambda: release.ahead.process)
    status = Path("/proc", release.ahead.process, "stat")
    shutil.rmtree(release.store.root / gone)
    until(lambda: not status.exists() or status.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z", 5)
    assert not (release.store.root / ".staging").exists()


def test_nobody_takes_a_tree_of_which_a_part_is_gone(release: Arriving, monkeypatch: pytest.MonkeyPatch) -> None:
    release.send()
    assert release.begin()
    until(release.is_whole)
    seen = []
    monkeypatch.setattr(shutil, "rmtree", lambda *_args, **_options: seen.append(release.is_whole()))
    release.ahead.leave()  # as the process at its end
    assert seen == [False]
    monkeypatch.undo()


# --- when none begins ------------------------------------------------------------------------------------------------


def test_none_begins_while_another_run_is_at_work_or_where_the_release_is(release: Arriving) -> None:
    with release.store.lock("demo"):
        assert not release.begin()
    assert release.is_tidy()
    release.send()
    release.install()
    assert not release.begin()
    assert release.is_tidy()


def test_of_two_runs_the_later_one_unpacks(release: Arriving, unpacked: list[Path]) -> None:
    assert release.begin()
    until(lambda: release.ahead.process)
    first = release.ahead.process
    assert release.begin()
    until(lambda: release.ahead.process)
    assert release.ahead.process != first
    release.send()
    release.install()
    assert unpacked == []


def test_nothing_of_the_task_stays_open(release: Arriving) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    assert release.begin()
    os.close(writer)
    with open(reader, "rb") as stream:  # Ansible waits for the end of what a module says
        assert select.select([stream], [], [], 10)[0]
        assert stream.read() == b""
    until(lambda: release.ahead.process)
    process = int(release.ahead.process)
    assert os.getsid(process) != os.getsid(0)
    assert Path(f"/proc/{process}/cwd").readlink() == Path("/")
