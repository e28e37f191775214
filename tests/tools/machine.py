# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this machine can do for ./dev: each ability is tested, not assumed; failures keep the system's message.

``machine.py doctor`` prints everything; ``machine.py can ABILITY…`` and ``machine.py room WHAT`` print what is missing,
and exit with 1 if something is.
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
# Free bytes that the demo and the tests need: what they used on an empty machine, plus a third.
ROOM = {"demo": 3 << 30, "test": 8 << 30}
# Seconds for one test. A program that does not respond counts as a failure.
PATIENCE = 20
NAMESPACES = ("unshare", "--mount", "--pid", "--net", "--fork")


def as_root() -> list[str]:
    """Return the prefix of a command for root: empty for root, otherwise sudo."""
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def complaint(command: Sequence[str], said: str = "") -> str:
    """Run a command; return its error message if it failed, otherwise an empty text."""
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
    """Return why commands cannot run as root."""
    if os.geteuid() == 0:
        return ""
    words = complaint(["sudo", "-n", "true"]) if shutil.which("sudo") else "there is no sudo"
    return f"it needs root, or sudo without a password ({words})" if words else ""


@cache
def namespaces() -> str:
    """Return why processes cannot get their own mounts, processes and network, as a container does."""
    words = root() or complaint([*as_root(), *NAMESPACES, "true"])
    return words if words == root() else f"namespaces cannot be created here ({words})"


@cache
def mounts() -> str:
    """Return why small file systems cannot be mounted."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*as_root(), "unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", folder]
        words = root() or complaint(command)
    return words if words == root() else f"file systems cannot be mounted here ({words})"


@cache
def traces() -> str:
    """Return why a process's system calls cannot be watched."""
    words = complaint([*as_root(), sys.executable, str(CHECKOUT / "tests/faults/watch.py")])
    if "libseccomp" in words and not root() and shutil.which("apt-get"):
        return ""
    return f"system calls cannot be watched here ({words})" if words else ""


@cache
def containers() -> str:
    """Return why containers do not run: start one if podman is installed, otherwise test what containers need."""
    if namespaces() or not shutil.which("podman"):
        return namespaces() or ("" if shutil.which("apt-get") else "podman and apt-get are missing")
    hosts = [*as_root(), sys.executable, str(CHECKOUT / "tests/lab/hosts.py"), "probe"]
    words = complaint(hosts)
    return f"containers do not run here ({words})" if words else ""


ABILITIES: dict[str, Callable[[], str]] = {
    "root": root,
    "namespaces": namespaces,
    "mounts": mounts,
    "traces": traces,
    "containers": containers,
}


def room(what: str) -> str:
    """Return the missing space for demo or tests on the checkout's disk, unless an earlier run took its part."""
    free, need = shutil.disk_usage(CHECKOUT).free, ROOM[what]
    if free >= need or (CHECKOUT / ".cache/lab").is_dir():
        return ""
    found = f"{free / (1 << 30):.1f} GB"
    return f"wanted {need >> 30} GB of free space at {CHECKOUT} for the {what}, found {found}; free space there"


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
    """Print what this machine provides and lacks; returns 1 if not even the local demo can run."""
    system = next((line.split("=", 1)[1].strip('"') for line in _release() if line.startswith("PRETTY_NAME=")), "Linux")
    print(f"machine     {system}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    fatal = []
    if platform.machine() != "x86_64":
        fatal.append("the channel of the demo and the tests is for x86-64 only")
    if not importlib.util.find_spec("ensurepip"):
        print("venv        missing: python3-venv" + (" (it will be installed)" if not root() else ""))
    print(f"apt         {shutil.which('apt-get') or 'missing: install the packages in tests/lab/apt.txt yourself'}")
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
