# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Set up what a command of ./dev requires: Debian packages, a virtual environment, root. It needs no library.

``prepare.py venv PURPOSE demo|test|bench [PACKAGE…]`` installs packages, and makes the virtual environment of that file
of requirements for the Python that runs this; ``packages PURPOSE PACKAGE…`` installs packages only. ``step NAME
COMMAND…`` runs a command with its output in a log, ``as_root COMMAND…`` as root, and ``step NAME as_root COMMAND…``
both. ``python MINOR`` prints version and name of the Python to use, at least 3.MINOR; for that, any Python from 3.7
will do.
"""

from __future__ import annotations

import fnmatch
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NoReturn

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache"
REQUIREMENTS = CHECKOUT / "tests/requirements"
# Packages that this release of Debian or Ubuntu does not have, one a line.
SKIPPED = CACHE / "packages-skipped"
# sudo drops the environment; these variables are what the commands need.
HANDED_ON = (
    "HOME",
    "PATH",
    "ANSIBLE_*",
    "MOLECULE_*",
    "LAB_*",
    "DEV_*",
    "PIP_*",
    "XDG_CACHE_HOME",
    "*_proxy",
    "*_PROXY",
)
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")
# Where to look for a Python: the distribution's own first, because it is compiled with optimisation.
PYTHONS = ("/usr/bin/python3", "python3", "python3.13", "python3.12", "python3.11", "python3.10")
# What each is asked: its version, and whether it can make virtual environments.
ASKED = """\
import importlib.util, platform
print(platform.python_version(), int(all(map(importlib.util.find_spec, ("ensurepip", "venv")))))
"""
# What is shown of the log of a step that failed: lines with errors, then its end.
ERRORS, SHOWN, END, WIDTH = re.compile(r"(fatal|failed): |\[?ERROR|E  "), 20, 30, 1000


def say(text: str) -> None:
    """Print a line with the seconds since ./dev began."""
    now = int(time.time())
    print(f"[{now - int(os.environ.get('DEV_STARTED', now)):4d} s] {text}", flush=True)


def die(text: str) -> NoReturn:
    """Exit with one line."""
    sys.exit(f"dev: {text}")


def run(command: Sequence[str], output: IO[bytes] | None = None) -> int:
    """Run a command to its end and return its exit status, as a shell gives it; after Ctrl-C, end as that ends one."""
    if command[0] == "as_root":
        return as_root(command[1:], output)
    interrupted = []
    streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT} if output else {}
    try:
        with subprocess.Popen(command, **streams) as process:  # type: ignore[call-overload]
            before = signal.signal(signal.SIGINT, lambda *_args: interrupted.append(True))
            status: int = process.wait()
            signal.signal(signal.SIGINT, before)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return status if status >= 0 else 128 - status


def can_be_root() -> bool:
    """Tell whether commands can run as root."""
    if os.geteuid() == 0:
        return True
    asked = ["sudo", "-n", "true"]
    return bool(shutil.which("sudo")) and subprocess.run(asked, capture_output=True, check=False).returncode == 0


def as_root(command: Sequence[str], output: IO[bytes] | None = None) -> int:
    """Run a command as root; afterwards the caller owns what root created in .cache/."""
    if os.geteuid() == 0:
        return run(command, output)
    names = [name for name in os.environ if any(fnmatch.fnmatchcase(name, form) for form in HANDED_ON)]
    settings = ["PYTHONDONTWRITEBYTECODE=1", *(f"{name}={os.environ[name]}" for name in names)]
    status = run(["sudo", "-n", "env", *settings, *command], output)
    run(["sudo", "-n", "chown", "-R", "--no-dereference", f"{os.geteuid()}:{os.getgid()}", str(CACHE)], output)
    return status


def step(name: str, *commands: Sequence[str]) -> int:
    """Run commands until one fails, with their output in a log; tell the duration, and the log's end if one failed."""
    log, began, status = CACHE / "log" / f"{re.sub('[^A-Za-z0-9.]', '-', name)}.log", int(time.time()), 0
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        for command in commands:
            status = status or run(command, stream)
    took = int(time.time()) - began
    if status == 0:
        say(f"{name}: done in {took} s")
        return 0
    say(f"{name}: FAILED after {took} s; errors and end of {log.relative_to(CHECKOUT)}:")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if ERRORS.match(line)][:SHOWN]
    print("\n".join(f"    {line[:WIDTH]}" for line in [*errors, "...", *lines[-END:]]), flush=True)
    return status


def missing(packages: Sequence[str]) -> list[str]:
    """Return which packages are not installed, without those that are known not to exist here."""
    asked = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *packages]
    known = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()
    there = {line.removeprefix("installed ") for line in known if line.startswith("installed ")}
    there |= set(SKIPPED.read_text(encoding="utf-8").split()) if SKIPPED.exists() else set()
    return sorted(set(packages) - there)


def need_packages(purpose: str, packages: Sequence[str]) -> None:
    """Install missing packages; if none is missing, this costs one dpkg-query."""
    if not packages:
        return
    if not shutil.which("apt-get"):
        die(f"apt-get is missing; install these packages for {purpose}: {' '.join(packages)}")
    wanted = missing(packages)
    if not wanted:
        return
    if not can_be_root():
        die(f"packages are missing for {purpose}; as root: apt-get install {' '.join(wanted)}")
    installing = [sys.executable, str(Path(__file__)), "install", *wanted]
    if step(f"apt: {len(wanted)} packages", installing):
        sys.exit(1)


def install(packages: Sequence[str]) -> int:
    """Install packages; skip, now and in future, what this release does not have: the program that needs it tells."""
    status = as_root([*APT, "update"])
    if status:
        return status
    there = {name: run(["apt-cache", "show", name]) == 0 for name in packages}
    with SKIPPED.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{name}\n" for name, known in there.items() if not known)
    return as_root(
        [*APT, "install", "-y", "--no-install-recommends", *(name for name, known in there.items() if known)]
    )


def need_venv(purpose: str, kind: str, packages: Sequence[str]) -> None:
    """Install packages, and make the virtual environment again when its Python or a requirement has changed."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    venv = CACHE / f"venv-{kind}-py{minor}"
    stamp = venv / ".stamp"
    texts = b"".join(path.read_bytes() for path in sorted(REQUIREMENTS.glob("*.txt")))
    wanted = f"{platform.python_version()} {venv} {hashlib.sha256(texts).hexdigest()}  -\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        need_packages(purpose, packages)
        return
    # Debian has both in a package of their own.
    if not all(map(importlib.util.find_spec, ("ensurepip", "venv"))):
        packages = [*packages, f"python{minor}-venv"]
    need_packages(purpose, packages)
    shutil.rmtree(venv, ignore_errors=True)
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    name = f"virtual environment: {venv.relative_to(CHECKOUT)}, Python {platform.python_version()}"
    making = [sys.executable, "-m", "venv", str(venv)]
    if step(name, making, [*pip, "-r", str(REQUIREMENTS / f"{kind}.txt")]):
        sys.exit(1)
    stamp.write_text(wanted, encoding="utf-8")


def find_python(minor: int) -> str:
    """Return version and name of the first Python that is at least 3.``minor``; DEV_PYTHON may name the one to take."""
    chosen, seen = os.environ.get("DEV_PYTHON", ""), []
    for name in (chosen,) if chosen else PYTHONS:
        if not shutil.which(name):
            continue
        asked = subprocess.run([name, "-c", ASKED], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if asked.returncode != 0:
            continue
        version, can_make = asked.stdout.decode().split()
        # Debian has what makes a virtual environment in a package of its own; another Python may have it.
        if name == PYTHONS[0] and can_make == "0":
            continue
        if tuple(map(int, re.findall(r"\d+", version)[:2])) >= (3, minor):
            return f"{version} {name}"
        seen.append(f"{name} {version}")
    no_other = f"no working {chosen or 'python3'}"
    die(
        f"wanted Python 3.{minor} or newer, found {', '.join(seen) or no_other}; "
        "install one, and select it with DEV_PYTHON=python3.X"
    )


def main(what: str, *words: str) -> int:
    """Do one of the things above and return its exit status."""
    if what == "venv":
        need_venv(words[0], words[1], words[2:])
    elif what == "packages":
        need_packages(words[0], words[1:])
    elif what == "python":
        print(find_python(int(words[0])))
    elif what == "install":
        return install(words)
    elif what == "as_root":
        return as_root(words)
    else:
        return step(words[0], words[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
