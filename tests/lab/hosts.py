# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real airgapped hosts: ``python tests/lab/hosts.py up 3``, ``down``, ``status``.

Each host is a container that boots systemd and sshd on a podman network with no way out. Hosts have no Python.
Debian releases take turns; host2 is reached as the ordinary user ``ops`` with passwordless sudo, the others as
root. Everything generated lies under ``--cache``; labs with different ``--name`` do not touch each other.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import _images
from _common import CHECKOUT, DEFAULT_CACHE, LabError, digest, locked, main_guard, run, say
from _podman import LABEL, OWNER, Podman

# Seconds that a host has from its start to an ssh answer.
DEADLINE = 180.0
GROUP = "workstations"
CONTROLLERS = "controllers"
SUDO_HOST = 2
FIRST_ADDRESS = 10  # host1 is .11, host2 .12, ...
OLD_PYTHON_ADDRESS = 250
CONTROLLER_ADDRESS = 251
MAX_HOSTS = OLD_PYTHON_ADDRESS - FIRST_ADDRESS - 1
# A machine makes the node of a loop device with the device; a container has those that were there at its start.
LOOPS = 64
READY = f"""\
timeout 30 systemctl is-system-running --wait >/dev/null
for n in $(seq 0 {LOOPS - 1}); do
  test -e /dev/loop$n || mknod -m 660 /dev/loop$n b 7 $n
done
cat /etc/ssh/ssh_host_ed25519_key.pub
"""
# Where a host that keeps byte code has it, laid out as in the checkout.
PLACE = "/var/lib/lab"


@dataclass(frozen=True)
class Host:
    """One host as it should be. ``number`` is the last byte of its address."""

    name: str
    number: int
    image: _images.Image
    user: str = "root"

    def address(self, subnet: ipaddress.IPv4Network) -> str:
        return str(subnet.network_address + self.number)


@dataclass(frozen=True)
class Lab:
    """The hosts, network and files that share one ``--name``."""

    name: str
    podman: Podman

    @property
    def network(self) -> str:
        return f"{OWNER}-{self.name}"

    @property
    def folder(self) -> Path:
        return self.podman.cache / self.name

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yml"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def container(self, host: Host) -> str:
        return f"{self.network}-{host.name}"


# Hosts in addition to the numbered ones, requested by options of `up`.
EXTRA = {
    "oldpy": Host("oldpy", OLD_PYTHON_ADDRESS, _images.OLD_PYTHON),
    "controller": Host("controller", CONTROLLER_ADDRESS, _images.CONTROLLER),
}

# Images that are used by themselves, too.
IMAGES = {"bookworm": _images.Image("bookworm"), "toolchain": _images.TOOLCHAIN}


def planned(count: int, extra: set[str], suite: str = "") -> list[Host]:
    """Return the hosts of a lab of ``count``, of one Debian ``suite`` or of all, and those of ``EXTRA`` named."""
    kinds = (_images.KINDS.get(suite, _images.Image(suite)),) if suite else _images.wanted()
    hosts = [
        Host(f"host{n}", FIRST_ADDRESS + n, kinds[(n - 1) % len(kinds)], "ops" if n == SUDO_HOST else "root")
        for n in range(1, count + 1)
    ]
    return hosts + [host for name, host in EXTRA.items() if name in extra]


def taken_subnets(podman: Podman) -> list[ipaddress.IPv4Network]:
    """Return the IPv4 networks that this machine has a route to or that podman has given away."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")
    named = [route["dst"] for route in routes if route["dst"] not in ("default", "0.0.0.0/0")]
    for network in json.loads(podman("network", "inspect", *podman("network", "ls", "--quiet").split())):
        named += [subnet["subnet"] for subnet in network.get("subnets") or []]
    return [ipaddress.IPv4Network(text, strict=False) for text in named if ":" not in text]


def ensure_network(lab: Lab) -> ipaddress.IPv4Network:
    """Return the subnet of the lab's network, which is created (internal, no DNS) if it is not there."""
    if not lab.podman.says("network", "exists", lab.network):
        taken = taken_subnets(lab.podman)
        start = int(digest(lab.network), 16)
        for offset in range(256):
            subnet = ipaddress.IPv4Network(f"10.{200 + (start >> 8) % 50}.{(start + offset) % 256}.0/24")
            options = ["--internal", "--disable-dns", "--label", LABEL, "--subnet", str(subnet)]
            # This machine is the controller: it gets .1; podman gives an internal network no address here by itself.
            options += ["--gateway", str(subnet.network_address + 1)]
            # Another lab may take a subnet between the look and the try: then the next one.
            free = not any(subnet.overlaps(other) for other in taken)
            if free and lab.podman.says("network", "create", *options, lab.network):
                break
        else:
            raise LabError("no free /24 for the lab's network: 256 subnets tried (see `ip route`, `podman network ls`)")
    record = json.loads(lab.podman("network", "inspect", lab.network))[0]
    if not record["internal"]:
        raise LabError(f"network {lab.network} is not internal, so its hosts are not airgapped: run `hosts.py down`")
    return ipaddress.IPv4Network(record["subnets"][0]["subnet"])


def keeps_bytecode(lab: Lab, host: Host) -> list[str]:
    """Return the volumes with which a host's Pythons keep the byte code of modules, as tests/tools/bytecode explains.

    All hosts keep it in one place, by content. Whoever logs in by ssh has it, also as root through sudo.
    """
    if host.image == _images.OLD_PYTHON:
        return []  # it could not read the program
    # Not where this machine keeps its own: packed modules go by their paths, which are others there.
    kept, settings, program = lab.podman.cache / "kept", lab.folder / "settings", "tests/tools/bytecode"
    for folder in (kept / program, settings):
        folder.mkdir(parents=True, exist_ok=True)
    new = kept / program / f".{lab.name}"
    shutil.copy2(CHECKOUT / program / "sitecustomize.py", new)
    new.rename(kept / program / "sitecustomize.py")
    (settings / "ssh").write_text(f"SetEnv PYTHONPATH={PLACE}/{program}\n")
    (settings / "sudo").write_text("Defaults env_keep += PYTHONPATH\n")
    volumes = (
        (kept, PLACE),
        (settings / "ssh", "/etc/ssh/sshd_config.d/bytecode.conf:ro"),
        (settings / "sudo", "/etc/sudoers.d/bytecode:ro"),
    )
    return [word for here, there in volumes for word in ("--volume", f"{here}:{there}")]


# A disk of its own for what is deployed, as workstations have: else all hosts wait for this machine's one.
MEMORY = ["--tmpfs", "/opt:rw,exec,mode=0755,size=4g"]
# This machine's disk: for what is larger than that, and it is there again when the host has been restarted.
DISK = ["--mount", "type=volume,dst=/opt"]


def start(lab: Lab, host: Host, subnet: ipaddress.IPv4Network, image: str, more: list[str]) -> None:
    """Start one host's container, with ``more`` options; systemd goes on booting after the return."""
    lab.podman(
        "run", "--detach", "--name", lab.container(host), "--hostname", host.name,
        "--label", LABEL, "--label", f"airgap.lab.name={lab.name}", "--label", f"airgap.lab.host={host.name}",
        "--network", lab.network, "--ip", host.address(subnet),
        "--systemd=always", "--privileged", "--pull=never", "--stop-signal", "SIGRTMIN+3", *more, image, "/sbin/init",
    )  # fmt: skip


def lone(lab: Lab, name: str, drive: Path) -> None:
    """Start a machine with no network and no service, with the folder ``drive`` at /media/usb, to be read only."""
    image = IMAGES["bookworm"]
    reference = _images.ensure(lab.podman, {image})[image]
    lab.podman(
        "run", "--detach", "--name", f"{lab.network}-{name}", "--hostname", name,
        "--label", LABEL, "--label", f"airgap.lab.name={lab.name}", "--label", f"airgap.lab.host={name}",
        "--network", "none", "--volume", f"{drive.resolve()}:/media/usb:ro",
        "--pull=never", reference, "sleep", "infinity",
    )  # fmt: skip
    say(f"{name} is up, without a network")


def execute(lab: Lab, name: str, command: str) -> int:
    """Run a command on a lone machine, as root; returns its exit status."""
    words = ["podman", "exec", "--env", "HOME=/root", f"{lab.network}-{name}", "sh", "-euc", command]
    return subprocess.run(words, env=lab.podman.environment, check=False).returncode


def restart(lab: Lab, name: str) -> int:
    """Restart a host, and wait until it answers; what it had in memory is gone, and so are its mounts."""
    lab.podman("restart", "--time", "30", f"{lab.network}-{name}")
    host = Host(name, FIRST_ADDRESS + int(name.removeprefix("host")), _images.Image(""))
    wait_for_ssh(lab, host, ensure_network(lab))
    say(f"{name} is up again")
    return 0


def in_network(lab: Lab, name: str, command: str) -> int:
    """Run a command with this machine's programs in the network of a host; returns its exit status."""
    process = lab.podman("inspect", "--format", "{{.State.Pid}}", f"{lab.network}-{name}").strip()
    return subprocess.run(["nsenter", "--target", process, "--net", "sh", "-euc", command], check=False).returncode


ON_HOST: dict[str, Callable[..., int]] = {"exec": execute, "net": in_network, "restart": restart}


def answers(address: str) -> bool:
    """Tell whether an sshd greets at ``address``."""
    try:
        with socket.create_connection((address, 22), timeout=2) as link:
            link.settimeout(2)
            return link.recv(4) == b"SSH-"
    except OSError:
        return False


def wait_for_ssh(lab: Lab, host: Host, subnet: ipaddress.IPv4Network) -> str:
    """Wait for the host's sshd and return its public key; past the deadline, fail with the end of its journal."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if answers(host.address(subnet)):
            # Until the boot is over, only root may log in.
            return lab.podman("exec", lab.container(host), "sh", "-c", READY)
        time.sleep(0.2)
    command = ["podman", "exec", lab.container(host), "journalctl", "--no-pager", "-n", "25"]
    journal = subprocess.run(
        command, env=lab.podman.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    raise LabError(f"{host.name} did not answer on ssh within {DEADLINE:.0f} s. Its journal ends:\n{journal.stdout}")


def write_files(lab: Lab, hosts: list[Host], subnet: ipaddress.IPv4Network, keys: dict[str, str]) -> None:
    """Write known_hosts and the Ansible inventory of ``hosts``."""
    known = [f"{host.address(subnet)} {' '.join(keys[host.name].split()[:2])}" for host in hosts]
    lab.known_hosts.write_text("\n".join(known) + "\n")
    options = f"-o UserKnownHostsFile={lab.known_hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    lines = [
        "# Written by tests/lab/hosts.py; gone with `hosts.py down`.", "all:",
        "  vars:", f"    ansible_ssh_private_key_file: {lab.podman.cache / 'ssh' / 'id_ed25519'}",
        f"    ansible_ssh_common_args: {options}", "  children:",
    ]  # fmt: skip
    group = ""
    for host in hosts:  # the controller is the last
        if group != (group := CONTROLLERS if host.image == _images.CONTROLLER else GROUP):
            lines += [f"    {group}:", "      hosts:"]
        lines += [f"        {host.name}:", f"          ansible_host: {host.address(subnet)}"]
        lines += [f"          ansible_user: {host.user}", f"          lab_suite: '{host.image.release}'"]
        lines += ["          ansible_become: true"] if host.user != "root" else []
        lines += ["          lab_old_python: true"] if host.image == _images.OLD_PYTHON else []
    fresh = lab.inventory.with_suffix(".new")
    fresh.write_text("\n".join(lines) + "\n")
    fresh.rename(lab.inventory)


def up(lab: Lab, count: int, extra: set[str], suite: str = "", bytecode: bool = False, disk: bool = False) -> None:
    """Bring the lab to at least ``count`` hosts, and those of ``EXTRA`` that are named."""
    with locked(lab.podman.cache / f".{lab.name}.lock"):
        lab.folder.mkdir(parents=True, exist_ok=True)
        before = {record["Labels"]["airgap.lab.host"]: record for record in lab.podman.containers(lab.name)}
        numbers = [int(name.removeprefix("host")) for name in before if name.startswith("host")]
        hosts = planned(max([count, *numbers]), extra | (before.keys() & EXTRA.keys()), suite)
        images = _images.ensure(lab.podman, {host.image for host in hosts})
        running = {
            host.name
            for host in hosts
            if host.name in before
            and before[host.name]["State"] == "running"
            and before[host.name]["Image"] == images[host.image]
        }
        subnet = ensure_network(lab)
        whole = len(running) == len(hosts) and lab.inventory.exists()
        if whole and all(answers(host.address(subnet)) for host in hosts):
            say(f"{len(hosts)} hosts are up already: {lab.inventory}")
            return
        stale = [before[name]["Id"] for name in before if name not in running]
        if stale:
            lab.podman("rm", "--force", "--time", "0", "--volumes", *stale)
        fresh = [host for host in hosts if host.name not in running]
        store = DISK if disk else MEMORY
        more = {host: [*store, *(keeps_bytecode(lab, host) if bytecode else [])] for host in fresh}
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda host: start(lab, host, subnet, images[host.image], more[host]), fresh))
            say(f"{len(fresh)} containers started on {subnet}")
            keys = dict(
                zip([h.name for h in hosts], pool.map(lambda h: wait_for_ssh(lab, h, subnet), hosts), strict=True)
            )
        write_files(lab, hosts, subnet, keys)
    for host in hosts:
        say(f"{host.name:8} {host.address(subnet):15} {host.image.release:12} as {host.user}")
    say(f"{len(hosts)} hosts are up: {lab.inventory}")


def down(lab: Lab, images: bool) -> None:
    """Remove the lab's containers, network and files; with ``images``, the images of this checkout too."""
    with locked(lab.podman.cache / f".{lab.name}.lock"):
        try:
            found = [record["Id"] for record in lab.podman.containers(lab.name)]
        except LabError:
            if lab.folder.exists() or images:
                raise
            say("podman lists nothing here, and this lab was never up")
            return
        if found:
            lab.podman("rm", "--force", "--time", "0", "--volumes", *found)
        if lab.podman.says("network", "exists", lab.network):
            lab.podman("network", "rm", "--force", lab.network)
        shutil.rmtree(lab.folder, ignore_errors=True)
    say(f"{len(found)} hosts removed")
    if images:
        others = sorted({record["Labels"]["airgap.lab.name"] for record in lab.podman.containers()})
        if others:
            raise LabError(f"images are in use by the labs {', '.join(others)}: run `down --name` for them first")
        with locked(lab.podman.cache / ".images.lock"):
            say(f"{_images.remove(lab.podman)} images removed")


def make_images(lab: Lab, wanted: set[_images.Image]) -> None:
    """Build images; when that is ended by SIGTERM, so is all that it started, which then removes what it began."""

    def end(*_signal: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        raise LabError("ended before the images were built")

    with suppress(PermissionError):  # it leads a session, and so a group, already
        os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, end)
    _images.ensure(lab.podman, wanted)


def status(lab: Lab) -> int:
    """Print the running hosts; 0 if every host runs, 1 if one does not or no host exists."""
    records = sorted(lab.podman.containers(lab.name), key=lambda record: record["Names"][0])
    for record in records:
        print(f"{record['Labels']['airgap.lab.host']:8} {record['State']:10} {record['Image']}")
    print(f"{len(records)} hosts; inventory: {lab.inventory if lab.inventory.exists() else 'none'}")
    return 0 if records and all(record["State"] == "running" for record in records) else 1


def main() -> int:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where keys and inventories go (%(default)s)")
    common.add_argument("--name", default="default", help="labs with different names are apart (%(default)s)")
    parser = argparse.ArgumentParser(description="Airgapped hosts for tests: systemd and sshd, no Python, no way out.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("up", parents=[common], help="start hosts, or add to those that run")
    verb.add_argument("count", type=int, metavar="N", help=f"how many, 1 to {MAX_HOSTS}")
    verb.add_argument(
        "--suite",
        default="",
        choices=(*_images.SUITES, *_images.KINDS),
        help="one Debian release for all, or one with more shells, or with Python; else they take turns",
    )
    verb.add_argument("--old-python", action="store_true", help="one more, `oldpy`, whose python3 is a Python 2.7")
    verb.add_argument("--controller", action="store_true", help="one more, `controller`, with Ansible")
    verb.add_argument("--bytecode", action="store_true", help="new hosts keep the byte code of Ansible's modules")
    verb.add_argument("--disk", action="store_true", help="new hosts have /opt on this machine's disk, not in memory")
    verb = verbs.add_parser("down", parents=[common], help="remove the hosts and their network")
    verb.add_argument("--images", action="store_true", help="and the images")
    verbs.add_parser("status", parents=[common], help="say what runs")
    verb = verbs.add_parser("images", parents=[common], help="build the images that hosts are started from")
    verb.add_argument("--demo", action="store_true", help="those of the demo; else those of the tests")
    verb = verbs.add_parser("image", parents=[common], help="build one image and print its name in podman, last")
    verb.add_argument("kind", choices=IMAGES)
    verb = verbs.add_parser("lone", parents=[common], help="start a machine without network or services")
    verb.add_argument("host", metavar="HOST")
    verb.add_argument("--drive", type=Path, required=True, help="the folder that it has at /media/usb, read-only")
    verb = verbs.add_parser("exec", parents=[common], help="run a command on such a machine, in sh as root")
    verb.add_argument("host", metavar="HOST")
    verb.add_argument("command", metavar="COMMAND")
    verb = verbs.add_parser("restart", parents=[common], help="restart a host, and wait until it answers")
    verb.add_argument("host", metavar="HOST")
    verb = verbs.add_parser("net", parents=[common], help="run a command of this machine in the network of a host")
    verb.add_argument("host", metavar="HOST")
    verb.add_argument("command", metavar="COMMAND")
    verbs.add_parser("probe", parents=[common], help="try whether a container runs here, in a second")
    arguments = parser.parse_args()
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", arguments.name):
        raise LabError(f"--name {arguments.name}: 1 to 20 of a-z, 0-9 and '-'")
    lab = Lab(arguments.name, Podman(arguments.cache.resolve()))
    if arguments.verb == "status":
        return status(lab)
    if arguments.verb == "images":
        demo = {_images.CONTROLLER}  # and what it is made from, a host of the same release
        make_images(lab, demo if arguments.demo else {*_images.wanted(), *IMAGES.values(), _images.OLD_PYTHON})
        return 0
    if arguments.verb == "image":
        image = IMAGES[arguments.kind]
        print(_images.ensure(lab.podman, {image})[image])
        return 0
    if arguments.verb == "lone":
        lone(lab, arguments.host, arguments.drive)
        return 0
    if arguments.verb in ON_HOST:
        return ON_HOST[arguments.verb](lab, arguments.host, *([arguments.command] if "command" in arguments else []))
    if arguments.verb == "probe":
        with tempfile.TemporaryDirectory() as cache:
            Podman(Path(cache)).probe()
        return 0
    if arguments.verb == "down":
        down(lab, arguments.images)
        return 0
    if not 1 <= arguments.count <= MAX_HOSTS:
        raise LabError(f"{arguments.count} hosts: a lab has 1 to {MAX_HOSTS}")
    chosen = {"oldpy": arguments.old_python, "controller": arguments.controller}
    extra = {name for name, wanted in chosen.items() if wanted}
    up(lab, arguments.count, extra, arguments.suite, arguments.bytecode, arguments.disk)
    return 0


if __name__ == "__main__":
    main_guard(main)
