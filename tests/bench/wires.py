# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts in a network of limited wires, all of it in namespaces of processes: nothing of it is left when they end.

The process that makes a network must be in a network namespace of its own (``unshare --net``). Each host is a process
in another one, joined to the bridge of its subnet by a pair of interfaces; each end passes on no more than the rate.
The bridges are joined by links, which have a rate too.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

RANGE = "10.9.0.0/16"
# What a wire lets through at once, in bytes, and how long it keeps what has to wait.
BURST, WAIT = 16 * 1024, "50ms"


@dataclass(frozen=True)
class Place:
    """Where a host is in the network."""

    subnet: int
    number: int

    @property
    def address(self) -> str:
        """Return its address."""
        return f"10.9.{self.subnet}.{self.number + 1}"

    @property
    def wire(self) -> str:
        """Return the name of its interface at the bridge."""
        return f"w{self.subnet}-{self.number}"

    @property
    def hardware(self) -> str:
        """Return the hardware address of its own interface."""
        return f"02:09:00:00:{self.subnet:02x}:{self.number:02x}"


def batch(program: str, lines: Iterable[str]) -> None:
    """Let ``ip`` or ``tc`` do several things."""
    done = subprocess.run(
        [program, "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise SystemExit(f"bench: {program}: {done.stderr.strip()}")


def _limited(interface: str, rate: int) -> str:
    """Return the words for ``tc`` that let an interface send at most ``rate`` bits a second."""
    return f"qdisc add dev {interface} root tbf rate {rate}bit burst {BURST} latency {WAIT}"


class Network:
    """Bridges of subnets, with a link from the first one to each other one. Rates are bits a second."""

    def __init__(self, places: Sequence[Place], rate: int, link: int) -> None:
        self.places, self.rate = places, rate
        first, *others = sorted({place.subnet for place in places})
        lines = []
        for subnet in (first, *others):
            lines += [f"link add b{subnet} type bridge", f"link set b{subnet} up"]
        for subnet in others:
            lines += [
                f"link add to{subnet} type veth peer name from{subnet}",
                f"link set to{subnet} master b{first} up",
                f"link set from{subnet} master b{subnet} up",
            ]
        batch("ip", lines)
        batch("tc", [_limited(f"{end}{subnet}", link) for subnet in others for end in ("to", "from")])

    def lay(self, place: Place, process: int) -> None:
        """Lay the wire to the namespace of a process."""
        wire = place.wire
        lines = [f"link add {wire} type veth peer name eth0 netns {process}"]
        batch("ip", [*lines, f"link set {wire} master b{place.subnet} up"])
        batch("tc", [_limited(wire, self.rate)])

    def joining(self, place: Place) -> dict[str, list[str]]:
        """Return what a host has to do in its namespace, by program."""
        others = [other for other in self.places if other != place]
        return {
            "ip": [
                f"link set eth0 address {place.hardware}",
                f"address add {place.address}/16 dev eth0 noprefixroute",
                "link set lo up",
                "link set eth0 up",
                # How Linux avoids congestion by default, whatever this machine is set to.
                f"route add {RANGE} dev eth0 congctl cubic",
                # The table of neighbours is one for all namespaces, and small.
                *(f"neighbour add {one.address} lladdr {one.hardware} dev eth0 nud permanent" for one in others),
            ],
            "tc": [_limited("eth0", self.rate)],
        }

    def cut(self, place: Place) -> None:
        """Let nothing pass on a host's wire; nobody is told."""
        batch("ip", [f"link set {place.wire} down"])

    def mend(self, place: Place) -> None:
        """Let the wire work again."""
        batch("ip", [f"link set {place.wire} up"])


def received() -> dict[str, int]:
    """Return how many bytes came in through each interface of this namespace."""
    rows = [line.partition(":") for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines()[2:]]
    return {name.strip(): int(numbers.split()[0]) for name, _colon, numbers in rows}
