# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab proves its own airgap: real systemd and sshd, no Python, and no connection that leaves the network.

Every "cannot" is paired with a "can" by the same probe, so that a broken probe never passes for an airgap.
The inventory is that of `hosts.py up`; LAB_INVENTORY names another one. Nothing but ssh is used.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
INVENTORY = Path(os.environ.get("LAB_INVENTORY") or CHECKOUT / ".cache/lab/default/inventory.yml")
GROUP = "workstations"
UNROUTED = "192.0.2.1"  # TEST-NET-1, RFC 5737
BANNER = b"SSH-lab\n"
# Seconds. A connect without a route fails at once; one that is only dropped on its way would take longer.
AT_ONCE = 2.0
SSH_LIMIT = 30.0


@dataclass(frozen=True)
class Host:
    """One host of the inventory; ``settings`` are its variables, those of the group included."""

    name: str
    settings: dict[str, Any]

    @property
    def address(self) -> str:
        return str(self.settings["ansible_host"])

    @property
    def old_python(self) -> bool:
        return bool(self.settings.get("lab_old_python"))

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run ``script`` by sh on the host, over plain ssh as the inventory says."""
        words = ["ssh", "-o", "BatchMode=yes", "-i", str(self.settings["ansible_ssh_private_key_file"])]
        words += shlex.split(str(self.settings["ansible_ssh_common_args"]))
        words += [f"{self.settings['ansible_user']}@{self.address}", script]
        return subprocess.run(words, capture_output=True, text=True, timeout=SSH_LIMIT, check=False)

    def connect(self, address: str, port: int) -> subprocess.CompletedProcess[str]:
        """Open a TCP connection from the host and read four bytes of greeting (stdout)."""
        probe = f"exec 3<>/dev/tcp/{address}/{port} && head -c4 <&3"
        return self.run(f"timeout 5 bash -c {shlex.quote(probe)}")


def read_hosts() -> list[Host]:
    if not INVENTORY.exists():
        return []
    everyone = yaml.safe_load(INVENTORY.read_text())["all"]
    hosts = everyone["children"][GROUP]["hosts"]
    return [Host(name, {**everyone["vars"], **settings}) for name, settings in hosts.items()]


HOSTS = read_hosts()
every_host = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)


def own_address() -> str:
    """Return an IPv4 address of this machine that is not on a lab's network."""
    links = json.loads(subprocess.run(["ip", "-json", "-4", "address"], capture_output=True, check=True).stdout)
    found = [
        entry["local"]
        for link in links
        for entry in link["addr_info"]
        if entry["scope"] == "global" and not link["ifname"].startswith(("podman", "cni-"))
    ]
    assert found, "this machine has no address outside the lab; give it one: ip addr add 198.51.100.1/32 dev lo"
    return str(found[0])


def gateway(host: Host) -> str:
    """Return this machine's address on the host's network."""
    return str(ipaddress.IPv4Interface(f"{host.address}/24").network.network_address + 1)


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """Greet on every address of this machine like an sshd; yield the port."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104

        def greet() -> None:
            while True:
                try:
                    link, _peer = server.accept()
                except OSError:
                    return
                with link:
                    link.sendall(BANNER)

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_the_group_is_not_empty() -> None:
    assert HOSTS, f"no hosts in {INVENTORY}: run `./dev lab up 3`"
    assert len(HOSTS) >= 2, "the probe's positive control needs a second host: run `./dev lab up 3`"


@every_host
def test_systemd_and_sshd_are_real(host: Host) -> None:
    said = host.run(
        "cat /proc/1/comm; systemctl is-system-running; systemctl is-active ssh; systemctl --failed --plain --no-legend"
    )
    assert said.stdout.split() == ["systemd", "running", "active"], said


@every_host
def test_there_is_a_node_for_each_loop_device_that_the_kernel_may_make(host: Host) -> None:
    said = host.run("ls /dev | grep -c '^loop[0-9]'")
    assert int(said.stdout) >= 64, said


@every_host
def test_there_is_no_python(host: Host) -> None:
    said = host.run("command -v python3 python python2; ls /usr/bin /usr/local/bin | grep -i '^python'; true")
    if host.old_python:
        assert "/usr/bin/python3" in said.stdout, said
        version = host.run("python3 -c 'import sys; print(sys.version_info[:2])'")
        assert version.stdout.strip() == "(2, 7)", version
    else:
        assert (said.returncode, said.stdout) == (0, ""), said


@every_host
def test_root_is_in_reach(host: Host) -> None:
    become = bool(host.settings.get("ansible_become"))
    assert (host.run("id -u").stdout.strip() == "0") is not become
    root = host.run("sudo -n id -u" if become else "id -u")
    assert (root.returncode, root.stdout.strip()) == (0, "0"), root


def test_one_host_is_reached_as_an_ordinary_user() -> None:
    assert [host.settings["ansible_user"] for host in HOSTS if host.settings.get("ansible_become")] == ["ops"]


@every_host
def test_reaches_its_neighbour(host: Host) -> None:
    neighbour = next(other for other in HOSTS if other != host)
    said = host.connect(neighbour.address, 22)
    assert said.stdout == "SSH-", said


@every_host
def test_reaches_this_machine_on_the_lab_network_only(host: Host, listener: int) -> None:
    inside = host.connect(gateway(host), listener)
    assert inside.stdout == "SSH-", inside
    outside = host.connect(own_address(), listener)
    assert outside.returncode != 0, outside
    assert "Network is unreachable" in outside.stderr, outside


@every_host
def test_has_no_route_to_the_internet(host: Host) -> None:
    start = time.monotonic()
    said = host.connect(UNROUTED, 443)
    assert said.returncode != 0, said
    assert "Network is unreachable" in said.stderr, said
    assert time.monotonic() - start < AT_ONCE


@every_host
def test_has_no_default_route(host: Host) -> None:
    routes = [line.split() for line in host.run("cat /proc/net/route").stdout.splitlines()[1:]]
    assert routes, "the host shows no routing table at all"
    assert [route for route in routes if route[1] == "00000000"] == []
    routes6 = [line.split() for line in host.run("cat /proc/net/ipv6_route 2>/dev/null; true").stdout.splitlines()]
    assert [route for route in routes6 if route[0] == "0" * 32 and route[1] == "00" and route[-1] != "lo"] == []


@cache
def outside_name() -> str:
    """Return a name of the outside that this machine resolves (an apt mirror of its own), or one that most would."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    uris = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    for name in {urlsplit(uri).hostname for uri in uris}:
        try:
            socket.gethostbyname(name or "")
        except OSError:
            continue
        return str(name)
    return "example.com"


@every_host
def test_resolves_no_outside_name(host: Host) -> None:
    itself = host.run('getent hosts "$(hostname)"')
    assert host.address in itself.stdout, itself
    said = host.run(f"timeout 10 getent hosts {shlex.quote(outside_name())}")
    assert (said.returncode, said.stdout) == (2, ""), said
