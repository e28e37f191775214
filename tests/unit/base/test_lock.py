# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one kind of lock: nobody else can take it, a wait has an end, and its holder is named."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.lock import (
    LOCKS,
    lock_file,
    lock_holder,
    locked,
)
from ansible_collections.airgap.conda.plugins.module_utils._cli import file
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._depot import depot as _depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import locked as prefix_locked
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.plugin_utils import _refresh_lock
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

FORK = multiprocessing.get_context("fork")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
NOBODY = 65534


pytestmark = pytest.mark.usefixtures("quick_disk")


@contextmanager
def in_another_process(work: Callable[[Any, Any], None]) -> Iterator[int]:
    """Run ``work(ready, done)`` beside this process, from when it says that it is ready."""
    ready, done = FORK.Event(), FORK.Event()
    process = FORK.Process(target=work, args=(ready, done))
    process.start()
    try:
        assert ready.wait(300)
        yield int(process.pid or 0)
    finally:
        done.set()
        process.join()


def hold(folder: Path, shared: bool = False) -> Callable[[Any, Any], None]:
    def work(ready: Any, done: Any) -> None:
        with locked(folder, "one", "it", shared=shared):
            ready.set()
            done.wait(300)

    return work


def hold_all_that_can_be_opened(above: Path, *folders: str) -> Callable[[Any, Any], None]:
    """Lock, as an ordinary user, every file and folder that this user can open in these below ``above``."""

    def work(ready: Any, done: Any) -> None:
        os.chdir(above)  # the folders above it are pytest's, for its user only
        Path().chmod(0o755)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        handles = []
        for folder in map(Path, folders):
            for path in [folder, *folder.rglob("*")]:
                with suppress(OSError):
                    handles.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
                    fcntl.flock(handles[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert handles
        ready.set()
        done.wait(300)

    return work


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_nobody_else_can_open_a_lock_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with locked(tmp_path / "deep/er", "one", "it"):
            pass
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / "deep/er" / name).stat().st_mode) for name in ("", LOCKS, f"{LOCKS}/one")]
    assert modes == [0o755, 0o700, 0o600]


def test_modes_that_somebody_gave_away_are_taken_back(tmp_path: Path) -> None:
    with locked(tmp_path, "one", "it"):
        pass
    (tmp_path / LOCKS).chmod(0o777)
    lock_file(tmp_path, "one").chmod(0o666)
    with locked(tmp_path, "one", "it"):
        assert stat.S_IMODE(lock_file(tmp_path, "one").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / LOCKS).stat().st_mode) == 0o700


@pytest.mark.parametrize("planted", [LOCKS, f"{LOCKS}/one"])
def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path, planted: str) -> None:
    (tmp_path / "folder/x").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/one").write_text("kept", encoding="ascii")
    link = tmp_path / "folder" / planted
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere" / ("one" if "/" in planted else ""))
    with raised("system-error", problem="it"), locked(tmp_path / "folder", "one", "it"):
        pass
    assert (tmp_path / "elsewhere/one").read_text(encoding="ascii") == "kept"


def test_the_holder_is_named_with_its_program(tmp_path: Path) -> None:
    program = Path("/proc/self/comm").read_text(encoding="ascii").strip()
    with in_another_process(hold(tmp_path)) as pid, raised("locked") as caught, locked(tmp_path, "one", "it"):
        pass
    assert caught.value.found == f"process {pid} ({program}) holds the lock"
    assert caught.value.where == str(lock_file(tmp_path, "one"))


def test_a_wait_ends_at_its_deadline(tmp_path: Path) -> None:
    refused = raised("locked", problem="it", wanted="within 1 s")
    with in_another_process(hold(tmp_path)), refused, locked(tmp_path, "one", "it", wait=0.6):
        pass


def test_what_becomes_free_while_it_is_waited_for_is_taken(tmp_path: Path) -> None:
    taken = threading.Event()

    def wait() -> None:
        with locked(tmp_path, "one", "it", wait=20):
            taken.set()

    with in_another_process(hold(tmp_path)):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not taken.wait(0.2)
    thread.join()
    assert taken.is_set()


def test_those_who_share_a_lock_keep_out_who_wants_it_alone(tmp_path: Path) -> None:
    with in_another_process(hold(tmp_path, shared=True)):
        with locked(tmp_path, "one", "it", shared=True):
            pass
        with raised("locked", problem="it"), locked(tmp_path, "one", "it"):
            pass


# --- an ordinary user who locks all that can be opened ---------------------------------------------------------------


@as_root
def test_no_user_of_a_host_keeps_a_run_away(tmp_path: Path) -> None:
    """Also where an earlier version has left its lock, which everybody could open."""
    store = Store(tmp_path / "opt")
    made = make_release(tmp_path / "depot", store.root, 1)
    made.send(store)
    (store.root / ".state/demo").mkdir(parents=True)
    (store.root / ".state/demo/lock").touch(0o644)
    with store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst")
        store.switch("demo", made.manifest.id)
    write_command(store)
    (store.root / ".state/demo/lock").touch(0o644)
    with in_another_process(hold_all_that_can_be_opened(tmp_path, "opt")):
        with store.lock("demo"):
            store.switch("demo", made.manifest.id)
        write_command(store)
    assert not (store.root / ".state/demo/lock").exists()


@as_root
def test_no_user_of_the_controller_keeps_a_run_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(_depot, "PUBLISH_WAIT", 0.2)
    monkeypatch.setattr(_refresh_lock, "WAIT", 0.2)
    depot, drive, work = Depot(tmp_path / "depot"), Drive(tmp_path / "drive"), tmp_path / "work"
    drive.path.mkdir()

    def use(serial: int) -> None:
        with depot.new_release(make_release(tmp_path / "made", Path("/opt"), serial).manifest):
            pass
        _refresh_lock.take(depot.path, _refresh_lock.holder(os.getpid()))
        with drive.in_use(writing=True), prefix_locked(work / "demo"):
            pass

    use(1)
    (depot.path / ".lock").touch(0o644)  # of an earlier version
    with in_another_process(hold_all_that_can_be_opened(tmp_path, "depot", "drive", "work", "cache")):
        use(2)
    assert not (depot.path / ".lock").exists()


def test_a_run_that_writes_the_command_for_ever_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "COMMAND_WAIT", 0.2)
    store = Store(tmp_path)

    def work(ready: Any, done: Any) -> None:
        with locked(store.root / ".state", "bin", "airgap-envs"):
            ready.set()
            done.wait(300)

    refused = raised("locked", problem="airgap-envs")
    with in_another_process(work), refused:
        write_command(store)
    assert not store.command.exists()
    write_command(store)
    assert store.command.exists()


def test_a_file_of_the_same_number_elsewhere_names_no_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member of a swarm is ended by what this says."""
    path = tmp_path / "lock"
    path.touch()
    status = path.stat()
    here = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    line = "{}: FLOCK  ADVISORY  WRITE {} {}:{} 0 EOF\n"
    lines = [line.format(1, 11, "ff:7f", status.st_ino), line.format(2, 22, here, status.st_ino)]
    monkeypatch.setattr(Path, "read_text", lambda _path, **_options: "".join(lines))
    assert lock_holder(path) == "22"
    del lines[1]  # as where a file system has another device in this list
    assert lock_holder(path) == "11"
