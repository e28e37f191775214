# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts of a network with limited wires, all of it in namespaces of processes: what ends takes its part along.

The process that makes a network must be in a network namespace of its own (``unshare --net``). Each host is a process
in another one, joined to the bridge of its subnet by a pair of interfaces; both ends pass on no more than the rate. The
subnets are joined by one link, which has a rate too.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PREFIX, RANGE = 16, "10.9.0.0/16"
# What a limit lets through at once, in bytes, and how long it keeps what has to wait.
BURST, PATIENCE = 16 * 1024, "50ms"


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
        """Return the address of its interface."""
        return f"02:09:00:00:{self.subnet:02x}:{self.number:02x}"


def limit(interface: str, rate: int) -> str:
    """Return the words for ``tc`` that let an interface send at most ``rate`` bits a second."""
    return f"qdisc add dev {interface} root tbf rate {rate}bit burst {BURST} latency {PATIENCE}"


def batch(program: str, lines: Sequence[str]) -> None:
    """Let ``ip`` or ``tc`` do several things."""
    done = subprocess.run([program, "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {program}: {done.stderr.strip()}")


class Network:
    """Subnets with hosts, all on this machine."""

    def __init__(self, places: Sequence[Place], rate: int, link_rate: int, congestion: str = "cubic") -> None:
        self.congestion = congestion
        self.places, self.rate, self.link_rate = places, rate, link_rate
        subnets = sorted({place.subnet for place in places})
        lines = [line for subnet in subnets for line in (f"link add b{subnet} type bridge", f"link set b{subnet} up")]
        for subnet in subnets[1:]:
            ends = f"up{subnet}", f"down{subnet}"
            lines += [f"link add {ends[0]} type veth peer name {ends[1]}"]
            lines += [f"link set {ends[0]} master b0 up", f"link set {ends[1]} master b{subnet} up"]
        batch("ip", lines)
        batch("tc", [limit(f"{end}{subnet}", link_rate) for subnet in subnets[1:] for end in ("up", "down")])

    def start(self, place: Place, command: Sequence[str]) -> subprocess.Popen[str]:
        """Start a host's process, which must call ``join`` with what ``joining`` returns before it uses the network."""
        host = subprocess.Popen(
            ["unshare", "--net", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace"
        )
        return host

    def wire(self, place: Place, process: int) -> None:
        """Lay the wire to the namespace of a process."""
        wire = place.wire
        batch(
            "ip",
            [
                f"link add {wire} type veth peer name eth0 netns {process}",
                f"link set {wire} master b{place.subnet} up",
            ],
        )
        batch("tc", [limit(wire, self.rate)])

    def joining(self, place: Place) -> dict[str, list[str]]:
        """Return what a host has to do within its namespace, by program."""
        others = [other for other in self.places if other != place]
        return {
            "ip": [
                f"link set eth0 address {place.hardware}",
                f"address add {place.address}/{PREFIX} dev eth0 noprefixroute",
                "link set lo up",
                "link set eth0 up",
                f"route add {RANGE} dev eth0 congctl {self.congestion}",
                *(f"neighbour add {one.address} lladdr {one.hardware} dev eth0 nud permanent" for one in others),
            ],
            "tc": [limit("eth0", self.rate)],
        }


def sent() -> dict[str, tuple[int, int]]:
    """Return for each interface of this namespace how many bytes came in and went out."""
    lines = Path("/proc/net/dev").read_text(encoding="ascii").splitlines()[2:]
    rows = [(name.strip(), numbers.split()) for name, _colon, numbers in (line.partition(":") for line in lines)]
    return {name: (int(numbers[0]), int(numbers[8])) for name, numbers in rows}


if __name__ == "__main__":
    sys.exit("This is no program.")
