# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts of a batch that want one release, as a play knows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.plugin_utils._transport import Missing
from ansible_collections.airgap.conda.tests.unit.tiny_host import Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

# What each host's settings say of its transport.
OWN = {"transport": "swarm", "swarm_interface": ""}


class Hosts:
    """Hosts of a batch that want one release of the controller's depot, and a runtime with libtorrent."""

    def __init__(self, folder: Path, hosts: int = 3) -> None:
        self.host = Host(folder)
        self.made = self.host.make(1)
        self.runtime = make_release(folder / "depot", self.host.store.root, 1, env="runtime")
        self.tells("libtorrent")
        self.payload = self.made.manifest.payloads[0]
        self.pushed: list[tuple[str, Missing]] = []
        step = {**self.made.step().to_dict(), "current": "", "missing": [part.name for part in self.payload.parts]}
        self.hostvars: dict[str, Any] = {
            f"ws{number}": {
                "ansible_host": f"192.0.2.{number}",
                "_deploy_preflight": {"settings": {**OWN}, "steps": [step]},
            }
            for number in range(1, hosts + 1)
        }

    def tells(self, package: str) -> None:
        """Have the runtime say that it brings a package."""
        path = self.runtime.folder / "manifest.json"
        told = json.loads(path.read_text())
        path.write_text(json.dumps({**told, "packages": [{"name": package}]}))

    @property
    def known(self) -> dict[str, Any]:
        return {"ansible_play_batch": list(self.hostvars), "hostvars": self.hostvars}

    @property
    def releases(self) -> list[Any]:
        return [self.made.wanted, self.runtime.wanted]

    def arrived(self) -> list[list[str]]:
        names = [*self.made.wanted.record, *(part.name for part in self.payload.parts)]
        return [["demo", self.made.manifest.id, name] for name in names]
