# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs of ansible-playbook that begin where one that was started before has its imports done.

To import Ansible and to read its own documentation takes longer than most plays of the tests. One process of this file
for each set of Ansible's settings does that, and forks for each run: what a run does from its command line on is its
own. Tests that end a run by a signal, or type into its terminal, start ansible-playbook itself.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Seconds that a run gets.
DEADLINE = 500.0
# Plugins that nearly all plays use, which Ansible imports when it gets there.
USUAL = (
    "executor.playbook_executor", "executor.process.worker", "executor.task_executor", "modules",
    "playbook.handler", "playbook.included_file", "playbook.role.include", "playbook.role_include",
    "playbook.task_include", "plugins.action.normal", "plugins.cache.memory", "plugins.connection.ssh",
    "plugins.inventory.yaml", "plugins.shell.sh",
)  # fmt: skip
# Kinds of plugins and names, whose documentation says which settings they have.
DOCUMENTED = (
    ("become", "sudo"), ("become", "su"), ("become", "runas"), ("cache", "memory"), ("callback", "default"),
    ("callback", "junit"), ("callback", "minimal"), ("callback", "oneline"), ("callback", "tree"),
    ("connection", "local"), ("connection", "ssh"), ("connection", "paramiko_ssh"), ("connection", "psrp"),
    ("connection", "winrm"), ("inventory", "auto"), ("inventory", "host_list"), ("inventory", "ini"),
    ("inventory", "script"), ("inventory", "toml"), ("inventory", "yaml"), ("shell", "cmd"), ("shell", "powershell"),
    ("shell", "sh"), ("strategy", "linear"), ("strategy", "free"),
)  # fmt: skip


@dataclass(frozen=True)
class Server:
    """A process that has Ansible imported, and the way to it."""

    process: subprocess.Popen[bytes]
    line: socket.socket

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Server:
        """Start one with these variables."""
        ours, its = socket.socketpair()
        ours.settimeout(DEADLINE)
        with its:
            process = subprocess.Popen(
                [sys.executable, __file__, str(its.fileno())],
                env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
            )  # fmt: skip
        return cls(process, ours)

    def run(self, command: Sequence[str], environment: Mapping[str, str], output: int, folder: str) -> int:
        """Run a command line of ansible-playbook; returns its exit status."""
        with tempfile.TemporaryFile() as request:
            request.write(json.dumps({"argv": list(command), "env": dict(environment), "cwd": folder}).encode())
            request.flush()
            socket.send_fds(self.line, [b"run"], [request.fileno(), output])
            answer = self.line.recv(100)
        assert answer, "the server has ended"
        return int(answer)

    def end(self) -> None:
        """Let it end."""
        self.line.close()
        self.process.wait()


_servers: dict[Any, Server] = {}


def _settings(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return what Ansible and Python read while they are imported."""
    names = ("ANSIBLE_", "PYTHON", "LC_", "LANG", "LD_", "TMPDIR", "HOME", "TZ", "NO_COLOR", "TERM", "COLUMNS")
    given = sorted(environment.items())
    return tuple(item for item in given if item[0].startswith(names))


def run_playbook(
    command: Sequence[str], environment: Mapping[str, str], folder: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run ``ansible-playbook OPTION…`` to its end, without input; what it says on errors comes with its output."""
    sys.audit("tiny_playbook.run", command[0], command)  # also where what forks it has started before
    place = folder or os.getcwd()
    assert not os.path.exists(os.path.join(place, "ansible.cfg")), "it is read before the server knows of it"
    key = _settings(environment)
    if key not in _servers:
        _servers[key] = Server.start(environment)
        atexit.register(_servers[key].end)
    with tempfile.TemporaryFile() as output:
        try:
            status = _servers[key].run(command, environment, output.fileno(), place)
        except BaseException:
            _servers.pop(key).process.kill()  # its answer would be that to the next question
            raise
        output.seek(0)
        return subprocess.CompletedProcess(command, status, output.read().decode(errors="replace"), "")


def _prepare() -> None:
    """Import what nearly all plays use, and read its documentation."""
    importlib.import_module("ansible.cli.playbook")
    loaders = importlib.import_module("ansible.plugins.loader")
    for name in USUAL:
        importlib.import_module(f"ansible.{name}")
    for kind, name in DOCUMENTED:
        with contextlib.suppress(Exception):  # other versions of Ansible have others
            getattr(loaders, f"{kind}_loader").get(name, class_only=True)
    # The plugins of collections are found as in a run, and those of this one are imported.
    loaders.init_plugin_loader()
    vars(loaders)["_configure_collection_loader"] = lambda _prefix: None
    for path in sorted(Path(__file__).resolve().parents[2].glob("plugins/action/*.py")):
        importlib.import_module(f"ansible_collections.airgap.conda.plugins.action.{path.stem}")
    gc.collect()
    gc.freeze()  # so that no collection in a child writes to, and so copies, the memory of all these


def _begin(request: int, output: int) -> None:
    """Make this process, which was forked, the run that was asked for."""
    with open(request, "rb") as stream:
        stream.seek(0)
        asked = json.loads(stream.read())
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = asked["argv"]
    constants, unique = importlib.import_module("ansible.constants"), importlib.import_module("ansible.utils.vars")
    # What each run has of its own: a folder, and the start of the names of its tasks.
    vars(constants)["DEFAULT_LOCAL_TMP"] = constants.config.get_config_value(
        "DEFAULT_LOCAL_TMP", variables=vars(constants)
    )
    vars(unique)["random_int"] = os.urandom(4).hex()


def _serve(line: socket.socket) -> bool:
    """Fork for each request; returns in the child, and at the end of the line."""
    while True:
        asked, (*files,), _flags, _address = socket.recv_fds(line, 100, 2)
        if not asked:
            return False
        child = os.fork()
        if child == 0:
            line.close()
            _begin(*files)
            return True
        for file in files:
            os.close(file)
        line.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


if __name__ == "__main__":
    _prepare()
    if _serve(socket.socket(fileno=int(sys.argv[1]))):
        sys.exit(importlib.import_module("ansible.cli.playbook").main())
