# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host on this machine that is reached by a program in ssh's place: with a login shell, an rc file, a slow line."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, Checks
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_host import (
    PLAYBOOK,
    RUNTIME,
    Done,
    environment_of_plays,
    playbook,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release

# As sshd does it: the login shell gets the command, in the home, after its rc file; with -tt it gets a terminal. What
# matches the word in the file `slow` waits there, once. With a file `deaf`, no command gets what it is given as input.
SSH = """\
#!/bin/sh
terminal=
while [ $# -gt 2 ]; do
  if [ "$1" = -tt ]; then terminal=yes; fi
  shift
done
echo >>{folder}/asked
cd {folder}/home 2>/dev/null || cd /
if [ -e {folder}/slow ] && printf %s "$2" | grep -q "$(cat {folder}/slow)"; then
  mv {folder}/slow {folder}/reached
  sleep 60
fi
if [ -e {folder}/deaf ]; then
  case $2 in *"3<&0"*) cat >/dev/null; exec </dev/null ;; esac
fi
export HOME={folder}/home
if [ -e {folder}/rc ]; then . {folder}/rc; fi
if [ -n "$terminal" ]; then
  exec {python} -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' {login} -c "$2"
fi
exec {login} -c "$2"
"""


@dataclass(frozen=True)
class Login:
    """A host with its store, its home and a depot for it, in ``folder``."""

    folder: Path

    @property
    def store(self) -> Store:
        return Store(self.folder / "opt")

    def begin(self, login: str = "/bin/sh", rc: str = "", serials: tuple[int, ...] = (1,), **more: Any) -> None:
        """Make the depot, the inventory and the way to the host; of ``serials`` the second has a check that fails."""
        (self.folder / "home").mkdir(parents=True)
        program = self.folder / "ssh"
        place = shlex.quote(str(self.folder))
        program.write_text(SSH.format(folder=place, login=login, python=sys.executable), encoding="utf-8")
        program.chmod(0o755)
        if rc:
            (self.folder / "rc").write_text(rc, encoding="utf-8")
        depot, root = self.folder / "depot", self.store.root
        key, signers = make_key(self.folder)
        made = [make_release(depot, root, 1, env="runtime", tree=RUNTIME, formats=("tar.gz",))]
        for serial in serials:
            checks = Checks(commands=("false",) if serial > 1 else ())
            made.append(make_release(depot, root, serial, tree=RUNTIME, checks=checks))
        for release in made:
            signature.sign(release.folder / MANIFEST, key)
        settings = {
            "ansible_ssh_executable": str(program),
            "ansible_ssh_transfer_method": "piped",
            "deploy_envs": ["demo"],
            "deploy_depot": str(depot),
            "deploy_allowed_signers": str(signers),
            "deploy_pin_signers": False,  # this machine is no host of theirs
            "deploy_root": str(root),
            "report_root": str(root),
            "report_path": str(self.folder / "report"),
            **more,
        }
        groups = {
            "ungrouped": {"hosts": {"localhost": {"ansible_connection": "local"}}},
            "workstations": {"hosts": {"ws1": settings}},
        }
        (self.folder / "hosts.json").write_text(json.dumps(groups), encoding="utf-8")

    def _command(self, name: str, pipelining: bool, variables: dict[str, Any]) -> list[str]:
        variables = {"ansible_pipelining": pipelining, "ansible_ssh_retries": 0, **variables}
        inventory = str(self.folder / "hosts.json")
        return [str(PLAYBOOK), "-i", inventory, "-e", json.dumps(variables), f"airgap.conda.{name}"]

    def start(self, name: str, pipelining: bool, **variables: Any) -> subprocess.Popen[str]:
        """Start a playbook of the collection, to be ended before it ends."""
        return subprocess.Popen(
            self._command(name, pipelining, variables), env=environment_of_plays(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def play(self, name: str, pipelining: bool = True, **variables: Any) -> Done:
        """Run a playbook of the collection."""
        done = playbook(self._command(name, pipelining, variables))
        print(done.stdout)  # shown when the test fails
        return Done(done.returncode, done.stdout)

    def interrupt(self, word: str, pipelining: bool, number: signal.Signals = signal.SIGINT) -> Done:
        """Deploy, and send a signal when the host is at a command that has this word in it."""
        (self.folder / "slow").write_text(word, encoding="ascii")
        process = self.start("deploy", pipelining)
        end = time.monotonic() + 120
        while not (self.folder / "reached").exists() and time.monotonic() < end and process.poll() is None:
            time.sleep(0.05)
        assert (self.folder / "reached").exists()
        assert self.temporary(), "there is something to be removed"
        process.send_signal(number)
        return self._ended(process)

    def rounds(self) -> int:
        """Return how many commands the host got since this was asked last."""
        asked = self.folder / "asked"
        count = asked.stat().st_size
        asked.unlink()
        return count

    def temporary(self) -> list[str]:
        """Return what is in the remote user's temporary folder."""
        folder = self.folder / "home/.ansible/tmp"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    @staticmethod
    def _ended(process: subprocess.Popen[str]) -> Done:
        output, _none = process.communicate(timeout=300)
        print(output)  # shown when the test fails
        return Done(process.returncode, output)
