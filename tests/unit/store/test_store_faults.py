# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A store that is killed or refused at any of its calls: current is whole, and nothing half done is left."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import disk
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._store import arrived as _arrived
from ansible_collections.airgap.conda.plugins.module_utils._store import releases as _releases
from ansible_collections.airgap.conda.plugins.module_utils._store import store as _store
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    release_id,
    snapshot,
    without_locks,
)
from ansible_collections.airgap.conda.tests.unit.tiny_store import install, make

pytestmark = [pytest.mark.usefixtures("quick_disk"), pytest.mark.slow]


def test_current_always_leads_to_a_release(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch never takes ``current`` away, not even for a moment."""
    install(store, make(store, 1))
    install(store, make(store, 2), switch=False)
    seen = []
    for name in ("unlink", "symlink", "rename", "replace"):
        real = getattr(os, name)

        def watched(*args: Any, _real: Callable[..., Any] = real, **kwargs: Any) -> Any:
            result = _real(*args, **kwargs)
            seen.append((store.root / "demo/current/bin/python").is_file())
            return result

        monkeypatch.setattr(os, name, watched)
    store.switch("demo", release_id(2))
    assert len(seen) >= 3
    assert all(seen)


def test_all_is_on_disk_before_it_can_be_seen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []

    def note(what: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            order.append((what, Path(args[-1] if what == "rename" else args[0]).name))
            return real(*args, **kwargs)

        return noted

    monkeypatch.setattr(_store, "flush_file_system", note("flush all", lambda _folder: None))
    for module in (disk, _store, _releases):
        monkeypatch.setattr(module, "flush_directory", note("flush names", lambda _folder: None))
    for module in (_arrived, _releases):
        monkeypatch.setattr(module, "replace_file", note("replace", lambda _path, _content: None))
    monkeypatch.setattr(os, "rename", note("rename", os.rename))
    install(store, make(store, 1))
    assert order == [
        *[("replace", name) for name in (MANIFEST, FILES, SIGNATURE)],
        ("flush all", release_id(1)),
        ("rename", release_id(1)),
        ("flush names", "demo"),
        ("replace", "activate"),
        ("replace", "activate.csh"),
        ("replace", "activate.fish"),
        ("rename", "current"),
        ("flush names", "demo"),
        ("replace", "high-water"),
        ("replace", "log"),
    ]


def test_small_files_are_on_disk_before_they_replace_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real = os.rename

    def rename(old: Path, new: Path) -> None:
        order.append("rename")
        real(old, new)

    monkeypatch.setattr(os, "fsync", lambda handle: order.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name))
    monkeypatch.setattr(os, "rename", rename)
    disk.replace_file(tmp_path / "high-water", b"1\n")
    assert order[0].startswith(".high-water-")
    assert order[1:] == ["rename", tmp_path.name]


# --- what the operating system refuses -------------------------------------------------------------------------------


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, number: int, code: int) -> Iterator[list[str]]:
    """Let the ``number``-th of the calls that change something fail once; yields the names of the calls."""
    calls: list[str] = []
    with monkeypatch.context() as patch:
        for name in ("mkdir", "open", "rename", "symlink", "chmod", "fchmod", "fsync"):
            real = getattr(os, name)

            def counted(*args: Any, _name: str = name, _real: Callable[..., Any] = real, **kwargs: Any) -> Any:
                if _name == "open" and not args[1] & (os.O_WRONLY | os.O_RDWR) and not os.path.isdir(args[0]):
                    return _real(*args, **kwargs)  # a file that is read: what the disk refuses are writes
                calls.append(_name)
                if len(calls) == number:
                    raise OSError(code, os.strerror(code), str(args[0]))
                return _real(*args, **kwargs)

            patch.setattr(os, name, counted)
        yield calls


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_every_refused_write_is_one_error_and_nothing_half_done(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    install(store, make(store, 1))
    made, before, number = make(store, 2), without_locks(store.root), 0
    failed = set()
    while True:
        number += 1
        made.send(store)
        with store.lock("demo"), failing(monkeypatch, number, code) as calls:
            try:
                store.install("demo", made.manifest.id, made.sha256, "tar.zst")
                break  # all calls of an install have failed once
            except AirgapError as error:
                failed.add((calls[number - 1], error.found, "free space" in error.remedy))
        assert without_locks(store.root) == before, calls
    assert number > 20
    names = {"mkdir", "open", "rename", "symlink", "chmod", "fchmod", "fsync"}
    assert {found[1:] for found in failed} == {(os.strerror(code), code == errno.ENOSPC)}
    assert {found[0] for found in failed} >= names - {"mkdir"}  # pathlib of Python 3.9 keeps its own os.mkdir


def test_what_came_first_is_told_when_nothing_can_be_taken_away_either(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), "/first")

    made = make(store, 1)
    made.send(store)
    with monkeypatch.context() as patch:
        patch.setattr(_store, "flush_directory", broken)
        patch.setattr(Store, "_take_away", broken)
        with raised("system-error", where="/first"):
            store.install("demo", release_id(1), made.sha256, "tar.zst")


def test_a_refused_switch_leaves_current(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    install(store, make(store, 1))
    install(store, make(store, 2), switch=False)
    number, problems = 0, set()
    while True:
        number += 1
        with failing(monkeypatch, number, errno.ENOSPC) as calls:
            try:
                store.switch("demo", release_id(2))
                break
            except AirgapError as error:
                problems.add(error.problem)
        # After the rename of current the switch is done, and its serial counts.
        assert (store.current("demo"), store.high_water("demo")) in ((release_id(1), 1), (release_id(2), 2)), calls
        assert (store.root / "demo/current/bin/python").is_file()
        store.switch("demo", release_id(1))
        (store.state("demo") / "high-water").write_text("1\n", encoding="ascii")
    assert number > 4
    assert problems == {f"Switching demo to {release_id(2)} failed"}


def test_what_an_interrupted_run_left_is_deleted(store: Store) -> None:
    install(store, make(store, 1))
    before = snapshot(store.root)
    (store.root / ".staging/demo/2-00000002/lib").mkdir(parents=True)
    (store.state("demo") / "2-00000002").mkdir()
    (store.state("demo") / "2-00000002" / MANIFEST).write_text("{}", encoding="ascii")
    with store.lock("demo"):
        store.recover("demo")
    assert snapshot(store.root) == before


def test_an_install_that_was_killed_is_made_good_by_the_next(store: Store) -> None:
    """Kill it at each of its calls that change something: the old release works on, the next run ends well."""
    install(store, make(store, 1))
    made = make(store, 2)
    for number in range(1, 200):
        made.send(store)
        process = os.fork()
        if process == 0:
            _die_at(number)
            with store.lock("demo"):
                store.recover("demo")
                store.install("demo", made.manifest.id, made.sha256, "tar.zst")
                store.switch("demo", made.manifest.id)
            os._exit(0)
        _pid, status = os.waitpid(process, 0)
        assert store.differences("demo", store.current("demo")) == []
        if not os.WIFSIGNALED(status):
            break
        with store.lock("demo"):
            store.recover("demo")
            if made.manifest.id in store.releases("demo"):
                assert store.differences("demo", made.manifest.id) == []
            else:
                if not store.incoming("demo", made.manifest.id).exists():
                    made.send(store)
                store.install("demo", made.manifest.id, made.sha256, "tar.zst")
            store.switch("demo", release_id(1))
            store.remove("demo", made.manifest.id)
            store.clear_incoming("demo", made.manifest.id)
        (store.state("demo") / "high-water").write_text("1\n", encoding="ascii")
    assert store.current("demo") == made.manifest.id
    assert number > 20


def _die_at(number: int) -> None:
    calls = 0
    for name in ("mkdir", "open", "rename", "symlink", "chmod", "fchmod", "unlink", "rmdir"):
        real = getattr(os, name)

        def counted(*args: Any, _real: Callable[..., Any] = real, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return _real(*args, **kwargs)

        setattr(os, name, counted)
