# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs in the virtual machine of drives.py: exports and imports with drives of many kinds, good and bad.

A drive is a piece of a disk, a device of the device mapper, so that it can break: by the table ``error`` it is gone, by
``flakey`` it forgets what is written. Each case is told on the serial line.
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
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.device import Request
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.exporter import Export
from ansible_collections.airgap.conda.plugins.module_utils._media.importer import Import

LINE = "/dev/ttyS1"
DISK = "/dev/sda"
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
    """A drive of some MiB that can be gone and come back."""

    def __init__(self, number: int, mib: int, start: int) -> None:
        self.name, self._size, self._start = f"stick{number}", mib * MIB, start * MIB
        call("dmsetup", "create", self.name, data=self._table("linear"))
        self.path = f"/dev/mapper/{self.name}"
        call("dd", "if=/dev/zero", f"of={self.path}", "bs=1M", "count=1")

    def _table(self, kind: str) -> str:
        more = {"linear": "", "flakey": " 0 60 1 drop_writes"}
        where = f" {DISK} {self._start}{more[kind]}" if kind in more else ""
        return f"0 {self._size} {kind}{where}\n"

    def become(self, kind: str) -> None:
        """Be gone (error), forget what is written (flakey), or be well again (linear)."""
        call("dmsetup", "suspend", "--noflush", "--nolockfs", self.name)
        call("dmsetup", "load", self.name, data=self._table(kind))
        call("dmsetup", "resume", self.name)


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


def export(**options: Any) -> dict[str, Any]:
    """Export everything to the drive that is mounted."""
    return Export(Depot(BASTION), Drive(PLACE), (), {}, SIGNERS, True, None, **options).run(check=False)


def bring() -> dict[str, Any]:
    """Import everything from the drive that is mounted."""
    return Import(Depot(INSIDE), Drive(PLACE), (), {}, SIGNERS).run(check=False)


def whole() -> list[str]:
    """Return what of the releases is not in the depot inside, as it was signed."""
    faults = []
    for env, release in RELEASES.items():
        try:
            Depot(INSIDE).verify(env, release, SIGNERS)
        except AirgapError as error:
            faults.append(str(error))
    return faults


def encrypted(kind: str) -> list[str]:
    """Create, export, close; open, import, close; nothing of a release can be read from the device itself."""
    stick = Stick(1, 64, 0)
    with opened(stick.path, kind, create=True):
        export()
    with opened(stick.path, kind, create=False, options="ro"):
        bring()
    part = next((BASTION / "demo" / RELEASES["demo"]).glob("env.tar.zst.*")).read_bytes()[4096:4160]
    raw = Path(stick.path).read_bytes()
    return whole() + ["a part can be read from the device"] * (part in raw or b"manifest.json" in raw)


def row(kinds: tuple[str, ...]) -> list[str]:
    """Three drives in a row, brought in another order."""
    # The first is the smallest: by it the others are filled.
    sticks = [Stick(number, 6 + 2 * number, 64 + 16 * number) for number in (1, 2, 3)]
    for stick, kind in zip(sticks, kinds, strict=True):
        make(stick.path, kind)
    faults, used = [], 0
    for number, (stick, kind) in enumerate(zip(sticks, kinds, strict=True), start=1):
        with mounted(stick.path, kind):
            span = export(span=True)["span"]
        used = span["drives"]
        if span["drive"] != number:
            faults.append(f"drive {number} is {span}")
        if not span["left"]:
            break
    for number in (*range(2, used + 1), 1):
        with mounted(sticks[number - 1].path, kinds[number - 1], "ro"):
            left = bring()["span"]["left"]
        if bool(left) != (number != 1):
            faults.append(f"after drive {number} there is left {left}")
    return faults + whole() + [f"{used} drives are no row"] * (used < 2)


def breaking(stick: Stick, kind: str, name: str, number: int, work: Callable[[], Any]) -> tuple[bool, list[str]]:
    """Let the drive become ``kind`` at the n-th call of os.``name`` in ``work``; returns whether there was one."""
    real, calls = getattr(os, name), 0

    def watched(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            stick.become(kind)
        return real(*arguments)

    setattr(os, name, watched)
    try:
        work()
        ended = "well"
    except AirgapError as error:
        ended = "" if all(error.fields().values()) else f"a message that says too little: {error}"
    except Exception:  # noqa: BLE001 - that it is one of ours is what is tested
        ended = traceback.format_exc()[-700:]
    finally:
        setattr(os, name, real)
    # A drive that goes after the last byte was read or flushed is not missed.
    return calls >= number, [ended] if ended not in ("", "well") else []


def gone(file_system: str, kind: str, step: str, number: int) -> bool:
    """One case of a drive that breaks at a call; returns whether there was such a call."""
    happened = False

    def work() -> list[str]:
        nonlocal happened
        stick = Stick(1, 48, 0)
        make(stick.path, file_system)
        if step == "import":
            with mounted(stick.path, file_system):
                export()
        name, job = ("fsync", export) if step == "export" else ("posix_fadvise", bring)
        with mounted(stick.path, file_system):
            happened, faults = breaking(stick, kind, name, number, job)
        if INSIDE.exists():
            faults += [f"half a release is there: {path}" for path in INSIDE.glob("*/.new-*")]
        stick.become("linear")
        check = ["e2fsck", "-p", "-f"] if file_system == "ext4" else [f"fsck.{file_system}", "-a"]
        subprocess.run([*check, stick.path], capture_output=True, check=False)
        with mounted(stick.path, file_system):
            if step == "export":
                export()
        with mounted(stick.path, file_system, "ro"):
            bring()
        return faults + whole()

    case(f"{step} to {file_system}: {kind} at call {number}", work)
    return happened


def disks() -> list[Path]:
    """Return the disks that are in; one that was taken out may come back under another name."""
    return [Path("/dev", path.name) for path in Path("/sys/block").glob("sd*")]


def removed(kind: str) -> list[str]:
    """The disk itself is taken out during an export, and put in again."""
    disk = disks()[0]
    make(str(disk), kind)
    real, calls = os.fsync, 0

    def pulled(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 9:
            Path("/sys/block", disk.name, "device/delete").write_text("1", encoding="ascii")
        real(handle)

    faults = []
    os.__dict__["fsync"] = pulled
    try:
        with mounted(str(disk), kind):
            export()
        faults.append("an export to nowhere ended well")
    except AirgapError as error:
        faults += [] if all(error.fields().values()) else [str(error)]
    finally:
        os.__dict__["fsync"] = real
    for host in Path("/sys/class/scsi_host").iterdir():
        (host / "scan").write_text("- - -", encoding="ascii")
    end = time.monotonic() + 30
    while not disks() and time.monotonic() < end:
        time.sleep(0.1)
    disk = disks()[0]
    check = ["e2fsck", "-p", "-f"] if kind == "ext4" else [f"fsck.{kind}", "-a"]
    subprocess.run([*check, disk], capture_output=True, check=False)
    with mounted(str(disk), kind):
        export()
    with mounted(str(disk), kind, "ro"):
        bring()
    return faults + whole()


def main() -> None:
    """Do every case."""
    is_long = OPTIONS["long"]
    tell(ready=True, python=sys.version.split()[0], real=IS_REAL)
    for kind in FILE_SYSTEMS:
        case(f"encrypted, with {kind}", lambda kind=kind: encrypted(kind))  # type: ignore[misc]
    case("three in a row", lambda: row(FILE_SYSTEMS))
    case("three in a row, FAT first", lambda: row(("vfat", "exfat", "ext4")))
    for file_system in FILE_SYSTEMS:
        for step in ("export", "import"):
            kinds = ("error", "flakey") if step == "export" else ("error",)
            for kind in kinds:
                for number in range(1, 1000) if is_long else (2, 9)[kind == "flakey" :]:
                    if not gone(file_system, kind, step, number):
                        break
    for kind in FILE_SYSTEMS if is_long else ("vfat",):
        case(f"taken out, with {kind}", lambda kind=kind: removed(kind))  # type: ignore[misc]
    tell(end=True)


if __name__ == "__main__":
    main()
