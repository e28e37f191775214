# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Podman with the lab's own configuration, and the names of what the lab owns there.

Nothing in /etc changes: the configuration is a file in the lab's cache, named to podman by CONTAINERS_CONF.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from _common import CHECKOUT, LabError, digest, need, run

# crun refuses hybrid cgroup layouts and a cgroup manager other than cgroupfs needs systemd on this machine.
# The limits are those that an unprivileged container may ask for anywhere.
CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
base_hosts_file = "none"

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""

# What belongs to this checkout carries this label, so that two checkouts never touch each other's.
OWNER = f"airgap-lab-{digest(str(CHECKOUT))[:8]}"
LABEL = f"airgap.lab={OWNER}"

# Where podman keeps images and containers, and what it is told where the kernel's overlay does not work there.
STORAGE = Path("/var/lib/containers")
STORAGE_SETTINGS = {
    "overlay": {},
    "fuse-overlayfs": {"STORAGE_DRIVER": "overlay", "STORAGE_OPTS": "overlay.mount_program=/usr/bin/fuse-overlayfs"},
    "vfs": {"STORAGE_DRIVER": "vfs"},
}
OVERLAY = """\
folder=$(mktemp -d -p "$0" .overlay-XXXXXX)
mkdir "$folder/l" "$folder/u" "$folder/w" "$folder/m"
unshare --mount mount -t overlay overlay -o "lowerdir=$folder/l,upperdir=$folder/u,workdir=$folder/w" "$folder/m"
status=$?
rm -rf "$folder"
exit $status
"""
FUSE = "command -v fuse-overlayfs && exec 3<>/dev/fuse"


@cache
def storage_driver() -> str:
    """Return how images can be kept here, found by trying: overlay, or what is slower. For root only."""
    where = next(path for path in (STORAGE, *STORAGE.parents) if path.is_dir())
    for driver, script in (("overlay", OVERLAY), ("fuse-overlayfs", FUSE)):
        if subprocess.run(["sh", "-c", script, where], capture_output=True, check=False).returncode == 0:
            return driver
    return "vfs"


@dataclass(frozen=True)
class Podman:
    """Podman as the lab runs it. ``cache`` holds its configuration file."""

    cache: Path

    @cached_property
    def environment(self) -> dict[str, str]:
        need("podman", "runc", "iptables", "ip", "ssh", "ssh-keygen")
        if os.geteuid() != 0:
            raise LabError("the lab's hosts run systemd under rootful podman: run this as root (sudo)")
        path = self.cache / "containers.conf"
        if not path.exists() or path.read_text() != CONFIGURATION:
            self.cache.mkdir(parents=True, exist_ok=True)
            path.write_text(CONFIGURATION)
        return {**os.environ, "CONTAINERS_CONF": str(path), **STORAGE_SETTINGS[storage_driver()]}

    def __call__(self, *words: str | Path) -> str:
        """Run podman and return its stdout."""
        return run(["podman", *words], env=self.environment)

    def says(self, *words: str | Path) -> bool:
        """Tell whether podman's answer is yes (exit status 0)."""
        command = ["podman", *(str(word) for word in words)]
        return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode == 0

    def probe(self) -> None:
        """Start the smallest container there is as hosts are started; raises LabError in podman's words."""
        network = f"{OWNER}-probe-{os.getpid()}"
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            program = Path(shutil.which("true") or "/bin/true").resolve()
            for path in [program, *map(Path, re.findall(r"(/\S+)", run(["ldd", program])))]:
                copy = root / path.relative_to("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
            self("network", "create", "--internal", "--disable-dns", "--label", LABEL, network)
            try:
                options = ["--rm", "--privileged", "--tmpfs", "/opt", "--network", network, "--label", LABEL]
                self("run", *options, "--rootfs", root, program)
            finally:
                self("network", "rm", "--force", network)

    def containers(self, lab: str | None = None) -> list[dict[str, Any]]:
        """Return podman's records of this checkout's containers, of one lab or of all."""
        filters = [f"label={LABEL}"] + ([f"label=airgap.lab.name={lab}"] if lab else [])
        words = [word for text in filters for word in ("--filter", text)]
        return json.loads(self("ps", "--all", "--format", "json", *words) or "[]") or []
