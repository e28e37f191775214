# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who asks whom in a swarm: a line of hosts, each of which asks the one before it, and others only in need.

On a line every host sends each piece once and gets it once, so that all wires are full in both directions; what is more
than one copy takes its time from somebody. Where many may ask many, those who are ahead send the newest pieces again
and again. Hosts of a subnet stand next to one another, so that one copy comes into each.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence


def _bits(address: str) -> tuple[int, int]:
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


def nearness(one: str, other: str) -> int:
    """Return how many leading bits two addresses share; -1 if they are of different families."""
    (version, mine), (theirs, value) = _bits(one), _bits(other)
    if version != theirs:
        return -1
    width = 32 if version == 4 else 128
    return width - (mine ^ value).bit_length()


def ordered(seeds: Sequence[str], others: Iterable[str]) -> dict[str, list[str]]:
    """Return for each address whom it asks, in this order: first the one before it, at last those behind it.

    Each seed has a line of its own with the hosts that are nearest to it; lines have the same length, within one.
    Raises ValueError for what is no address, and without a seed.
    """
    if not seeds:
        raise ValueError("a swarm needs a seed")
    left = sorted(set(others) - set(seeds), key=_bits)
    lines = []
    for number, seed in enumerate(seeds):
        count = -(-len(left) // (len(seeds) - number))
        nearest = sorted(left, key=lambda address, seed=seed: (-nearness(seed, address), _bits(address)))  # type: ignore[misc]
        lines.append([seed, *nearest[:count]])
        left = sorted(nearest[count:], key=_bits)
    asked = {}
    for line in lines:
        beyond = [address for other in lines if other is not line for address in other]
        for place, address in enumerate(line):
            asked[address] = [*reversed(line[:place]), *line[place + 1 :], *beyond]
    return asked


def behind(asked: Mapping[str, Sequence[str]], address: str) -> list[str]:
    """Return those who ask ``address`` first, by what ``ordered`` returned."""
    return [one for one, others in asked.items() if others[:1] == [address]]
