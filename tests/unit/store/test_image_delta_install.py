# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host whose older release is an image: it takes the delta between images, and the whole image where that fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._fit import rules
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import New
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store import arrived
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import faults_of
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_image import Systemd, bring_made, why_not
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, Made, make_release, release_id, without_locks

pytestmark = [
    pytest.mark.usefixtures("quick_disk"),
    pytest.mark.skipif(bool(why_not()), reason=f"no image can be mounted here: {why_not()}"),
]
ONE, TWO = release_id(1), release_id(2)
DATA = os.urandom(300_000)
TREE_DELTA, DELTA = f"delta-{ONE}", f"delta-{ONE}.squashfs"
BOTH = ("squashfs", "tar.zst")


def make(folder: Path, store: Store, serial: int, base: Made | None = None) -> Made:
    tree: dict[str, Any] = {**TREE, "lib/big.bin": DATA, "lib/changed": f"{serial}" * 5000}
    options: dict[str, Any] = {"formats": BOTH, "part_size": 1 << 20, "checks": Checks(), "base": base}
    return make_release(folder, store.root, serial, tree=tree, **options)


@pytest.fixture
def second(store: Store, tmp_path: Path, host: Systemd) -> Made:
    """The second release of a host that has the first one as an image."""
    first = make(tmp_path / "depot", store, 1)
    bring_made(store, first)
    assert (store.came_as_image("demo", ONE), len(host.calls)) == (True, 1)
    return make(tmp_path / "depot", store, 2, first)


def step(store: Store, made: Made, **options: Any) -> Step:
    (found,) = inspect(store, [made.wanted], 9, allow_downgrade=False, **options)
    assert found.action == "install"
    return found


def test_the_delta_is_sent_and_what_it_makes_is_mounted(
    store: Store, second: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {payload.format: payload.size for payload in second.manifest.payloads}
    assert {*sizes} == {*BOTH, TREE_DELTA, DELTA}
    assert sizes[DELTA] < 0.1 * sizes["squashfs"]
    found = step(store, second)
    assert (found.format, found.missing) == (DELTA, [f"env.{DELTA}"])
    # Room is asked for what is sent and for what is made of it.
    news: list[New] = []
    monkeypatch.setattr(rules, "judge", lambda _table, _facts, given, _older: news.extend(given))
    step(store, second)
    assert (news[0].to_send, news[0].image) == (sizes[DELTA], sizes["squashfs"])
    bring_made(store, second)
    assert (store.releases("demo"), store.current("demo"), faults_of(store, "demo", TWO)) == ([ONE, TWO], TWO, [])
    assert store.image("demo", TWO).stat().st_size == sizes["squashfs"]
    assert not store.incoming("demo", TWO).exists()


def test_who_takes_trees_gets_the_other_delta_from_an_image_too(store: Store, second: Made) -> None:
    assert step(store, second, formats=["tar.zst"]).format == TREE_DELTA
    second.send(store)
    with store.lock("demo"):
        store.install("demo", TWO, second.sha256, TREE_DELTA)
    assert (store.came_as_image("demo", TWO), faults_of(store, "demo", TWO)) == (False, [])


@pytest.mark.usefixtures("host")
def test_who_has_the_older_release_as_a_tree_gets_the_whole_image(store: Store, tmp_path: Path) -> None:
    first = make(tmp_path / "depot", store, 1)
    first.send(store)
    with store.lock("demo"):
        store.install("demo", ONE, first.sha256, "tar.zst")
    assert step(store, make(tmp_path / "depot", store, 2, first)).format == "squashfs"


@pytest.mark.parametrize("how", ["changed", "cut"])
def test_an_older_image_that_was_changed_is_no_base_and_nothing_is_mounted(
    store: Store, second: Made, host: Systemd, how: str
) -> None:
    image = store.image("demo", ONE)
    data = image.read_bytes()
    # Another file, so that what is mounted stays as it was.
    image.unlink()
    image.write_bytes(bytes(200_000) + data[200_000:] if how == "changed" else data[:100_000])
    second.send(store)
    before, calls = without_locks(store.root), len(host.calls)
    with raised("delta-refused", where=str(store.release("demo", ONE)), remedy="none is needed"), store.lock("demo"):
        store.install("demo", TWO, second.sha256, DELTA)
    after = without_locks(store.root)
    assert {*after} - {*before} == {f".state/demo/{ONE}/no-base"}
    assert (store.current("demo"), len(host.calls)) == (ONE, calls)
    assert step(store, second).format == "squashfs"
    bring_made(store, second)
    assert (store.current("demo"), faults_of(store, "demo", TWO)) == (TWO, [])


def test_a_delta_that_changes_after_it_was_read_is_never_mounted(
    store: Store, second: Made, host: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = len(host.calls)
    part = second.send(store) / f"env.{DELTA}"
    data = part.read_bytes()
    part.write_bytes(data[:-200] + bytes(100) + data[-100:])
    monkeypatch.setattr(arrived, "accept_file", lambda *_args: None)
    with raised("delta-refused"), store.lock("demo"):
        store.install("demo", TWO, second.sha256, DELTA)
    assert (store.releases("demo"), len(host.calls)) == ([ONE], calls)
    assert not store.image("demo", TWO).exists()


def test_a_delta_from_an_image_that_went_away_is_refused(store: Store, second: Made) -> None:
    found = step(store, second)
    store.undo_switch("demo")
    store.remove_env("demo")
    second.send(store)
    with raised("delta-refused"), store.lock("demo"):
        store.install("demo", TWO, second.sha256, found.format)
    assert step(store, second).format == "squashfs"
