# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that has an older release: it takes what is cheapest to send, and the whole release where that fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import faults_of
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import repair
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, Made, release_id, without_locks
from ansible_collections.airgap.conda.tests.unit.tiny_store import install, make

pytestmark = pytest.mark.usefixtures("quick_disk")
ONE, TWO = release_id(1), release_id(2)
DATA = os.urandom(20_000)
DELTA = f"delta-{ONE}"


def tree(change: bytes) -> dict[str, Any]:
    return {**TREE, "share": None, "lib/big.bin": DATA + change, "lib/same.bin": DATA[::-1]}


@pytest.fixture
def second(store: Store) -> Made:
    """The second release of a host that has the first one."""
    first = make(store, 1, tree=tree(b"one"), part_size=1 << 20)
    install(store, first)
    return make(store, 2, tree=tree(b"two"), part_size=1 << 20, base=first)


def step(store: Store, made: Made) -> tuple[str, list[str]]:
    (found,) = inspect(store, [made.wanted], 2, allow_downgrade=False)
    assert found.action == "install"
    return found.format, found.missing


def bring(store: Store, made: Made, format_name: str = DELTA) -> None:
    with store.lock("demo"):
        made.send(store)
        store.install("demo", made.manifest.id, made.sha256, format_name)


def base_file(store: Store, name: str = "lib/big.bin") -> Path:
    return store.release("demo", ONE) / name


def test_the_delta_is_sent_and_makes_the_release(store: Store, second: Made) -> None:
    assert step(store, second) == (DELTA, [f"env.{DELTA}"])
    assert sum(payload.size for payload in second.manifest.payloads if payload.format == DELTA) < 2000
    bring(store, second)
    assert faults_of(store, "demo", TWO) == []
    assert not store.incoming("demo", TWO).exists()


def test_a_host_without_the_older_release_gets_the_whole(store: Store, second: Made) -> None:
    third = make(store, 3, tree=tree(b"three"), part_size=1 << 20, base=second)
    assert step(store, third) == ("tar.zst", ["env.tar.zst"])


def test_what_arrived_before_counts(store: Store, second: Made) -> None:
    second.send(store)
    (store.incoming("demo", TWO) / f"env.{DELTA}").unlink()
    assert step(store, second) == ("tar.zst", [])


@pytest.mark.parametrize("name", ["lib/big.bin", "lib/same.bin", "the record"])
def test_an_older_release_that_was_changed_is_no_base(store: Store, second: Made, name: str) -> None:
    path = store.state("demo") / ONE / FILES if name == "the record" else base_file(store, name)
    whole = path.read_bytes()
    path.write_bytes(b"x" + whole[1:])
    before = without_locks(store.root)
    with raised("delta-refused", where=str(store.release("demo", ONE)), remedy="none is needed"):
        bring(store, second)
    assert {*without_locks(store.root)} - {*before} == {f".state/demo/{ONE}/no-base"}
    assert (store.releases("demo"), store.current("demo")) == ([ONE], ONE)
    assert step(store, second) == ("tar.zst", ["env.tar.zst"])
    # Whoever puts the release right makes it a base again.
    path.write_bytes(whole)
    repair(store, "demo", ["tar.zst"])
    assert (faults_of(store, "demo", ONE), step(store, second)[0]) == ([], DELTA)


def test_a_part_that_is_damaged_is_not_the_fault_of_the_older_release(store: Store, second: Made) -> None:
    with store.lock("demo"):
        part = second.send(store) / f"env.{DELTA}"
        part.write_bytes(part.read_bytes()[:-1] + b"x")
        with raised("file-damaged"):
            store.install("demo", TWO, second.sha256, DELTA)
    assert step(store, second)[0] == DELTA


def test_a_delta_from_a_release_that_went_away_is_refused(store: Store, second: Made) -> None:
    store.undo_switch("demo")
    store.remove_env("demo")
    with raised("delta-refused"):
        bring(store, second)
