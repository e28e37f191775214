# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A drive with a kit, and a workstation made for the occasion: a root, a shell, and a list of trusted keys."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, Checks
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._kit import files as _files
from ansible_collections.airgap.conda.plugins.module_utils._kit import script as _script
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.exporter import Export
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_bare_host import Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    Made,
    make_key,
    make_release,
    release_id,
    without_locks,
    write_tree,
)

# A stand-in for the host's command: it tells what it was asked for, and removes an environment.
COMMAND = """\
#!/bin/sh
echo "$*" >>"LOG"
[ "$1" != remove ] || rm -rf "ROOT/$2" "ROOT/.state/$2"
[ ! -e "LOG.fails" ] || { echo "airgap-envs: refused" >&2; exit 1; }
"""
# An ssh-keygen like that of OpenSSH 7.6.
OLD_KEYGEN = "#!/bin/sh\necho 'unknown option -- Y' >&2\necho 'usage: ssh-keygen [-q] [-b bits]' >&2\nexit 1\n"
# All that a workstation has for certain, besides tar, gzip and sh.
COREUTILS = """cat chmod cp cut date dd df dirname basename echo env head id ln ls mkdir mktemp mv printf pwd readlink
rm rmdir sha256sum sort stat tail timeout touch tr true uname wc"""
ONE = release_id(1)
OTHERS = [
    pytest.param("bash"),
    pytest.param("busybox", marks=pytest.mark.skipif(not shutil.which("busybox"), reason="no busybox here")),
]
SHELLS = ["dash", *OTHERS]


@dataclass(frozen=True)
class Place:
    """A bastion's depot and key, a drive, a workstation."""

    path: Path

    @property
    def drive(self) -> Path:
        return self.path / "my drive"

    @property
    def root(self) -> Path:
        return self.path / "it's $(odd) root"

    @property
    def store(self) -> Store:
        return Store(self.root)

    @property
    def pins(self) -> Path:
        return self.path / "etc/airgap-conda/allowed_signers"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def script(self) -> Path:
        """install.sh, copied off the drive."""
        return self.path / "home/install.sh"

    def make(self, env: str, serial: int, **options: Any) -> Made:
        if env == "runtime":
            options = {"formats": ("tar.gz",), "checks": Checks(imports=("json",)), **options}
        made = make_release(self.path / "depot", self.root, serial, env=env, **options)
        signature.sign(made.folder / MANIFEST, self.path / "key")
        return made

    def export(self, check: bool = False, **options: Any) -> dict[str, Any]:
        signers = options.pop("signers", self.path / "key.signers")

        def workstation(releases: Any) -> Any:
            return _files.kit_files(releases, signers.read_text(encoding="utf-8"), "depot", {"host": "# The host\n"})

        wanted = {"workstation": workstation, "signing_key": self.path / "key", "allowed_signers": signers, **options}
        return Export(Depot(self.path / "depot"), Drive(self.drive), (), {}, require_mount=False, **wanted).run(check)

    def take(self) -> None:
        """Copy install.sh off the drive, as a person does who then compares it."""
        self.script.parent.mkdir(exist_ok=True)
        shutil.copy(self.drive / "install.sh", self.script)

    def programs(self, shell: str) -> Path:
        """Return the folder of programs that come first: a sync that waits for nothing, and with busybox all of its."""
        folder = self.path / "shells" / shell.rpartition("/")[2]
        if not folder.exists():
            folder.mkdir(parents=True)
            Host(folder, shell)
        return folder / "bin"

    def install(
        self, *words: str, shell: str = "dash", timeout: int = 60, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the copy of install.sh as a person on a workstation does; ``more`` are variables of the environment."""
        environment = {"PATH": f"{self.programs(shell)}:{os.environ['PATH']}", "HOME": str(self.path), **more}
        command = [shell, *(["sh"] if shell == "busybox" else []), str(self.script), *words]
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )

    def asked(self) -> list[str]:
        """Return what the host's command was asked for."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []


def make_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Make a bastion with a runtime and an environment, and export both; the workstation is empty."""
    place = Place(folder)
    stand_in(place, monkeypatch)
    make_key(folder)
    place.drive.mkdir()
    (folder / "etc").mkdir()
    place.make("runtime", 1, part_size=90)
    place.make("demo", 1)
    place.export()
    place.take()
    return place


def stand_in(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports bring a stand-in for the command, and the keys go to a folder of the test."""
    command = COMMAND.replace("LOG", str(place.log)).replace("ROOT", str(place.root).replace("$", "\\$"))
    monkeypatch.setattr(_files, "command_file", lambda _store: command.encode())
    monkeypatch.setattr(_script, "SYSTEM", place.pins)


def bare_path(folder: Path) -> Path:
    """Make a folder of programs that has coreutils, tar, gzip and sh, and nothing else."""
    folder.mkdir()
    for name in [*COREUTILS.split(), "tar", "gzip", "sh"]:
        (folder / name).symlink_to(str(shutil.which(name)))
    write_tree(folder.parent, {f"{folder.name}/sync": "#!/bin/sh\n"})
    (folder / "sync").chmod(0o755)
    return folder


def host(place: Place) -> dict[str, object]:
    """What is on the workstation, but for locks."""
    there = {
        name: without_locks(place.path / name) for name in ("etc", "it's $(odd) root") if (place.path / name).exists()
    }
    return {**there, "log": place.asked()}


def installed(place: Place) -> None:
    assert (place.store.current("runtime"), place.store.releases("runtime")) == (ONE, [ONE])
    assert place.store.differences("runtime", ONE) == []
    assert os.access(place.store.command, os.X_OK)
    assert place.pins.read_text(encoding="utf-8").splitlines()[1:] == [
        (place.path / "key.signers").read_text(encoding="utf-8").strip()
    ]
    assert place.pins.stat().st_mode & 0o777 == 0o644
