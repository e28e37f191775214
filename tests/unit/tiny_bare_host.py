# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host without Python: a root on this machine, a shell, and the temporary folder of the remote user."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._first import install as _install
from ansible_collections.airgap.conda.plugins.module_utils._first import look as _look
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import listen, marked, new_mark
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release, without_locks, write_tree

SHELLS = [
    "/bin/sh",
    pytest.param("busybox", marks=pytest.mark.skipif(not shutil.which("busybox"), reason="no busybox here")),
]


class Host:
    """A root on this machine and the way of the action plugin to it."""

    def __init__(self, folder: Path, shell: str = "/bin/sh") -> None:
        self.folder, self.root = folder, folder / "it's $(odd) root"
        self.store = Store(self.root)
        self.bin = folder / "bin"
        self.shell = [shell]
        # 'sync' would wait for everything else on this machine.
        write_tree(folder, {"bin/sync": "#!/bin/sh\n"})
        if shell == "busybox":
            self.shell = ["busybox", "sh"]
            busybox = str(shutil.which("busybox"))
            names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
            for name in set(names) - {"sync"}:
                (self.bin / name).symlink_to(busybox)

    def sh(self, script: str, data: bytes = b"") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
        command = [*self.shell, "-c", f"umask 077\n{script}"]
        done = subprocess.run(command, input=data, capture_output=True, env=environment, check=False)
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    def look(self) -> dict[str, str]:
        mark = new_mark()
        done = self.sh(marked(_look.look_script(str(self.root)), mark))
        heard = listen("Welcome to this host!\n" + done.stdout, mark, _look.LOOKED)
        assert (heard.status, heard.text, done.stderr) == (0, "", "")
        return _bootstrap.parse_look(heard, str(self.root))

    def make(self, serial: int, **options: Any) -> Made:
        options = {"env": "runtime", "formats": ("tar.gz",), "checks": Checks(imports=("json", "ssl")), **options}
        return make_release(self.folder / "depot", self.root, serial, **options)

    @property
    def tmp(self) -> Path:
        """The remote user's temporary folder."""
        return self.folder / "remote tmp"

    def send(self, made: Made) -> None:
        shutil.rmtree(self.tmp, ignore_errors=True)
        shutil.copytree(made.folder, self.tmp)
        for name, content in _install.programs(str(self.root)).items():
            (self.tmp / name).write_bytes(content)

    def install(self, made: Made, send: bool = True) -> subprocess.CompletedProcess[str]:
        if send:
            self.send(made)
        return self.sh(_install.install_script(str(self.root), str(self.tmp), made.wanted))

    def bring(self, serial: int, **options: Any) -> Made:
        made = self.make(serial, **options)
        done = self.install(made)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return made

    def rest(self) -> dict[str, Any]:
        """What is on the host, but for the lock."""
        return without_locks(self.root)
