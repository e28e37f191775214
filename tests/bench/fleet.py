# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The container hosts that ``deploy`` is measured on, and what a playbook costs there."""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._formats import loop
from ansible_collections.airgap.conda.tests.bench.frame import CACHE, CHECKOUT, processor, timed
from ansible_collections.airgap.conda.tests.bench.program import uninterrupted

sys.path.insert(0, str(CHECKOUT / "tests/lab"))

import _images
import hosts
from _common import LabError
from _podman import Podman

# All that the arms leave on a host.
WIPE = """\
units=/etc/systemd/system
if ls $units/opt-*.mount >/dev/null 2>&1; then
  systemctl stop --quiet 'opt-*.mount'
  rm -f $units/opt-*.mount $units/local-fs.target.wants/opt-*.mount
  systemctl daemon-reload
fi
rm -rf /opt/* /opt/.[!.]* /tmp/* /tmp/.[!.]* /root/.ansible /home/ops/.ansible /etc/airgap-conda; sync
"""


@dataclass(frozen=True)
class Hosts:
    """Hosts of one kind, with a tmpfs each for /opt and /tmp; ``work`` is a folder for what playbooks need and say."""

    lab: hosts.Lab
    machines: list[hosts.Host]
    work: Path

    @property
    def names(self) -> list[str]:
        return [host.name for host in self.machines]

    def everywhere(self, script: str) -> None:
        """Run a script of sh as root on every host."""

        def one(host: hosts.Host) -> None:
            self.lab.podman("exec", self.lab.container(host), "sh", "-ec", script)

        with ThreadPoolExecutor(len(self.machines)) as pool:
            list(pool.map(one, self.machines))

    def wipe(self) -> None:
        """Take away from every host what an arm brought there."""
        self.everywhere(WIPE)

    def lacks_mounts(self) -> str:
        """Return why a host mounts no image when the collection tries it, all hosts at once; empty if each does."""
        image = base64.b64encode(loop.IMAGE).decode("ascii")
        apart = f"unshare --mount --propagation private -- sh -c {shlex.quote(loop.TRY)}"
        try:
            self.everywhere(f"echo {image} | base64 -d | {apart}")
        except LabError as error:
            return str(error).splitlines()[-1]
        return ""

    def sent(self) -> int:
        """Return the bytes that this machine has sent to all hosts so far."""
        network = json.loads(self.lab.podman("network", "inspect", self.lab.network))[0]
        return int(Path("/sys/class/net", network["network_interface"], "statistics/tx_bytes").read_text("ascii"))

    def worked(self) -> float:
        """Return the seconds of processors that all hosts have taken so far."""
        containers = [self.lab.container(host) for host in self.machines]
        pids = self.lab.podman("inspect", "-f", "{{.State.Pid}}", *containers).split()
        return sum(map(_worked, pids))

    def ssh(self, name: str) -> tuple[list[str], str]:
        """Return the options of ssh and scp, and where the host is."""
        command = [tool("ansible-inventory"), "-i", str(self.lab.inventory), "--host", name]
        found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        options = ["-q", "-i", found["ansible_ssh_private_key_file"], *found["ansible_ssh_common_args"].split()]
        return options, f"{found['ansible_user']}@{found['ansible_host']}"

    def play(self, playbook: str | Path, *options: str, **variables: Any) -> dict[str, float]:
        """Run a playbook on all hosts at once, with fresh connections; return what it took, by measure.

        The bytes include what ssh adds. The controller's processor is that of Ansible; ssh's lasting connections, which
        are no children of it, are apart.
        """
        inventories = ["-i", str(self.lab.inventory), "-i", str(self.work / "inventory")]
        command = [tool("ansible-playbook"), *inventories, "--forks", str(len(self.machines)), *options]
        with lasting_connections() as sockets, (self.work / "log").open("ab") as log:
            environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false"}
            environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(sockets)

            def run() -> None:
                whole = [*command, "-e", json.dumps(variables), str(playbook)]
                streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
                done = subprocess.run(whole, env=environment, cwd=self.work, check=False, **streams)  # type: ignore[call-overload]
                if done.returncode:
                    raise SystemExit(f"bench: {playbook}: exit status {done.returncode}; {self.work / 'log'} has why")

            sent, worked, hosts = self.sent(), processor(), self.worked()
            seconds = timed(run)
            return {
                "time": seconds,
                "sent": self.sent() - sent,
                "controller": processor() - worked,
                "hosts": self.worked() - hosts,
                "ssh": _lasting(sockets),
            }


def _worked(pid: str) -> float:
    """Return the seconds that the control group of a container has taken, whose first process this is."""
    places = {}
    for line in Path("/proc", pid, "cgroup").read_text(encoding="utf-8").splitlines():
        _number, controllers, path = line.split(":", 2)
        # systemd of the container makes groups below that of the container.
        places.update(dict.fromkeys(controllers.split(","), path.removesuffix("/init.scope").lstrip("/")))
    if "cpuacct" in places:
        return int(Path("/sys/fs/cgroup/cpuacct", places["cpuacct"], "cpuacct.usage").read_text("ascii")) / 1e9
    stat = Path("/sys/fs/cgroup", places[""], "cpu.stat").read_text(encoding="ascii").split()
    return int(stat[stat.index("usage_usec") + 1]) / 1e6


def _lasting(folder: Path) -> float:
    """Return the seconds of processors that the connections with a socket in ``folder`` took, if they still last."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if os.fsencode(folder) in (process / "cmdline").read_bytes():
                fields = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def tool(name: str) -> str:
    """Return the path of a program of Ansible."""
    return str(Path(sys.executable).parent / name)


@contextmanager
def lasting_connections() -> Iterator[Path]:
    """Give a folder for the sockets of ssh's lasting connections, and end those afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield folder
    finally:
        with uninterrupted():
            for socket in folder.iterdir():
                ask = ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "bench"]
                subprocess.run(ask, capture_output=True, check=False)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(count: int, work: Path) -> Iterator[Hosts]:
    """Start hosts, and remove them and all that belongs to them, however it ends."""
    lab = hosts.Lab("bench", Podman(CACHE / "lab"))
    with ExitStack() as stack:

        def down() -> None:
            with uninterrupted():
                hosts.down(lab, images=False)

        stack.callback(down)
        hosts.down(lab, images=False)  # those of a run that was killed
        hosts.up(lab, count, set(), _images.BENCH.kind)
        fleet = Hosts(lab, hosts.planned(count, set(), _images.BENCH.kind), work)
        fleet.everywhere("mount -t tmpfs -o mode=1777,size=4g tmpfs /tmp")
        yield fleet
