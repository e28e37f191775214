# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who asks whom, and how long pieces are."""

from __future__ import annotations

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._swarm import graph, settings


def ordered(seeds: list[str], others: list[str]) -> dict[str, list[str]]:
    """Return for each address whom it asks."""
    lines = graph.lines(seeds, others)
    return {address: graph.asked(lines, address) for line in lines for address in line}


def test_each_asks_the_one_before_it_and_then_those_before_that_one() -> None:
    assert ordered(["10.0.0.9"], ["10.0.0.12", "10.0.0.11", "10.0.0.9", "10.0.0.10"]) == {
        "10.0.0.9": ["10.0.0.10", "10.0.0.11", "10.0.0.12"],
        "10.0.0.10": ["10.0.0.9", "10.0.0.11", "10.0.0.12"],
        "10.0.0.11": ["10.0.0.10", "10.0.0.9", "10.0.0.12"],
        "10.0.0.12": ["10.0.0.11", "10.0.0.10", "10.0.0.9"],
    }


@pytest.mark.parametrize("seed", ["10.0.5.1", "10.0.1.77"])
def test_one_copy_comes_into_each_subnet(seed: str) -> None:
    others = [f"10.0.{subnet}.{number}" for number in range(20, 36) for subnet in (1, 5, 4, 200)]
    asked = ordered([seed], others)
    crossing = [
        (address, before[0])
        for address, before in asked.items()
        if address != seed and address.rpartition(".")[0] != before[0].rpartition(".")[0]
    ]
    assert len(crossing) == 3
    assert all(len(before) == len(asked) - 1 == len(set(before)) for before in asked.values())


def test_seeds_have_lines_of_equal_length_with_those_that_are_near() -> None:
    near = [f"10.0.1.{number}" for number in range(2, 9)]
    far = [f"10.0.2.{number}" for number in range(2, 8)]
    seeds = ["10.0.1.1", "10.0.2.1"]
    lines, asked = graph.lines(seeds, near + far), ordered(seeds, near + far)
    assert [one for one in far if asked[one][0] not in (*far, "10.0.2.1")] == []
    assert graph.behind(lines, "10.0.1.1")
    assert graph.behind(lines, "10.0.2.1")


def test_who_is_behind_is_who_asks_first() -> None:
    lines = graph.lines(["fd00::1"], ["fd00::2", "fd00::3", "fd01::1"])
    ends = [address for address in lines[0] if not graph.behind(lines, address)]
    assert len(ends) == 1
    assert ends[0] == "fd01::1"


@pytest.mark.parametrize("seeds", [1, 2, 3, 7])
def test_behind_each_is_who_asks_it_first(seeds: int) -> None:
    addresses = [f"10.0.{number % 3}.{number}" for number in range(1, 12)]
    lines, asked = graph.lines(addresses[:seeds], addresses), ordered(addresses[:seeds], addresses)
    for address in addresses:
        first = {one for one, others in asked.items() if others[0] == address}
        assert len(graph.behind(lines, address)) == len(first)
        assert set(graph.behind(lines, address)) == first


def test_no_seed_and_no_address_are_refused() -> None:
    with pytest.raises(ValueError, match="seed"):
        graph.lines([], ["10.0.0.1"])
    with pytest.raises(ValueError, match="gpu07"):
        graph.lines(["10.0.0.1"], ["gpu07"])


@pytest.mark.parametrize("size", [0, 1, 16 << 20, (64 << 20) + 1, 5 << 30, 1 << 40])
def test_pieces_are_powers_of_two_and_no_more_than_wanted(size: int) -> None:
    length = settings.piece_length(size)
    assert length.bit_count() == 1
    assert settings.SHORTEST <= length <= settings.LONGEST
    assert length == settings.LONGEST or size <= length * settings.PIECES
