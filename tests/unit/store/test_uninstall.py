# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Removal on purpose: what is current, in use, or no name stays; what goes leaves nothing but the mark."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    again,
    keep,
    make_release,
    release_id,
    skip_flushes,
    snapshot,
    without_locks,
)

ONE, TWO = release_id(1), release_id(2)


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host with two releases of each of demo, other and runtime."""
    folder = tmp_path_factory.mktemp("host")
    store = Store(folder / "opt")
    with pytest.MonkeyPatch.context() as patch:
        skip_flushes(patch)
        for env in ("demo", "other", "runtime"):
            for serial in (1, 2):
                made = make_release(folder / "depot", store.root, serial, env=env)
                made.send(store)
                deploy(store, made.step(), made.sha256, 9)
    return keep(folder)


@pytest.fixture
def store(original: Path) -> Store:
    return Store(again(original) / "opt")


def refused(store: Store, env: str, release: str = "") -> AirgapError:
    """Want a refusal, the same one in check mode, that changes nothing but the lock."""
    before = without_locks(store.root)
    errors = []
    for check_mode in (True, False):
        with pytest.raises(AirgapError) as caught:
            uninstall(store, env, release, check_mode)
        errors.append(str(caught.value))
        assert without_locks(store.root) == before
    assert errors[0] == errors[1]
    return caught.value


def test_a_release_goes_and_the_others_stay(store: Store) -> None:
    others = snapshot(store.root / "other")
    before = snapshot(store.root)
    assert uninstall(store, "demo", ONE, check_mode=True) == [ONE]
    assert snapshot(store.root) == before
    assert uninstall(store, "demo", ONE) == [ONE]
    assert (store.releases("demo"), store.current("demo")) == ([TWO], TWO)
    assert snapshot(store.root / "other") == others
    assert uninstall(store, "demo", ONE) == []


def test_an_environment_goes_and_its_mark_stays(store: Store) -> None:
    assert uninstall(store, "demo") == [ONE, TWO]
    assert sorted(path.name for path in store.root.iterdir()) == [".state", "other", "runtime"]
    assert store.envs() == ["other", "runtime"]
    assert store.high_water("demo") == 2
    assert uninstall(store, "demo") == []


def test_the_current_release_stays(store: Store) -> None:
    assert refused(store, "demo", TWO).code == "release-current"


@pytest.mark.parametrize("release", ["", ONE])
def test_what_is_in_use_stays_and_the_process_is_named(store: Store, release: str) -> None:
    folder = store.release("demo", ONE) / "lib"
    with subprocess.Popen(["sleep", "60"], cwd=folder) as process:
        try:
            assert refused(store, "demo", release).found == f"{ONE} by process {process.pid}"
        finally:
            process.kill()
    assert ONE in uninstall(store, "demo", release)


def test_the_runtime_stays_but_its_old_release_may_go(store: Store) -> None:
    assert str(store.root) in refused(store, "runtime").remedy
    assert uninstall(store, "runtime", ONE) == [ONE]


@pytest.mark.parametrize(
    ("env", "release"), [("", ""), ("..", ""), ("demo/..", ""), (".state", ""), ("demo", ".."), ("demo", "current")]
)
def test_what_is_no_name_is_refused(store: Store, env: str, release: str) -> None:
    assert refused(store, env, release).code == "name-invalid"


def test_an_environment_that_was_never_here_is_no_work(store: Store) -> None:
    before = snapshot(store.root)
    assert uninstall(store, "never") == []
    assert snapshot(store.root) == before
