# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host in swarms as a controller tells it: it begins to take part, and later says what came of that.

What the swarm brought gets into the folder where a release arrives when it has the hash that the controller told, of
the verified manifest. The release is hashed once more when it is installed, like one that came by any other way.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import measure
from ansible_collections.airgap.conda.plugins.module_utils._base.copied import temporary_name
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._run.background import BEGINS, tidy
from ansible_collections.airgap.conda.plugins.module_utils._swarm import peer
from ansible_collections.airgap.conda.plugins.module_utils._swarm.background import Member, members
from ansible_collections.airgap.conda.plugins.module_utils._swarm.torrent import require

# The folder of swarms in a store, next to those of environments, whose names begin otherwise.
AREA = ".incoming/.swarm"
# Seconds that another begin on this host may take, and between two looks at a member.
WAIT, LOOK = 60.0, 0.2


def take_part(told: Mapping[str, Any]) -> dict[str, Any]:
    """Do what the controller tells: begin, or wait for what has begun; ``failure`` is what kept it from that."""
    area = Path(told["root"]) / AREA
    try:
        with os_errors("Taking part in a swarm", area):
            if "begin" in told:
                for one in told["begin"]:
                    _begin(area, one)
                return {"changed": True, "arrived": [], "failure": {}}
            return _wait(area, told["end"], float(told["wait"]), float(told["patience"]))
    except AirgapError as error:
        return {"changed": False, "arrived": [], "failure": error.fields()}


def _begin(area: Path, one: Mapping[str, Any]) -> None:
    files, incoming = one["files"], Path(one["incoming"])
    torrent = base64.b64decode(one["torrent"])
    name = require(torrent, {file["name"]: int(file["size"]) for file in files}, str(incoming))
    make_folder(area, 0o700)
    make_folder(incoming, 0o700)
    plan = peer.Plan(
        torrent=torrent,
        folder=Member(area, name).parts,
        address=one["address"],
        port=int(one["port"]),
        peers=tuple((address, int(port)) for address, port in one["peers"]),
        behind=tuple((address, int(port)) for address, port in one["behind"]),
        upload_limit=int(one["upload"]),
        seed=bool(one["seed"]),
        linger=float(one["linger"]),
        deadline=float(one["deadline"]),
        idle=float(one["idle"]),
    )
    try:
        with locked(area, BEGINS, "the swarms of this host", wait=WAIT):
            for other in members(area):
                if other.state().port == plan.port:  # an earlier run's, for which nobody waits any more
                    other.end()
            member = Member(area, name)
            folder = member.make_room()
            for there in one["have"]:
                os.link(incoming / there, folder / there)
            new = [file for file in files if file["name"] not in one["have"]]
            size = sum(int(file["size"]) for file in files)
            member.begin(plan, size, lambda: hand_over(folder, new, incoming))
    finally:
        tidy(area)


def hand_over(folder: Path, files: Sequence[Mapping[str, Any]], incoming: Path) -> list[str]:
    """Give those files to the release that have the hash of its manifest; return their names."""
    arrived = []
    for file in files:
        name, new = file["name"], incoming / temporary_name(file["name"])
        try:
            if measure(folder / name, int(file["size"])).sha256 == file["sha256"]:
                new.unlink(missing_ok=True)
                os.link(folder / name, new)
                new.replace(incoming / name)
                new.unlink(missing_ok=True)  # a rename to another name of the same file does nothing
                arrived.append(name)
        except (OSError, FileFault):  # what is not there, or not whole, comes by another way
            continue
    return arrived


def _wait(area: Path, begun: Sequence[Mapping[str, Any]], wait: float, patience: float) -> dict[str, Any]:
    """Wait until all is there, until nothing comes for ``patience`` seconds, or ``wait`` seconds if something came."""
    each = {Member(area, one["name"]): one for one in begun}
    begin = moved = time.monotonic()
    first = before = sum(member.state().done for member in each)
    while True:
        states = {member: member.state() for member in each}
        left = [member for member, state in states.items() if not state.complete and member.is_alive]
        done, now = sum(state.done for state in states.values()), time.monotonic()
        if done != before:
            before, moved = done, now
        if not left or now - moved >= patience:
            break
        if now - begin >= wait and before > first:
            return {"changed": False, "pending": True, "done": done, "arrived": [], "failure": {}}
        time.sleep(LOOK)
    for member in left:
        member.stop()
        states[member] = member.state()
    arrived, swarms = [], []
    for member, one in each.items():
        state = states[member]
        arrived += [[one["env"], one["release"], name] for name in state.arrived]
        ended = f"nothing came for {patience:.0f} s" if member in left else state.reason or "it ended early"
        why = "" if state.complete else ended
        detail = f"{why}: {state.detail}" if why and state.detail else why
        told = {"env": one["env"], "release": one["release"], "received": state.done, "sent": state.sent}
        swarms.append({**told, "reason": detail})
        if member.folder.is_dir():
            member.leave()
    said = {"pending": False, "done": before, "arrived": arrived, "swarms": swarms}
    return {"changed": bool(arrived), **said, "failure": {}}
