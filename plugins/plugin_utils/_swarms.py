# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts of a batch give parts to each other: worked out once for all of them, from what the controller knows.

The inventory is the tracker: a member is a host of this batch whose preflight wants the same payload, at the address
that its owner gave. What a host says of itself makes it no member, and gives it no address.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, RUNTIME, Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._swarm.graph import lines
from ansible_collections.airgap.conda.plugins.module_utils._swarm.settings import piece_length
from ansible_collections.airgap.conda.plugins.module_utils._swarm.torrent import make, require
from ansible_collections.airgap.conda.plugins.plugin_utils._once import PREFIX, once
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import File, Swarm

# What role deploy registers on each host: its settings, and what there is to do.
LOOK = "_deploy_preflight"
PACKAGE = "libtorrent"
SWARM, AUTO = "swarm", "auto"
# From how many hosts on, and from how many bytes to all of them on, a swarm is faster than one sender: it takes the
# time of some four copies and ten seconds, and one sender that of a copy for each host (at 100 MB/s).
MANY, MUCH = 8, 2 << 30
# From how many members on there are two seeds: one may die.
TWO_SEEDS = 6
MBIT = 125_000
MOST_PORT = 65_535


@dataclass(frozen=True)
class Member:
    """A host that could take part: what it wants, ``lacks`` so many bytes of it, and where the others reach it."""

    host: str
    wants: tuple[str, str, str]
    lacks: int
    transport: str
    address: str


class Swarms:
    """The swarms of a batch. ``known`` are the variables of a task on one of its hosts, ``folder`` the run's own."""

    def __init__(self, releases: Sequence[Release], known: Mapping[str, Any], folder: Path) -> None:
        self._releases = {(release.env, release.id): release for release in releases}
        self._known, self._folder = known, folder

    def may_pay(self, payload: Payload) -> bool:
        """Tell whether it could pay, were all hosts of the batch to want a payload; that costs nothing to find out."""
        hosts = len(self._known.get("ansible_play_batch", []))
        return hosts >= MANY and hosts * payload.size >= MUCH

    def of(self, release: Release, payload: Payload, record: Sequence[File], settings: Mapping[str, Any]) -> Swarm:
        """Return the swarm for a payload; raises AirgapError, for whose found there is none."""
        hosts = [str(host) for host in self._known.get("ansible_play_batch", [])]
        port = int(settings["port"])  # templates of older ansible-core give texts
        parts = [part.name for part in payload.parts]
        wanted = {"swarm": hosts, "env": release.env, "id": release.id, "parts": parts, "port": port}
        told = once(self._folder, wanted, lambda: self._plan(release, payload, hosts, port))
        folder = Path(release.path)
        files = (*record, *(File(part.name, part.size, part.sha256, folder / part.name) for part in payload.parts))
        return Swarm(
            name=told["name"],
            torrent=Path(told["torrent"]),
            members={host: (str(at[0]), int(at[1])) for host, at in told["members"].items()},
            seeds=tuple(told["seeds"]),
            lines=tuple(map(tuple, told["lines"])),
            files=files,
            upload=int(settings["upload"]) * MBIT // int(told["count"]),
            linger=float(settings["linger"]),
        )

    def _plan(self, release: Release, payload: Payload, hosts: Sequence[str], port: int) -> dict[str, Any]:
        if not self._runtime_has():
            raise no_swarm(f"the runtime of the depot has no {PACKAGE}")
        wants = (release.env, release.id, payload.format)
        everybody = [member for host in hosts for member in self._members(host)]
        same = [member for member in everybody if member.wants == wants]
        much = len(same) >= MANY and len(same) * payload.size >= MUCH
        same = [member for member in same if member.transport == SWARM or (much and member.transport == AUTO)]
        reached = _reached(same)
        if len(reached) < 2:
            raise no_swarm(f"{len(reached)} of {len(same)} hosts can take part, by their addresses")
        # What one host alone says that it wants moves no port, and takes nothing from what others may give.
        wanted = Counter(member.wants for member in everybody)
        shared = sorted(one for one in wanted if wanted[one] > 1)
        at = port + shared.index(wants)
        if at > MOST_PORT:
            raise no_swarm(f"the port would be {at}")
        members = {member.host: (member.address, at) for member in reached}
        first = seeds(reached)
        with os_errors("Making a torrent", Path(release.path)):
            names = [*release.record, *(part.name for part in payload.parts)]
            sizes = {name: (Path(release.path) / name).stat().st_size for name in names}
            torrent = make(Path(release.path), names, piece_length(sum(sizes.values())))
            name = require(torrent, sizes, release.path)
            path = self._folder / f"{PREFIX}{name}.torrent"
            path.write_bytes(torrent)
        return {
            "name": name,
            "torrent": str(path),
            "members": members,
            "seeds": first,
            "lines": lines([members[host][0] for host in first], [member.address for member in reached]),
            "count": len(shared),
        }

    def _members(self, host: str) -> Iterable[Member]:
        """Give what a host wants, one for each payload; nothing before its preflight has ended."""
        about = self._known["hostvars"].get(host) or {}
        found = about.get(LOOK) or {}
        settings = found.get("settings") or {}
        if found.get("failed") or not settings:
            return
        for told in found.get("steps") or []:
            try:
                step = Step.from_dict(told, host)
            except AirgapError:  # it is not sent anything either
                continue
            release = self._releases.get((step.env, step.id))
            payload = release.payload([step.format]) if release else None
            if step.action == "install":
                lacks = sum(part.size for part in (payload.parts if payload else ()) if part.name in step.missing)
                address = address_of(str(settings.get("swarm_interface") or ""), host, about)
                yield Member(host, (step.env, step.id, step.format), lacks, str(settings.get("transport")), address)

    def _runtime_has(self) -> bool:
        """Tell whether the runtime that hosts have by now brings libtorrent, by its manifest."""
        runtime = next((release for (env, _id), release in self._releases.items() if env == RUNTIME), None)
        if runtime is None:
            return False
        with os_errors("Reading the runtime", Path(runtime.path)):
            packages = json.loads((Path(runtime.path) / MANIFEST).read_text(encoding="utf-8"))["packages"]
        return any(PACKAGE in str(package.get("name")) for package in packages)


def seeds(members: Sequence[Member]) -> list[str]:
    """Return the hosts that get their copy first: those that lack least, and the second one of another subnet."""
    order = sorted(members, key=lambda member: member.lacks)
    if len(order) < TWO_SEEDS:
        return [order[0].host]
    others = [member for member in order[1:] if _subnet(member.address) != _subnet(order[0].address)]
    return [order[0].host, (others or order[1:])[0].host]


def _subnet(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    bits = 24 if ipaddress.ip_address(address).version == 4 else 64
    return ipaddress.ip_network(f"{address}/{bits}", strict=False)


def _reached(members: Sequence[Member]) -> list[Member]:
    """Return those that have an address of their own."""
    addresses = Counter(member.address for member in members)
    return [member for member in members if member.address and addresses[member.address] == 1]


def address_of(given: str, host: str, about: Mapping[str, Any]) -> str:
    """Return the address at which other hosts reach one; empty where that is not known.

    That is ``given``, or what Ansible connects to, unless this is this machine. A name is looked up here.
    """
    name = given or str(about.get("ansible_host") or host)
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
        address = ipaddress.ip_address(min(found, key=lambda text: (":" in text, text)))
    except (OSError, ValueError, UnicodeError):
        return ""
    unfit = address.is_multicast or address.is_unspecified or address.is_link_local
    return "" if unfit or (address.is_loopback and not given) else str(address)


def no_swarm(found: str) -> AirgapError:
    """Return why hosts do not give parts to each other."""
    return AirgapError(
        "There is no swarm, so releases come by another way",
        code="no-swarm",
        wanted=f"two or more hosts of a batch that want the same, at addresses that they reach, and {PACKAGE} in the "
        "runtime",
        found=found,
        where="deploy_transport: swarm",
        remedy="see the guide to swarms, or choose another deploy_transport",
    )
