# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the receipts in a depot say of the releases, ring by ring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import EnvSeen
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import RINGS, Said, read_rings
from ansible_collections.airgap.conda.plugins.module_utils._hosts.rings import summary, write_rings
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import put, receipt
from ansible_collections.airgap.conda.tests.unit.tiny_release import release_id

ONE, TWO = release_id(1), release_id(2)
HAS_TWO = EnvSeen(TWO, (ONE, TWO), TWO, "", 2)
UNPROVED = EnvSeen(TWO, (ONE, TWO), ONE, "", 1)
REFUSED = EnvSeen(ONE, (ONE,), ONE, TWO, 1)


def tell(depot: Path, host: str, ring: int, seen: EnvSeen, number: int = 1) -> None:
    put(depot, replace(receipt(number, name=host), ring=ring, envs={"demo": seen}), None)


def test_each_ring_says_how_many_find_a_release_right_or_wrong(tmp_path: Path) -> None:
    for number, (ring, seen) in enumerate([(1, HAS_TWO), (1, HAS_TWO), (1, REFUSED), (2, UNPROVED)]):
        tell(tmp_path, f"ws-{number}", ring, seen)
    rings = summary(tmp_path, ["demo 9-abcdef01"])
    assert rings.said == (Said("demo", ONE, 1, 1, 0), Said("demo", TWO, 1, 2, 1))
    assert rings.opened == ("demo 9-abcdef01",)


def test_a_host_outside_the_rings_says_nothing(tmp_path: Path) -> None:
    tell(tmp_path, "ws-1", 0, REFUSED)
    assert summary(tmp_path).said == ()


def test_the_newest_receipt_of_a_host_counts(tmp_path: Path) -> None:
    tell(tmp_path, "ws-1", 1, REFUSED, number=1)
    tell(tmp_path, "ws-1", 1, HAS_TWO, number=2)
    assert summary(tmp_path).said == (Said("demo", TWO, 1, 1, 0),)


def test_it_is_written_once(tmp_path: Path) -> None:
    tell(tmp_path, "ws-1", 1, HAS_TWO)
    assert write_rings(tmp_path, summary(tmp_path))
    before = (tmp_path / RINGS).stat()
    assert not write_rings(tmp_path, summary(tmp_path))
    assert (tmp_path / RINGS).stat().st_mtime_ns == before.st_mtime_ns
    assert read_rings(tmp_path) == summary(tmp_path)
