# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fetch as plays run it: from a server, and among three hosts of a swarm."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._swarm import peer
from ansible_collections.airgap.conda.plugins.module_utils._swarm.background import members
from ansible_collections.airgap.conda.plugins.module_utils._swarm.told import AREA
from ansible_collections.airgap.conda.tests.unit.tiny_fleet import Hosts
from ansible_collections.airgap.conda.tests.unit.tiny_host import Host
from ansible_collections.airgap.conda.tests.unit.tiny_web import served


@pytest.mark.skipif(not peer.available(), reason="this Python has no libtorrent")
def test_three_hosts_in_a_play_with_one_fork(tmp_path: Path) -> None:
    fleet = Hosts(tmp_path)
    net = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"
    hosts = {}
    for number, (host, about) in enumerate(fleet.hostvars.items(), 101):
        about["_deploy_preflight"]["settings"]["swarm_interface"] = f"{net}.{number}"
        hosts[host] = {**about, "ansible_connection": "local", "own_root": str(tmp_path / host)}
        del hosts[host]["ansible_host"]
    (tmp_path / "fleet.json").write_text(json.dumps({"workstations": {"hosts": hosts}}))
    common = {
        "releases": [asdict(release) for release in fleet.releases],
        "steps": "{{ _deploy_preflight.steps }}",
        "root": "{{ own_root }}",
        "transport": "swarm",
    }
    spec = importlib.util.find_spec("libtorrent")
    assert spec is not None
    place = {"environment": {"PYTHONPATH": str(Path(str(spec.origin)).parents[1])}}
    swarm = {"port": 6881, "upload": 0, "linger": 1}
    tasks: list[dict[str, Any]] = [
        {"airgap.conda.fetch": {**common, "swarm": swarm, "begin": True}, "register": "one", **place},
        {
            "airgap.conda.fetch": {**common, "begun": "{{ one.begun }}"},
            "register": "two",
            "when": "one.begun | length > 0",
            **place,
        },
        {"debug": {"msg": "{{ inventory_hostname }}: {{ (one.by | combine(two.by | default({}))).keys() | first }}"}},
    ]
    done = fleet.host.play(
        tasks, "--forks=1", "-i", str(tmp_path / "fleet.json"), ansible_python_interpreter=sys.executable
    )
    for host in hosts:  # the seed would stay for a minute
        for member in list(members(tmp_path / host / AREA)):
            member.end()
    assert done.returncode == 0
    assert re.findall(r'"msg": "(.*)"', done.output) == ["ws1: push", "ws2: swarm", "ws3: swarm"]
    for host in hosts:
        incoming = tmp_path / host / ".incoming/demo" / fleet.made.manifest.id
        assert {path.name for path in incoming.iterdir()} == {name for _env, _id, name in fleet.arrived()}


@pytest.mark.usefixtures("quick_disk")
def test_it_fetches_on_a_host(tmp_path: Path) -> None:
    host = Host(tmp_path)
    made = host.make(1)
    parts = [part.name for part in made.manifest.payloads[0].parts]
    step = {**made.step().to_dict(), "current": "", "missing": parts}
    about = {"releases": [made.result], "steps": [step], "root": str(host.store.root)}
    with served(tmp_path / "depot") as web:
        task = {"airgap.conda.fetch": {**about, "transport": "http", "url": web.url}}
        done = host.play([task], ansible_python_interpreter=sys.executable)
    assert done.returncode == 0
    arrived = {path.name for path in host.store.incoming("demo", made.manifest.id).iterdir()}
    assert arrived == {MANIFEST, SIGNATURE, FILES, *parts}
