# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the cases in the virtual machine of drives.py share: drives that break, and how a case is told.

A drive is a piece of a disk, a device of the device mapper, so that it can break: by the table ``error`` it is gone, by
``flakey`` it forgets what is written, by ``shaky`` it is gone every other second.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._media.device import Request

LINE = "/dev/ttyS1"
CARGO, PLACE = Path("/cargo"), Path("/media/usb")
BASTION, SIGNERS, INSIDE = CARGO / "bastion", CARGO / "key.signers", Path("/tmp/inside")  # noqa: S108 - of a machine of its own
RELEASES = {"demo": "1-00000001", "runtime": "1-00000001"}
FILE_SYSTEMS = ("ext4", "vfat", "exfat")
PASSPHRASE = "correct horse"  # noqa: S105 - of a drive that lasts a minute
MIB = 2048  # sectors
MODULE = "ansible_collections.community.crypto.plugins.modules.luks_device"
IS_REAL = (CARGO / "collections/ansible_collections/community/crypto").is_dir()
OPTIONS = json.loads((CARGO / "options.json").read_text(encoding="ascii")) if CARGO.is_dir() else {"only": ""}
# The header of a real drive makes each guess at a passphrase take a second and a gigabyte.
QUICK = {"algorithm": "pbkdf2", "iteration_count": 1000}


def tell(**message: Any) -> None:
    """Send a message."""
    with open(LINE, "wb", buffering=0) as stream:
        stream.write(f"{json.dumps(message)}\n".encode())


def call(*command: object, data: str = "") -> str:
    """Run a program and return what it says; raises RuntimeError with that."""
    done = subprocess.run(
        [str(word) for word in command], input=data, capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def case(name: str, work: Callable[[], Any]) -> None:
    """Do one case, if it is one of those that are asked for, and tell how it ended; then remove all that is left."""
    if not re.search(OPTIONS["only"], name):
        return
    started = time.monotonic()
    try:
        found = work() or []
    except Exception:  # noqa: BLE001 - whatever it is, the other end is told
        found = [traceback.format_exc()[-1400:]]
    with suppress(Exception):
        clean()
    tell(case=name, faults=found, seconds=round(time.monotonic() - started, 1))


def clean() -> None:
    """Unmount and close what a case left."""
    subprocess.run(["umount", "-l", PLACE], capture_output=True, check=False)
    for name in ("airgap-media", "stick1", "stick2", "stick3"):
        subprocess.run(["dmsetup", "remove", "--force", name], capture_output=True, check=False)
    shutil.rmtree(INSIDE, ignore_errors=True)
    shutil.rmtree(BASTION / ".span", ignore_errors=True)


class Stick:
    """A drive of some MiB that can be gone and come back; empty, unless it ``holds`` what was written before."""

    def __init__(self, number: int, mib: int, start: int, holds: bool = False) -> None:
        self.name, self._size, self._start = f"stick{number}", mib * MIB, start * MIB
        (self._disk,) = disks()
        call("dmsetup", "create", self.name, data=self.table("linear"))
        self.path = f"/dev/mapper/{self.name}"
        if not holds:
            call("dd", "if=/dev/zero", f"of={self.path}", "bs=1M", "count=1")

    def table(self, kind: str) -> str:
        """Return what dmsetup is told of a drive that is gone (error), forgets (flakey), comes and goes (shaky)."""
        target, more = {"flakey": ("flakey", " 0 60 1 drop_writes"), "shaky": ("flakey", " 1 1")}.get(kind, (kind, ""))
        where = f" {self._disk} {self._start}{more}" if kind != "error" else ""
        return f"0 {self._size} {target}{where}\n"

    def become(self, kind: str) -> None:
        """Be gone, forget what is written, come and go, or be well again (linear)."""
        call("dmsetup", "suspend", "--noflush", "--nolockfs", self.name)
        call("dmsetup", "load", self.name, data=self.table(kind))
        call("dmsetup", "resume", self.name)


def disks() -> list[Path]:
    """Return the disks that are in; one that was taken out may come back under another name."""
    return [Path("/dev", path.name) for path in Path("/sys/block").glob("sd*")]


def take_out(disk: Path) -> None:
    """Take a disk out of the machine."""
    Path("/sys/block", disk.name, "device/delete").write_text("1", encoding="ascii")


def put_in() -> Path:
    """Put it in again; returns its name now."""
    for host in Path("/sys/class/scsi_host").iterdir():
        (host / "scan").write_text("- - -", encoding="ascii")
    end = time.monotonic() + 30
    while not disks() and time.monotonic() < end:
        time.sleep(0.1)
    return disks()[0]


def repair(path: object, kind: str) -> None:
    """Do what a person does with a drive that was pulled."""
    check = ["e2fsck", "-p", "-f"] if kind == "ext4" else [f"fsck.{kind}", "-a"]
    subprocess.run([*check, str(path)], capture_output=True, check=False)


def make(path: str, kind: str) -> None:
    """Make a file system."""
    call(f"mkfs.{kind}", *(["-q", "-m", "0"] if kind == "ext4" else []), path)


@contextmanager
def mounted(path: str, kind: str, options: str = "rw") -> Iterator[None]:
    """Mount a drive for the block."""
    call("mount", "-t", kind, "-o", f"nodev,nosuid,noexec,{options}", path, PLACE)
    try:
        yield
    finally:
        subprocess.run(["umount", PLACE], capture_output=True, check=False)
        if os.path.ismount(PLACE):
            call("umount", "-l", PLACE)


def luks(**arguments: Any) -> None:
    """Do what role media asks of community.crypto.luks_device."""
    if IS_REAL:
        text = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
        call(sys.executable, "-B", "-m", MODULE, data=text)
        return
    device, name = arguments.get("device", ""), arguments.get("name", "")
    words: dict[str, list[str]] = {
        "present": ["luksFormat", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", device, "-"],
        "opened": ["open", "--key-file", "-", device, name],
        "closed": ["close", name],
    }
    call("cryptsetup", *words[arguments["state"]], data=arguments.get("passphrase", ""))


@contextmanager
def opened(path: str, kind: str, create: bool, options: str = "rw") -> Iterator[None]:
    """Do the steps of tasks/luks.yml."""
    look = Request(path, str(PLACE)).look
    if create:
        content = ""
        try:
            look()
            raise RuntimeError("a drive without LUKS was taken for one")
        except AirgapError as error:
            content = json.loads(error.remedy.partition("media_luks_erase: ")[2])
        look = Request(path, str(PLACE), True, content).look
    found = look()
    if found["create"]:
        luks(device=found["path"], state="present", type="luks2", passphrase=PASSPHRASE, pbkdf=QUICK)
    luks(device=found["path"], name=found["name"], state="opened", passphrase=PASSPHRASE)
    try:
        there = Request(path, str(PLACE), created=found["create"]).look()
        if there["format"]:
            make(there["mapper"], kind)
        with mounted(there["mapper"], kind, options):
            if not Request(path, str(PLACE)).look()["mounted"]:
                raise RuntimeError("a mounted drive is not seen")
            yield
    finally:
        luks(name=found["name"], state="closed")
    if os.path.exists("/dev/mapper/airgap-media"):
        raise RuntimeError("the drive is still open")
