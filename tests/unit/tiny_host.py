# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host on the machine of the tests, with a store made for the occasion, and Ansible's way to it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.conftest import CHECKOUT, COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_playbook import run_playbook
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, Made, make_key, make_release

PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
BYTECODE = CHECKOUT / "tests/tools/bytecode"
# Of the runs in this process: what Ansible keeps in its home has names of its own, or is the same for all.
HOME = tempfile.TemporaryDirectory(prefix="ansible-home-")
# A runtime whose Python is that of the tests, which has what the modules need.
RUNTIME = {**TREE, "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}


def environment_of_plays() -> dict[str, str]:
    """Return the environment in which Ansible finds this collection."""
    return {
        **os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_HOME": HOME.name, "ANSIBLE_NOCOLOR": "1",
        "COLUMNS": "9999", "PYTHONPATH": str(BYTECODE),
    }  # fmt: skip


def playbook(command: list[str], folder: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``ansible-playbook OPTION…`` with this collection."""
    return run_playbook(command, environment_of_plays(), folder)


@dataclass(frozen=True)
class Host:
    """A host on this machine, and the way of Ansible to it."""

    folder: Path

    @property
    def store(self) -> Store:
        return Store(self.folder / "opt")

    def make(self, serial: int, **options: Any) -> Made:
        return make_release(self.folder / "depot", self.store.root, serial, **options)

    def bring(self, serial: int, keep: int = 2, **options: Any) -> Made:
        made = self.make(serial, **options)
        made.send(self.store)
        deploy(self.store, made.step(), made.sha256, keep)
        return made

    def signed(self, *made: Made) -> dict[str, Any]:
        """Sign these releases; returns the settings with which the playbooks take them, and report on this host."""
        key, signers = make_key(self.folder)
        for release in made:
            signature.sign(release.folder / MANIFEST, key)
        return {
            "deploy_envs": ["demo"],
            "deploy_depot": str(self.folder / "depot"),
            "deploy_allowed_signers": str(signers),
            "deploy_pin_signers": False,  # this machine is no host of theirs
            "report_root": str(self.store.root),
            "report_path": str(self.folder / "report"),
        }

    def play(self, what: str | list[dict[str, Any]], *options: str, **variables: Any) -> Done:
        """Run a playbook of the collection, or a play that has these tasks or roles."""
        inventory = {"workstations": {"hosts": {"ws1": {"ansible_connection": "local"}}}}
        (self.folder / "hosts.json").write_text(json.dumps(inventory), encoding="ascii")
        root = str(self.store.root)
        variables = {"deploy_root": root, **variables}
        if not isinstance(what, str):
            play = [{"hosts": "workstations", "gather_facts": False, "tasks": what}]
            (self.folder / "play.json").write_text(json.dumps(play), encoding="ascii")
            what = str(self.folder / "play.json")
        command = [str(PLAYBOOK), "-i", str(self.folder / "hosts.json"), "-e", json.dumps(variables), *options, what]
        done = playbook(command)
        print(done.stdout)  # shown when the test fails
        return Done(done.returncode, done.stdout)


@dataclass(frozen=True)
class Done:
    """How a play ended."""

    returncode: int
    output: str

    def count(self, *names: str) -> int:
        """Return how many tasks of the host ended so (``ok``, ``changed``, ``skipped``, ``failed``)."""
        recap = re.findall("^ws1 .*", self.output[self.output.rindex("PLAY RECAP") :], re.MULTILINE)[0]
        return sum(int(re.findall(rf"\b{name}=(\d+)", recap)[0]) for name in names)
