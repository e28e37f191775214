# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this machine can do for ./dev: each ability is tried, not assumed, and what fails is told in its own words.

``machine.py doctor`` prints all of it; ``machine.py can ABILITY…`` and ``machine.py room WHAT`` say what is missing,
and end with 1 if something is.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parents[2]
# Free bytes that the demo and the tests want: what they left on a machine that had nothing, and a third more.
ROOM = {"demo": 3 << 30, "test": 8 << 30}
# Seconds for one try. A program that does not answer is a reason too.
PATIENCE = 20
NAMESPACES = ("unshare", "--mount", "--pid", "--net", "--fork")


def as_root() -> list[str]:
    """Return what makes root run a command: nothing for root, else sudo."""
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def complaint(command: Sequence[str], said: str = "") -> str:
    """Run a command; return why it failed, in its own words, or nothing."""
    try:
        done = subprocess.run(
            command, input=said, capture_output=True, text=True, timeout=PATIENCE, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return (
        "" if done.returncode == 0 else (words[-1].strip() if words else f"{command[0]} ended with {done.returncode}")
    )


@cache
def root() -> str:
    """Say why nothing here can be done as root."""
    if os.geteuid() == 0:
        return ""
    words = complaint(["sudo", "-n", "true"]) if shutil.which("sudo") else "there is no sudo"
    return f"it needs root, or sudo without a password ({words})" if words else ""


@cache
def namespaces() -> str:
    """Say why no process can get mounts, processes and a network of its own, which is what a container is."""
    words = root() or complaint([*as_root(), *NAMESPACES, "true"])
    return words if words == root() else f"this machine lets nobody make namespaces ({words})"


@cache
def mounts() -> str:
    """Say why small file systems cannot be mounted."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*as_root(), "unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", folder]
        words = root() or complaint(command)
    return words if words == root() else f"no file system can be mounted here ({words})"


@cache
def traces() -> str:
    """Say why no process can be traced."""
    if not shutil.which("strace"):
        return "" if not root() and shutil.which("apt-get") else "strace is not installed"
    words = complaint([*as_root(), "strace", "-o", os.devnull, "true"])
    return f"no process can be traced here ({words})" if words else ""


@cache
def containers() -> str:
    """Say why no container runs: by starting one where podman is there, else by what every container needs."""
    if namespaces() or not shutil.which("podman"):
        return namespaces() or ("" if shutil.which("apt-get") else "there is no podman, and no apt-get to install it")
    hosts = [*as_root(), sys.executable, str(CHECKOUT / "tests/lab/hosts.py"), "probe"]
    words = complaint(hosts)
    return f"no container runs here ({words})" if words else ""


ABILITIES: dict[str, Callable[[], str]] = {
    "root": root,
    "namespaces": namespaces,
    "mounts": mounts,
    "traces": traces,
    "containers": containers,
}


def room(what: str) -> str:
    """Say what room the demo or the tests want on the checkout's disk, unless an earlier run has taken its part."""
    free, need = shutil.disk_usage(CHECKOUT).free, ROOM[what]
    if free >= need or (CHECKOUT / ".cache/lab").is_dir():
        return ""
    return (
        f"wanted {need >> 30} GB of room at {CHECKOUT} for the {what}, found {free / (1 << 30):.1f} GB; make room there"
    )


def settings() -> list[str]:
    """Return the settings that decide where packages come from, without user names and passwords."""
    names = ("PIP_INDEX_URL", "UV_INDEX_URL", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "LAB_DEBIAN_MIRROR")
    proxies = [name for stem in ("http", "https", "no") for name in (f"{stem}_proxy", f"{stem}_proxy".upper())]
    found = []
    for name in (*names, *proxies):
        if value := os.environ.get(name):
            parts = urlsplit(value)
            found.append(
                f"{name}={value.replace(parts.netloc, parts.netloc.rpartition('@')[2]) if parts.netloc else value}"
            )
    return found


def doctor() -> int:
    """Print what this machine has and lacks; returns 1 if not even the local demo can run."""
    system = next((line.split("=", 1)[1].strip('"') for line in _release() if line.startswith("PRETTY_NAME=")), "Linux")
    print(f"machine     {system}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    fatal = []
    if platform.machine() != "x86_64":
        fatal.append("the channel of the demo and the tests is for x86-64 only")
    if not importlib.util.find_spec("ensurepip"):
        print("venv        missing: python3-venv" + (" (it will be installed)" if not root() else ""))
    print(f"apt         {shutil.which('apt-get') or 'missing: the packages in tests/lab/apt.txt are yours to install'}")
    for name, ask in ABILITIES.items():
        print(f"{name:11} {ask() or 'yes'}")
    for line in settings():
        print(f"setting     {line}")
    for line in filter(None, map(room, ROOM)):
        print(f"room        {line}")
    print(f"demo        {_demo()}")
    for line in fatal:
        print(f"missing     {line}")
    return bool(fatal)


def _demo() -> str:
    return f"in a local prefix: {containers()}" if containers() else "on container hosts"


def _release() -> list[str]:
    try:
        return Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def main(words: list[str]) -> int:
    """Run the command line; returns the exit status."""
    if words[:1] == ["can"]:
        missing = next((said for name in words[1:] if (said := ABILITIES[name]())), "")
        print(missing)
        return bool(missing)
    if words[:1] == ["room"]:
        print(room(words[1]))
        return bool(room(words[1]))
    return doctor()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
