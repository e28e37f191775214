# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a transport bring the parts that a host lacks.

Nothing is hashed here: the controller verified the depot once, and the host hashes what arrives before it uses it. What
is brought is of that release's payload, whatever the host answers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible import constants as C

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.handed import each as each_of
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS
from ansible_collections.airgap.conda.plugins.module_utils._source.address import require_url
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import AnswerAction, host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._asked import Asked, asked
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import ROOT
from ansible_collections.airgap.conda.plugins.plugin_utils._swarms import AUTO, SWARM, Swarms
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import File, Missing, Served, not_sent
from ansible_collections.airgap.conda.plugins.plugin_utils._transports import TRANSPORTS

# Why a host is no member of a swarm that there is.
NOWHERE = "its address is not known on the controller, or another host has the same one; set deploy_swarm_interface"
# Bytes of a payload that is unpacked while it arrives.
LONG = 128 << 20


class ActionModule(AnswerAction):
    """Controller side of airgap.conda.fetch."""

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Bring what every step of preflight is missing."""
        _result, args = self.validate_argument_spec(
            {
                "releases": {"type": "list", "elements": "dict", "required": True},
                "steps": {"type": "list", "elements": "dict", "required": True},
                "root": {"type": "path", "default": ROOT},
                "transport": {"type": "str", "default": "auto", "choices": [*TRANSPORTS]},
                "url": {"type": "str", "default": ""},
                "ca": {"type": "str", "default": ""},
                "swarm": {"type": "dict", "default": {}},
                "unpack": {"type": "bool", "default": False},
                "begin": {"type": "bool", "default": False},
                "begun": {"type": "list", "elements": "dict", "default": []},
            }
        )
        self.known = task_vars or {}
        host, clock = host_of(task_vars), time.monotonic()
        releases = each_of(Release.from_dict, args["releases"], "releases of airgap.conda.fetch")
        wanted = asked(args["steps"], releases, host)
        parts = [part.name for one in wanted for part in one.parts]
        if not wanted or self._task.check_mode:
            return {"changed": bool(wanted), "parts": parts}
        served = Served(require_url(args["url"], "deploy_url").geturl(), args["ca"]) if args["url"] else None
        transport = TRANSPORTS[args["transport"]]
        unpack = args["unpack"]
        missing = [
            replace(_missing(one, args["root"]), served=served, unpack=one.format if unpack and _pays(one) else "")
            for one in wanted
        ]
        begun: Sequence[Mapping[str, Any]] = args["begun"]
        due, arrived = missing, {}
        if begun:
            due = [one for one in missing if one.is_among(begun)]
            arrived = transport.end(begun, due, self, host)
        elif args["begin"]:
            missing = [self._swarmed(one, each, releases, args) for one, each in zip(missing, wanted, strict=True)]
            begun, arrived = transport.begin(missing, self, host)
            due = [one for one in missing if not one.is_among(begun)]
        if due and not arrived:
            arrived = transport.bring(due, self, host)
        sizes = {key: size for one in due for key, size in one.sizes.items()}
        left = [" ".join(key) for key in sizes if key not in arrived]
        if left:
            found = f"{len(left)} of {len(sizes)} files did not arrive: {', '.join(left)}"
            raise not_sent(found, f"{args['root']}/.incoming on {host}")
        by = {
            name: sum(size for key, size in sizes.items() if arrived[key] == name)
            for name in sorted({arrived[key] for key in sizes})
        }
        seconds = round(time.monotonic() - clock, 2)
        went = {"bytes": sum(sizes.values()), "by": by, "seconds": seconds}
        return {"changed": True, "parts": parts, **went, "begun": [] if args["begun"] else begun}

    def _swarmed(self, one: Missing, asked_for: Asked, releases: Sequence[Release], args: Mapping[str, Any]) -> Missing:
        """Return what is missing with the swarm that brings it, if there is one and it pays."""
        release, transport = asked_for.release, args["transport"]
        payload = release.payload([asked_for.format])
        swarms = Swarms(releases, self.known, Path(C.DEFAULT_LOCAL_TMP))
        if payload is None or not args["swarm"] or transport not in (AUTO, SWARM):
            return one
        if transport == AUTO and not swarms.may_pay(payload):
            return one
        try:
            swarm = swarms.of(release, payload, one.record, args["swarm"])
            host = host_of(self.known)
            if transport == SWARM and host not in swarm.members:
                self._display.warning(f"{host} takes no part in the swarm for {release.env} {release.id}: {NOWHERE}")
            return replace(one, swarm=swarm)
        except AirgapError as error:
            if error.code != "no-swarm":
                raise
            if transport == SWARM:
                self._display.warning(error.short())
            return one


def _pays(one: Asked) -> bool:
    """Tell whether a host unpacks what it is sent while the rest is on its way: less takes no longer afterwards."""
    payload, known = one.release.payload([one.format]), FORMATS.get(one.format)
    is_long = payload is not None and len(payload.parts) > 1 and payload.size >= LONG
    return bool(one.parts and is_long and known and known.in_order)


def _missing(one: Asked, root: str) -> Missing:
    """Return what a transport is told, all of it from what the controller verified."""
    release, folder = one.release, Path(one.release.path)
    sizes = {name: (folder / name).stat().st_size for name in release.record}
    record = tuple(File(name, sizes[name], sha256, folder / name) for name, sha256 in release.record.items())
    parts = tuple(File(part.name, part.size, part.sha256, folder / part.name) for part in one.parts)
    return Missing(release.env, release.id, root, f"{root}/.incoming/{release.env}/{release.id}", record, parts)
