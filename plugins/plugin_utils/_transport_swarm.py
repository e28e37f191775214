# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transport: hosts that want the same parts give them to each other, by libtorrent in their runtime.

A few seeds get their copy first, and go on giving it away; the others begin in the background, all before the first is
waited for. What the swarm does not bring to a host, for whatever reason, comes by http or push.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants as C

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import LINE, clean, fields_of
from ansible_collections.airgap.conda.plugins.module_utils._swarm.graph import asked, behind
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._once import PREFIX
from ansible_collections.airgap.conda.plugins.plugin_utils._sent import sent
from ansible_collections.airgap.conda.plugins.plugin_utils._swarms import SWARM
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import Key, Missing, Swarm, Transport
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_unswarmed import fetch_or_send, without

# Seconds: a look at a host takes at most that long, after that long without a byte another way is taken, sooner when
# another host got nothing at all, and a seed waits at least that long for the first that wants something.
LOOK, PATIENCE, SOON, SEED = 10, 30, 5, 60
# Seconds after which a member ends by itself, should nobody ask for it any more: the bytes a second are what a slow
# network brings, and for the silence what a slow connection to the seeds brings.
DEADLINE, SLOWEST = 600, 250_000
SILENCE, SLOW = 120, 5_000_000
# Bytes a second that a slow host hashes.
HASHED = 100_000_000


class Swarmed(Transport):
    """What hosts do together, for every transport that may be a swarm; ``Missing.swarm`` tells whether it is one."""

    name = SWARM

    def bring(self, missing: Sequence[Missing], action: HostAction, host: str) -> dict[Key, str]:
        """Bring all of it without other hosts: none wants the same, or nothing has begun."""
        return fetch_or_send(missing, action, host)

    def begin(self, missing: Sequence[Missing], action: HostAction, host: str) -> tuple[list[Any], dict[Key, str]]:
        """Give the seeds what they are missing, and have all that are members take part."""
        joined = [(one, one.swarm) for one in missing if one.swarm and host in one.swarm.members]
        if not joined:
            return [], {}
        waits = [one for one, swarm in joined if host not in swarm.seeds]
        first = [one for one in missing if one not in waits]
        arrived = fetch_or_send(first, action, host) if first else {}
        told = [_told(one, swarm, host) for one, swarm in joined]
        answer = action.on_host({**_common(missing), "member": {"root": missing[0].root, "begin": told}})
        why = _failure(answer)
        if why:
            _say(action, host, why)
            return [], {**arrived, **(fetch_or_send(waits, action, host) if waits else {})}
        names = [(one, swarm.name) for one, swarm in joined if one in waits]
        return [{"env": one.env, "release": one.release, "name": name} for one, name in names], arrived

    def end(
        self, begun: Sequence[Mapping[str, Any]], missing: Sequence[Missing], action: HostAction, host: str
    ) -> dict[Key, str]:
        """Wait for what the others give, and bring what they do not."""
        waits = [one for one in missing if one.is_among(begun)]
        sizes = {key: size for one in waits for key, size in one.sizes.items()}
        whole = sum(sizes.values())
        silent = [Path(C.DEFAULT_LOCAL_TMP) / f"{PREFIX}{one['name']}.silent" for one in begun]
        patience = SOON if any(path.exists() for path in silent) else PATIENCE
        told = {"root": missing[0].root, "end": list(begun), "wait": LOOK, "patience": patience + whole // HASHED}
        sent(host, 0, whole)
        done, until = -1, time.monotonic() + DEADLINE + whole // SLOWEST
        while True:
            answer = action.on_host({**_common(missing), "member": told})
            before, done = done, min(int(answer.get("done", 0)), whole)
            # A host that waits on has got something since it was asked before.
            if not answer.get("pending") or answer.get("failed") or done <= before or time.monotonic() > until:
                break
            sent(host, done, whole)
        if not done:  # others of this swarm, on which Ansible works later, need not wait as long
            for path in silent:
                path.touch()
        heard = [key for key in answer.get("arrived", []) if isinstance(key, list)]
        arrived = {key: SWARM for key in sizes if list(key) in heard}
        left = without(waits, arrived)
        sent(host, sum(sizes[key] for key in arrived), whole)
        if left:
            _say(action, host, _failure(answer) or _reasons(answer) or "it did not say why")
            arrived.update(fetch_or_send(left, action, host))
        return arrived


def _common(missing: Sequence[Missing]) -> dict[str, Any]:
    """Return the options that the module must have, which are for the controller."""
    return {"releases": [], "steps": [], "root": missing[0].root}


def _say(action: HostAction, host: str, why: str) -> None:
    action._display.warning(f"{host} did not get all by the swarm, so it comes by another way: {why}")


def _failure(answer: Mapping[str, Any]) -> str:
    """Return what kept a host from taking part; empty for nothing."""
    fields = fields_of(answer.get("failure") or (answer if answer.get("failed") else None))
    if fields:
        return clean(f"{fields['problem']} ({fields['found']})", LINE)
    return clean(str(answer.get("msg") or "no answer"), LINE) if answer.get("failed") else ""


def _reasons(answer: Mapping[str, Any]) -> str:
    swarms = answer.get("swarms")
    each = swarms if isinstance(swarms, list) else []
    told = [str(one.get("reason", "")) for one in each if isinstance(one, Mapping)]
    return clean("; ".join(filter(None, told)), LINE)


def _told(one: Missing, swarm: Swarm, host: str) -> dict[str, Any]:
    """Return what a host is told of a swarm: all that it needs, and nothing that is not the controller's own."""
    address, port = swarm.members[host]
    is_seed = host in swarm.seeds
    missing = {file.name for file in one.files}
    size = sum(file.size for file in swarm.files)
    return {
        "torrent": base64.b64encode(swarm.torrent.read_bytes()).decode(),
        "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in swarm.files],
        "have": [file.name for file in swarm.files if is_seed or file.name not in missing],
        "incoming": one.incoming,
        "address": address,
        "port": port,
        **_asked(swarm, address),
        "upload": swarm.upload,
        "seed": is_seed,
        "linger": max(swarm.linger, SEED) if is_seed else swarm.linger,
        "deadline": DEADLINE + size // SLOWEST,
        "idle": SILENCE + size // SLOW,
    }


def _asked(swarm: Swarm, address: str) -> dict[str, list[tuple[str, int]]]:
    """Return the other members in the order in which this one asks them, and those who ask it first."""
    ports = dict(swarm.members.values())
    lists = {"peers": asked(swarm.lines, address), "behind": behind(swarm.lines, address)}
    return {name: [(other, ports[other]) for other in others] for name, others in lists.items()}
