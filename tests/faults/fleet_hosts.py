# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Simulated hosts: folders, each bound to the store's place in a mount namespace of its own (simulated_ssh.sh).

All else is real: ansible-playbook, the playbooks, the modules, a signed depot; only the releases are tiny.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import compare_tree
from ansible_collections.airgap.conda.tests.unit.tiny_host import BYTECODE
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    Made,
    make_key,
    make_release,
    release_id,
    write_tree,
)

ONE, TWO = release_id(1), release_id(2)
# What a host can have, and what the run must say of it.
FAULTS = {
    "off": "No route to host",
    "read-only": "mounted read-only",
    "full": "not enough room",
    "cut": "could not be sent",
    "flip": "not as it was signed",
    "fails-check": f"A check of demo {TWO} failed; {ONE} stays current",
    "fails-later": f"demo {TWO} does not start as its users start it; {ONE} is current again",
    "hangs-in-check": "no end after",
    "locked": "Another run is at work",
    "squatted": "An unknown folder is in the place of the release",
}
# Each of these is a file in the store's place, and the checks of the second release look for it.
MARKS = ("fails-check", "fails-later", "hangs-in-check")
CHECKS = ('cd "$CONDA_PREFIX/../.." && test ! -e fails-check && while test -e hangs-in-check; do sleep 1; done',)
# Works while another release is current.
SCRIPT = f"""\
if [ -e "$CONDA_PREFIX/../../fails-later" ] && [ "$(readlink "$CONDA_PREFIX/../current")" = {TWO} ]; then exit 1; fi
"""
FULL_SIZE = "24m"


@dataclass
class Fleet:
    """``count`` hosts below ``folder``, and which of them has which fault."""

    folder: Path
    count: int
    faults: dict[str, str] = field(default_factory=dict)
    links: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [f"ws-{number:03d}" for number in range(1, self.count + 1)]

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def report(self) -> Path:
        return self.folder / "report"

    def tree(self, host: str) -> Path:
        """Return where the store of a host really is."""
        return self.folder / ("full" if self.faults.get(host) == "full" else "hosts") / host

    def current(self, host: str) -> str:
        """Return the current release of demo on a host when it is whole there; else what is wrong with it."""
        tree = self.tree(host)
        try:
            release = os.readlink(tree / "demo/current")
            listed = read_files((tree / ".state/demo" / release / FILES).read_bytes(), host)
        except OSError as error:
            return f"no current release: {error}"
        different = list(compare_tree(tree / "demo" / release, listed))
        return f"{release}, but {different[0]}" if different else release

    def make(self) -> list[Made]:
        """Make the depot, the inventory and the empty hosts; returns what the depot has."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("root", "full", "faults", "tmp", *(f"hosts/{name}" for name in self.names)):
            (self.folder / name).mkdir(parents=True)
        key, signers = make_key(self.folder)
        depot = self.folder / "depot"
        python = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
        made = [make_release(depot, self.root, 1, env="runtime", tree={"bin/python": python}, formats=("tar.gz",))]
        # Larger than a pipe, so that a line can go dead in the middle of it.
        tree = {"bin/python": python, "lib/data": os.urandom(300_000)}
        tree["etc/conda/activate.d/later.sh"] = SCRIPT
        checks = {1: Checks(imports=("json",), timeout=20), 2: Checks(commands=CHECKS, timeout=5)}
        for serial, check in checks.items():
            # The second release has a delta from the first, which is as large as that again.
            base, more = (made[-1], {"lib/more": os.urandom(300_000)}) if serial > 1 else (None, {})
            options: dict[str, Any] = {"checks": check, "part_size": 1 << 20, "base": base}
            made.append(make_release(depot, self.root, serial, tree={**tree, **more}, **options))
        for release in made:
            signature.sign(release.folder / MANIFEST, key)
        variables = {
            "ansible_ssh_executable": str(Path(__file__).with_name("simulated_ssh.sh")),
            "ansible_ssh_transfer_method": "piped",
            "ansible_remote_tmp": str(self.folder / "tmp"),
            "deploy_envs": ["demo"],
            "deploy_depot": str(depot),
            "deploy_allowed_signers": str(signers),
            "deploy_pin_signers": False,  # this machine is no host of theirs
            "deploy_root": str(self.root),
            "report_root": str(self.root),
            "report_path": str(self.report),
        }
        # refresh.yml looks at some of these on the controller itself.
        groups = {
            "all": {"vars": variables},
            "ungrouped": {"hosts": {"localhost": {"ansible_connection": "local"}}},
            "workstations": {"hosts": {name: {"ansible_host": name} for name in self.names}},
        }
        (self.folder / "inventory.json").write_text(json.dumps(groups), encoding="utf-8")
        return made

    def begin(self) -> Played:
        """Deploy the first release to the first host, and make the others like it."""
        played = self.play("deploy", "--limit", self.names[0], deploy_releases={"demo": ONE})
        for name in self.names[1:]:
            shutil.rmtree(self.tree(name))
            shutil.copytree(self.tree(self.names[0]), self.tree(name), symlinks=True)
        return played

    def switched(self) -> set[str]:
        """Return the hosts whose link to the current release was replaced since this was asked last."""
        status = {host: (self.tree(host) / "demo/current").lstat() for host in self.names}
        links = {host: (found.st_ino, found.st_ctime_ns) for host, found in status.items()}
        before, self.links = self.links, links
        return {host for host in self.names if links[host] != before.get(host)}

    def spoil(self, faults: Mapping[str, str]) -> None:
        """Give hosts a fault each."""
        for host, fault in faults.items():
            if fault == "full":
                shutil.copytree(self.tree(host), self.folder / "full" / host, symlinks=True)
            self.faults[host] = fault
            (self.folder / "faults" / host).write_text(fault, encoding="ascii")
            if fault in MARKS:
                (self.tree(host) / fault).touch()
            if fault == "squatted":
                write_tree(self.tree(host) / "demo" / TWO, {"notes": "of a person"})
        self.switched()  # a full host was moved

    def fix(self) -> None:
        """Fix every host."""
        for host, fault in self.faults.items():
            if fault in MARKS:
                (self.tree(host) / fault).unlink()
            if fault == "squatted":
                shutil.rmtree(self.tree(host) / "demo" / TWO)
            (self.folder / "faults" / host).unlink()
        self.faults.clear()
        self.switched()

    @contextmanager
    def locks(self) -> Iterator[None]:
        """Hold the lock of demo on the hosts that are locked, as another run would."""
        with ExitStack() as stack:
            for host in [host for host, fault in self.faults.items() if fault == "locked"]:
                stream = stack.enter_context(open(self.tree(host) / ".state/.locks/demo", "a+", encoding="ascii"))
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    @contextmanager
    def small_disk(self) -> Iterator[None]:
        """Mount a file system that is too small for the deploy's margin."""
        folder = self.folder / "full"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={FULL_SIZE}", "tmpfs", folder], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)

    def play(self, playbook: str, *options: str, **variables: Any) -> Played:
        """Run a playbook of the collection, or a file, on all hosts."""
        program = os.environ.get("FAULTS_ANSIBLE", "ansible-playbook")
        command = [program, "-i", str(self.folder / "inventory.json"), "-e", json.dumps(variables), *options]
        environment = {
            **os.environ,
            "FLEET": str(self.folder),
            "PYTHONPATH": str(BYTECODE),
            "ANSIBLE_FORKS": "10",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_SSH_RETRIES": "0",
            "ANSIBLE_LOCALHOST_WARNING": "false",
        }
        done = subprocess.run(
            [*command, playbook if "/" in playbook else f"airgap.conda.{playbook}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            log.write(f"$ {playbook} {variables}\n{done.stdout}\n")
        return Played(done.returncode, done.stdout)


@dataclass(frozen=True)
class Played:
    """How a playbook ended."""

    status: int
    output: str

    @property
    def changes(self) -> dict[str, int]:
        """How many tasks changed something, by host, as the recap says."""
        return {host: int(n) for host, n in re.findall(r"^(ws-\d+) .*changed=(\d+)", self.output, re.MULTILINE)}

    def said(self, host: str) -> str:
        """Return what the run said of a host that failed."""
        lines = self.output.splitlines()
        return "\n".join(line for line in lines if line.startswith(("fatal: ", "failed: ")) and f"[{host}]" in line)
