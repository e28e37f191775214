# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run does about the one before it, and about another one; what is taken off a host on purpose."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import disk
from ansible_collections.airgap.conda.plugins.module_utils._base import lock as _lock
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, Checks
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store import releases as _releases
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import in_use
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    Made,
    make_release,
    release_id,
    snapshot,
    without_locks,
)

IDS = [release_id(serial) for serial in range(6)]


pytestmark = pytest.mark.usefixtures("quick_disk")


def bring(store: Store, serial: int, keep: int = 9) -> Made:
    """Deploy a release as a play does."""
    made = make_release(store.root.parent / "depot", store.root, serial, checks=Checks())
    step = inspect(store, [made.wanted], keep, False, ["tar.zst"])[0]
    made.send(store)
    deploy(store, step, made.sha256, keep)
    return made


def look(store: Store, made: Made) -> str:
    return inspect(store, [made.wanted], 9, False, ["tar.zst"])[0].action


# --- what an interrupted run left ------------------------------------------------------------------------------------


def _staging(store: Store) -> None:
    (store.root / ".staging/demo/remove-1-00000001/lib").mkdir(parents=True)


def _empty_staging(store: Store) -> None:
    (store.root / ".staging").mkdir()


def _parts(store: Store) -> None:
    store.incoming("demo", IDS[2]).mkdir(parents=True)
    (store.incoming("demo", IDS[2]) / "env.tar.zst").write_text("x", encoding="ascii")


def _record(store: Store) -> None:
    (store.state("demo") / IDS[3]).mkdir()
    (store.state("demo") / IDS[3] / MANIFEST).write_text("{}", encoding="ascii")


def _link(store: Store) -> None:
    (store.root / "demo/.current-new").symlink_to("nowhere")


def _script(store: Store) -> None:
    (store.root / "demo/.activate-new").write_text("half", encoding="ascii")


def _no_mark(store: Store) -> None:
    (store.state("demo") / "high-water").write_text("1\n", encoding="ascii")


def _no_log(store: Store) -> None:
    log = store.state("demo") / "log"
    log.write_text("".join(f"{line}\n" for line in store.log("demo")[:-1]), encoding="ascii")


LEFT = (_staging, _empty_staging, _parts, _record, _link, _script, _no_mark, _no_log)


@pytest.mark.parametrize("interrupt", LEFT, ids=[left.__name__.strip("_") for left in LEFT])
def test_the_next_run_sees_what_was_interrupted_and_ends_it(store: Store, interrupt: Callable[[Store], None]) -> None:
    bring(store, 1)
    made = bring(store, 2)
    before = snapshot(store.root)
    assert look(store, made) == "none"
    interrupt(store)
    assert look(store, made) == "prune"
    step = inspect(store, [made.wanted], 9, False, ["tar.zst"])[0]
    assert deploy(store, step, made.sha256, 9).pruned == []
    after = snapshot(store.root)
    for name in (".state/.locks/demo", ".state/demo/log"):  # who, and when
        before[name] = after[name] = (0, "")
    assert after == before
    assert [line.split()[1:] for line in store.log("demo")] == [["-", "->", IDS[1]], [IDS[1], "->", IDS[2]]]
    assert look(store, made) == "none"


def test_parts_of_the_release_to_come_are_kept(store: Store) -> None:
    made = bring(store, 2)
    part = store.incoming("demo", IDS[3]) / "env.tar.zst"
    part.parent.mkdir(parents=True)
    part.write_text("x", encoding="ascii")
    assert look(store, made) == "none"
    with store.lock("demo"):
        store.recover("demo")
    assert part.is_file()


def test_a_rollback_says_in_the_log_that_it_went_back_and_can_be_repeated(store: Store) -> None:
    for serial in (1, 2):
        bring(store, serial)
    rollback(store, "demo", IDS[1], False)
    assert store.log("demo")[-1].endswith(f" {IDS[2]} -> {IDS[1]} (back from serial 2)")
    (store.state("demo") / "high-water").unlink()
    _link(store)
    rollback(store, "demo", IDS[1], False)
    assert not store.unfinished("demo")


def test_a_switch_that_cannot_be_written_down_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for serial in (1, 2):
        bring(store, serial)
    real = disk.replace_file

    def full(path: Path, content: bytes) -> None:
        if path.name == "log":
            raise OSError(28, "No space left on device", str(path))
        real(path, content)

    monkeypatch.setattr(_releases, "replace_file", full)
    rollback(store, "demo", IDS[1], False)
    assert store.current("demo") == IDS[1]
    assert store.unfinished("demo")


# --- another run -----------------------------------------------------------------------------------------------------


def test_a_run_stops_when_another_switched_since_it_looked(store: Store) -> None:
    for serial in (1, 2):
        bring(store, serial)
    rollback(store, "demo", IDS[1], False)
    made = make_release(store.root.parent / "again", store.root, 2, checks=Checks())
    step = inspect(store, [made.wanted], 9, False, ["tar.zst"])[0]
    assert step.action == "switch"
    bring(store, 3)
    with raised("changed-meanwhile", problem="demo") as caught:
        deploy(store, step, made.sha256, 9)
    assert (caught.value.found, store.current("demo")) == (IDS[3], IDS[3])


def test_a_lock_whose_holder_is_not_seen_is_refused_all_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lock, "lock_holder", lambda _path: "")
    monkeypatch.setattr(_lock, "HOLDER_UNSEEN", 0.05)
    bring(store, 1)
    with open(store.root / ".state/.locks/demo", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with raised("locked") as caught, store.lock("demo"):
            pass
    assert "process (unknown)" in caught.value.found


def test_a_lock_that_becomes_free_is_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store, 1)
    lock = open(store.root / ".state/.locks/demo", encoding="ascii")  # noqa: SIM115 - closed by the holder that is not seen

    def gone(_path: Path) -> str:
        lock.close()
        return ""

    fcntl.flock(lock, fcntl.LOCK_EX)
    monkeypatch.setattr(_lock, "lock_holder", gone)
    with store.lock("demo"):
        assert (store.root / ".state/.locks/demo").read_text(encoding="ascii") == str(os.getpid())


# --- kept, and taken off ---------------------------------------------------------------------------------------------


def test_a_release_that_is_an_argument_only_is_in_use(store: Store) -> None:
    bring(store, 1)
    prefix = store.release("demo", IDS[1])
    program = [sys.executable, "-c", "import time; print(flush=True); time.sleep(30)", f"--config={prefix}/serial"]
    user = subprocess.Popen(program, stdout=subprocess.PIPE)
    try:
        assert user.stdout is not None
        user.stdout.readline()
        assert list(in_use([prefix])) == [prefix]
    finally:
        user.kill()
        user.communicate()
    end = time.monotonic() + 60
    while in_use([prefix]) and time.monotonic() < end:
        time.sleep(0.01)
    assert not in_use([prefix])


def test_a_release_that_is_only_mapped_is_in_use(store: Store) -> None:
    bring(store, 1)
    prefix = store.release("demo", IDS[1])
    program = (
        "import mmap, os, sys, time\n"
        "handle = os.open(sys.stdin.readline().strip(), os.O_RDONLY)\n"
        "area = mmap.mmap(handle, 0, access=mmap.ACCESS_READ)\n"
        "os.close(handle)\n"
        "print(flush=True); time.sleep(30)"
    )
    # mmap keeps a copy of the descriptor, a library that was loaded does not: so it is closed below Python.
    program = program.replace("print(", "os.closerange(3, 99); print(")
    user = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert user.stdin is not None
        assert user.stdout is not None
        user.stdin.write(f"{prefix}/lib/data.txt\n")
        user.stdin.flush()
        user.stdout.readline()
        assert list(in_use([prefix])) == [prefix]
    finally:
        user.kill()
        user.communicate()


def test_a_release_is_uninstalled(store: Store) -> None:
    for serial in (1, 2, 3):
        bring(store, serial)
    assert uninstall(store, "demo", IDS[1], check_mode=True) == [IDS[1]]
    assert store.releases("demo") == IDS[1:4]
    assert uninstall(store, "demo", IDS[1]) == [IDS[1]]
    assert (store.releases("demo"), store.current("demo")) == (IDS[2:4], IDS[3])
    assert uninstall(store, "demo", IDS[1]) == []
    for check_mode in (True, False):
        with raised("release-current"):
            uninstall(store, "demo", IDS[3], check_mode)


def test_an_environment_is_uninstalled_and_its_mark_stays(store: Store) -> None:
    for serial in (1, 2):
        made = bring(store, serial)
    first = made if made.manifest.serial == 1 else make_release(store.root.parent / "old", store.root, 1)
    assert uninstall(store, "demo", check_mode=True) == IDS[1:3]
    assert uninstall(store, "demo") == IDS[1:3]
    assert (store.envs(), store.releases("demo"), store.current("demo")) == ([], [], "")
    assert sorted(path.name for path in store.root.iterdir()) == [".state"]
    assert sorted(path.name for path in store.state("demo").iterdir()) == ["high-water", "log"]
    assert store.log("demo")[-1].endswith(f" {IDS[2]} -> -")
    assert not store.unfinished("demo")
    assert uninstall(store, "demo") == []
    with raised("serial", problem="demo"):
        inspect(store, [first.wanted], 9, False, ["tar.zst"])


def test_what_is_in_use_is_not_uninstalled(store: Store) -> None:
    bring(store, 1)
    before = without_locks(store.root)
    with open(store.release("demo", IDS[1]) / "serial", encoding="ascii"):
        for check_mode in (True, False):
            with raised("release-in-use", problem="demo") as caught:
                uninstall(store, "demo", "", check_mode)
            assert IDS[1] in caught.value.found
    assert without_locks(store.root) == before
