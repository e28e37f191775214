# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs in the virtual machine: it does to its store what the serial line asks for, and tells each step.

A request is a line of JSON: ``do`` names the function, the rest are its arguments. Before and after each step of the
store a line goes out, and the next one in is waited for: whoever cuts the power knows what had been reported done.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import traceback
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ansible_collections.airgap.conda.plugins.module_utils._cli import install as _install
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SIGNATURE,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store import store
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall

LINE, DRIVE, RELEASES = "/dev/ttyS1", "/dev/vda", "/dev/vdc"
DISK, CARGO = Path("/disk"), Path("/cargo")
ENV = "demo"
# What e2fsck says when it had nothing to do, or did it.
CLEAN = (0, 1)


class Line:
    """The serial line, a message a line."""

    def __init__(self) -> None:
        self._handle = os.open(LINE, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._handle)
        self._stream = os.fdopen(os.dup(self._handle), "r", encoding="utf-8")

    def tell(self, **message: Any) -> Any:
        """Send a message and return the next one that comes."""
        text = memoryview(f"{json.dumps(message)}\n".encode())
        while text:
            text = text[os.write(self._handle, text) :]
        return json.loads(self._stream.readline())


LINE_OUT = Line()


@contextmanager
def told(step: str, release: str) -> Iterator[None]:
    """Tell that a step begins and ends; one that fails does not end."""
    LINE_OUT.tell(begin=step, release=release)
    yield
    LINE_OUT.tell(end=step, release=release)


class ToldStore(Store):
    """A store that tells its steps."""

    def install(self, env: str, release: str, *rest: Any) -> Any:
        with told("install", release):
            return super().install(env, release, *rest)

    def switch(self, env: str, release: str, *rest: Any) -> Any:
        with told("switch", release):
            return super().switch(env, release, *rest)

    def remove(self, env: str, release: str, *rest: Any) -> Any:
        with told("remove", release):
            return super().remove(env, release, *rest)


STORE = ToldStore(DISK / "opt")


def do_mount() -> dict[str, Any]:
    """Check the file system as every start does, and mount it; unpack the releases that this start brings."""
    subprocess.run(["tar", "-xmf", RELEASES, "-C", str(CARGO)], check=True)
    done = subprocess.run(["e2fsck", "-p", "-f", DRIVE], capture_output=True, text=True, check=False)
    if done.returncode in CLEAN:
        subprocess.run(["mount", "-t", "ext4", DRIVE, str(DISK)], check=True)
    return {"e2fsck": "" if done.returncode in CLEAN else done.stdout + done.stderr}


def do_careless(without: str) -> dict[str, Any]:
    """Take flushes away: a store that the power cuts must break."""
    store.__dict__["flush_file_system"] = lambda _folder: None
    if without == "any flush":
        os.__dict__["fsync"] = lambda _handle: None
    return {}


def do_write() -> dict[str, Any]:
    """Write two files and flush one of them."""
    (DISK / "unflushed").write_text("gone", encoding="ascii")
    with open(DISK / "flushed", "w", encoding="ascii") as stream:
        stream.write("stays")
        stream.flush()
        os.fsync(stream.fileno())
    return {}


def do_written() -> dict[str, Any]:
    """Tell which of the two files are there with their content."""
    return {name: _text(DISK / name) for name in ("unflushed", "flushed")}


def do_look() -> dict[str, Any]:
    """Tell all that a user could see of the store, and what of it is not as it was signed."""
    current, releases = STORE.current(ENV), STORE.releases(ENV)
    folder = STORE.root / ENV
    faults = [f"{name}/{d.path}: {d.found}" for name in releases for d in STORE.differences(ENV, name)]
    seen = [path.name for path in folder.iterdir() if serial_of(path.name)] if folder.is_dir() else []
    faults += [f"{name} exists without a record" for name in seen if name not in releases]
    if current and current not in releases:
        faults.append(f"current is {current}, which is not there")
    if current and "CONDA_PREFIX" not in _text(folder / "activate"):
        faults.append("no activate")
    return {
        "current": current,
        "releases": releases,
        "mark": STORE.high_water(ENV),
        "faults": faults,
        "unfinished": STORE.unfinished(ENV),
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def do_recover() -> dict[str, Any]:
    if STORE.unfinished(ENV):
        with told("recover", ""), STORE.lock(ENV):
            STORE.recover(ENV)
    return {}


def do_deploy(release: str, keep: int) -> dict[str, Any]:
    """Do what a play does: look, send what is missing, deploy."""
    made = json.loads((CARGO / "releases.json").read_text(encoding="utf-8"))[release]
    step = inspect(STORE, [Release.from_dict(made, "here")], keep, False, ["tar.zst"])[0]
    if step.action == "install":
        with told("send", release):
            incoming = STORE.incoming(ENV, release)
            incoming.mkdir(parents=True, exist_ok=True)
            for name in (*step.missing, MANIFEST, SIGNATURE, FILES):
                shutil.copyfile(CARGO / ENV / release / name, incoming / name)
    deploy(STORE, step, made["manifest_sha256"], keep)
    return {}


def do_install(release: str, keep: int) -> dict[str, Any]:
    """Do what ``airgap-envs install`` does with a folder as its source; who signed it is another test's subject."""
    signers = Path("/run/allowed_signers")
    signers.write_text("tests", encoding="ascii")
    with (
        patch.object(signature, "check", lambda *_, **__: "tests"),
        patch.object(_install, "signers_file", lambda: signers),
    ):
        planned = _install.plan(STORE, _install.Wish(str(CARGO), (ENV,), release, keep))
        with told("send", release):
            _install.fetch(STORE, planned)
        _done, failed = _install.install(STORE, planned)
    for error in failed.values():
        raise error
    return {}


def do_rollback(release: str) -> dict[str, Any]:
    rollback(STORE, ENV, release, False)
    return {}


def do_uninstall(release: str) -> dict[str, Any]:
    uninstall(STORE, ENV, release)
    return {}


def main() -> None:
    """Do what is asked for, without an end."""
    request = LINE_OUT.tell(ready=True, python=sys.version.split()[0], clock=time.time())
    while True:
        try:
            answer = globals()[f"do_{request.pop('do')}"](**request)
        except Exception:  # noqa: BLE001 - whatever it is, the other end is told
            answer = {"failed": traceback.format_exc()}
        request = LINE_OUT.tell(answer=answer)


if __name__ == "__main__":
    main()
