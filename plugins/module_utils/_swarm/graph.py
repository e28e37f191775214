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
from collections.abc import Iterable, Sequence


def _bits(address: str) -> tuple[int, int]:
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


def _nearness(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Return how many leading bits two addresses share; -1 if they are of different families."""
    (version, mine), (theirs, value) = one, other
    if version != theirs:
        return -1
    width = 32 if version == 4 else 128
    return width - (mine ^ value).bit_length()


def lines(seeds: Sequence[str], others: Iterable[str]) -> list[list[str]]:
    """Return the lines, each from a seed on, with the hosts that are nearest to it, of the same length, within one.

    Raises ValueError for what is no address, and without a seed.
    """
    if not seeds:
        raise ValueError("a swarm needs a seed")
    bits = {address: _bits(address) for address in (*seeds, *others)}
    left = sorted(bits.keys() - set(seeds), key=bits.__getitem__)
    found = []
    for number, seed in enumerate(seeds):
        count = -(-len(left) // (len(seeds) - number))
        at = bits[seed]
        nearest = sorted(left, key=lambda address, at=at: (-_nearness(at, bits[address]), bits[address]))  # type: ignore[misc]
        found.append([seed, *nearest[:count]])
        left = sorted(nearest[count:], key=bits.__getitem__)
    return found


def asked(of: Sequence[Sequence[str]], address: str) -> list[str]:
    """Return whom a host of these lines asks, in this order: first the one before it, at last those of other lines."""
    line = next(line for line in of if address in line)
    place = line.index(address)
    beyond = [one for other in of if other is not line for one in other]
    return [*reversed(line[:place]), *line[place + 1 :], *beyond]


def behind(of: Sequence[Sequence[str]], address: str) -> list[str]:
    """Return those who ask ``address`` first: the next one of its line, and a seed, which has none before it."""
    found = [line[place + 1] for line in of for place, one in enumerate(line[:-1]) if one == address]
    return [*found, *(line[0] for line in of if line[0] != address and asked(of, line[0])[:1] == [address])]
