# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet with bad hosts in it: the good ones get the release, the bad ones keep theirs and say why.

The hosts are folders, each bound to the store's place in a mount namespace of its own (simulated_ssh.sh). All else is
real: ansible-playbook, the playbook deploy, its modules, a signed depot; only the releases are tiny.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils import _signature
from ansible_collections.airgap.conda.plugins.module_utils._files import compare_tree, read_files
from ansible_collections.airgap.conda.plugins.module_utils._release import FILES, MANIFEST, Checks
from ansible_collections.airgap.conda.tests.faults.tally import Tally
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id, write_tree

ONE, TWO = release_id(1), release_id(2)
# What a host can have, and a word of what the run must say of it.
FAULTS = {
    "off": "No route to host",
    "read-only": "read-only",
    "full": "not enough room",
    "cut": "disconnect",
    "flip": "another sha256|other content|sha256",
    "fails-check": "check",
    "hangs-in-check": "check",
    "locked": "Another run is at work",
    "squatted": "A folder stands where the release belongs",
}
CHECK = 'cd "$CONDA_PREFIX/../.." && test ! -e fails-check && while test -e hangs-in-check; do sleep 1; done'
FULL_SIZE = "24m"


@dataclass
class Fleet:
    """``count`` hosts below ``folder``, and which of them has which fault."""

    folder: Path
    count: int
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [f"ws-{number:03d}" for number in range(1, self.count + 1)]

    @property
    def root(self) -> Path:
        return self.folder / "root"

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

    def make(self) -> None:
        """Make the depot, the inventory and the empty hosts."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("root", "full", "faults", "tmp", *(f"hosts/{name}" for name in self.names)):
            (self.folder / name).mkdir(parents=True)
        key, self.signers = make_key(self.folder)
        depot = self.folder / "depot"
        python = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
        made = [make_release(depot, self.root, 1, env="runtime", tree={"bin/python": python}, formats=("tar.gz",))]
        checks = Checks(commands=(CHECK,), timeout=5)
        # Larger than a pipe, so that a line can go dead in the middle of it.
        tree = {"bin/python": python, "lib/data": os.urandom(300_000)}
        made += [make_release(depot, self.root, n, tree=tree, checks=checks, part_size=1 << 20) for n in (1, 2)]
        for release in made:
            _signature.sign(release.folder / MANIFEST, key)
        hosts = {name: {"ansible_host": name} for name in self.names}
        variables = {
            "ansible_ssh_executable": str(Path(__file__).with_name("simulated_ssh.sh")),
            "ansible_ssh_transfer_method": "piped",
            "ansible_remote_tmp": str(self.folder / "tmp"),
            "deploy_envs": ["demo"],
            "deploy_depot": str(depot),
            "deploy_allowed_signers": str(self.signers),
            "deploy_root": str(self.root),
        }
        inventory = {"workstations": {"hosts": hosts, "vars": variables}}
        (self.folder / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")

    def break_hosts(self, every: int) -> None:
        """Give one in ``every`` hosts a fault, all faults in turn."""
        for number, host in enumerate(self.names[::every]):
            fault = list(FAULTS)[number % len(FAULTS)]
            if fault == "full":
                shutil.copytree(self.tree(host), self.folder / "full" / host, symlinks=True)
            self.faults[host] = fault
            (self.folder / "faults" / host).write_text(fault, encoding="ascii")
            if fault in ("fails-check", "hangs-in-check"):
                (self.tree(host) / fault).touch()
            if fault == "squatted":
                write_tree(self.tree(host) / "demo" / TWO, {"notes": "of a person"})

    def heal(self) -> None:
        """Mend every host."""
        for host, fault in self.faults.items():
            if fault in ("fails-check", "hangs-in-check"):
                (self.tree(host) / fault).unlink()
            if fault == "squatted":
                shutil.rmtree(self.tree(host) / "demo" / TWO)
            (self.folder / "faults" / host).unlink()
        self.faults.clear()

    @contextmanager
    def locks(self) -> Iterator[None]:
        """Hold the lock of demo on the hosts that are locked, as another run would."""
        with ExitStack() as stack:
            for host in [host for host, fault in self.faults.items() if fault == "locked"]:
                stream = stack.enter_context(open(self.tree(host) / ".state/demo/lock", "a+", encoding="ascii"))
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def deploy(self, release: str) -> tuple[int, str]:
        """Run the playbook; returns its exit status and output."""
        wanted = json.dumps({"deploy_releases": {"demo": release}})
        command = ["ansible-playbook", "-i", str(self.folder / "inventory.json"), "-e", wanted, "-f", "10"]
        environment = {
            **os.environ,
            "FLEET": str(self.folder),
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_SSH_RETRIES": "0",
            "ANSIBLE_LOCALHOST_WARNING": "false",
        }
        done = subprocess.run(
            [*command, "airgap.conda.deploy"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        (self.folder / f"log-{release}").write_text(done.stdout, encoding="utf-8")
        return done.returncode, done.stdout


def changes(output: str) -> dict[str, int]:
    """Return for each host how many tasks changed something, by the recap of a run."""
    return {host: int(n) for host, n in re.findall(r"^(ws-\d+) .*changed=(\d+)", output, re.MULTILINE)}


def said(output: str, host: str) -> str:
    """Return what a run said of a host that failed."""
    return "\n".join(line for line in output.splitlines() if line.startswith(("fatal: ", "failed: ")) and host in line)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system that is too small for the deploy's margin."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={FULL_SIZE}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def run(folder: Path, count: int, every: int = 5) -> Tally:
    """Deploy release 1 to ``count`` hosts, break one in ``every``, deploy release 2, mend them, deploy it twice."""
    tally = Tally("fleet", "every good host at the target, every bad one keeps a working release and says why")
    fleet = Fleet(folder, count)
    fleet.make()
    status, _output = fleet.deploy(ONE)
    tally.case("the first deploy", [] if status == 0 else [f"exit status {status}"])
    with small_disk(folder / "full"):
        fleet.break_hosts(every)
        with fleet.locks():
            status, output = fleet.deploy(TWO)
        tally.case("the exit status with bad hosts", [] if status != 0 else ["0"])
        for host in fleet.names:
            tally.case(f"{host} ({fleet.faults.get(host, 'good')})", faults_of(fleet, host, output))
            tally.counts[fleet.faults.get(host, "good")] += 1
        bad = set(fleet.faults)
    fleet.heal()
    status, output = fleet.deploy(TWO)
    tally.case("the deploy after all are mended", [] if status == 0 else [f"exit status {status}"])
    for host in fleet.names:
        touched = changes(output).get(host, 0) > 0
        wrong = [] if touched == (host in bad) else ["touched again" if touched else "not touched"]
        wrong += [] if fleet.current(host) == TWO else [fleet.current(host)]
        tally.case(f"{host} after all are mended", wrong)
    status, output = fleet.deploy(TWO)
    tally.case("a deploy more", [f"{host} changed" for host, n in changes(output).items() if n] + ["failed"] * status)
    if not tally.broken:
        shutil.rmtree(folder)
    return tally


def faults_of(fleet: Fleet, host: str, output: str) -> list[str]:
    """Return what is not as promised of a host after the deploy with bad hosts."""
    fault, current = fleet.faults.get(host), fleet.current(host)
    if fault is None:
        return [] if current == TWO else [f"current is {current}"]
    wrong = [] if current == ONE else [f"current is {current}"]
    return (
        wrong
        if re.search(FAULTS[fault], said(output, host))
        else [*wrong, f"it said {said(output, host) or 'nothing'}"]
    )


if __name__ == "__main__":
    result = run(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps(result.as_result(), indent=1))
    sys.exit(result.broken > 0)
