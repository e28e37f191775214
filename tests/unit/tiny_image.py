# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that mounts images, without systemd: a program in its place does what the units say, with real mounts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._formats import loop
from ansible_collections.airgap.conda.plugins.module_utils._formats.squashfs import Squashfs
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store import image as _image
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import Done, deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release

SYSTEMCTL = """\
#!/bin/sh
units=${0%/*}/units
for unit; do :; done
what=$1
value() { sed -n "s/^$1=//p" "$units/$unit"; }
start() {
  mountpoint -q "$(value Where)" || mount -t "$(value Type)" -o "$(value Options)" "$(value What)" "$(value Where)"
}
echo "$*" >>"${0%/*}/calls"
case $what in
  enable)
    mkdir -p "$units/$(value WantedBy).wants"
    ln -sfn "$units/$unit" "$units/$(value WantedBy).wants/$unit"
    case $* in *--now*) start ;; esac
    ;;
  stop) ! mountpoint -q "$(value Where)" || umount "$(value Where)" ;;
esac
"""


def why_not() -> str:
    """Say why this machine cannot make and mount an image, in its own words; empty when it can."""
    return no_program() or ("only root may mount" if os.geteuid() else loop.tried())


def no_program() -> str:
    """Say why this machine cannot make an image; empty when it can."""
    lacks = Squashfs().lacks_to_write()
    return f"it lacks {lacks}" if lacks else ""


class Systemd:
    """What stands for systemd: its folder of units, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.units = folder / "units"
        (folder / "wants").mkdir(parents=True)
        self.units.mkdir()
        self.program = folder / "systemctl"
        self.program.write_text(SYSTEMCTL, encoding="ascii")
        self.program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """What it was asked, a line for each."""
        path = self.folder / "calls"
        return path.read_text(encoding="ascii").splitlines() if path.exists() else []

    def restart(self, root: Path, mounts: bool = True) -> None:
        """Do what a restart of the host does: nothing is mounted any more, then what is enabled."""
        unmount(root)
        for unit in sorted(self.units.glob("*.wants/*")) if mounts else []:
            subprocess.run([self.program, "enable", "--now", unit.name], check=True)


@contextmanager
def systemd(folder: Path) -> Iterator[Systemd]:
    """Have images mounted by what stands for systemd in ``folder``."""
    made = Systemd(folder)
    with (
        patch.object(_image, "SYSTEMCTL", str(made.program)),
        patch.object(loop, "UNITS", made.units),
        patch.object(loop, "BOOTED", folder),
    ):
        yield made


def unmount(root: Path) -> None:
    """Unmount all that is below a folder."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()[::-1]:
        if line.split()[4].startswith(f"{root}/"):
            subprocess.run(["umount", "--lazy", line.split()[4]], check=True)


def bring(
    store: Store, serial: int, formats: tuple[str, ...] = ("tar.zst", "squashfs"), keep: int = 9, env: str = "demo"
) -> tuple[Made, Done]:
    """Deploy a release as a play does."""
    depot = store.root.parent / f"depot-{serial}-{env}"
    made = make_release(depot, store.root, serial, formats=formats, part_size=1500, checks=Checks(), env=env)
    return made, bring_made(store, made, keep)


def bring_made(store: Store, made: Made, keep: int = 9) -> Done:
    """Deploy a release that was made."""
    step = inspect(store, [made.wanted], keep, False)[0]
    if step.action == "install" and not store.incoming(step.env, step.id).exists():
        made.send(store)
    return deploy(store, step, made.sha256, keep)
