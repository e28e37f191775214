# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs in the virtual machine of drives.py: exports and imports with drives of many kinds, good and bad.

What a workstation installs from a drive is in drives_kit.py, the role with all of Ansible in drives_play.py.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import drives_kit
import drives_play
from drives_sticks import (
    BASTION,
    FILE_SYSTEMS,
    INSIDE,
    IS_REAL,
    OPTIONS,
    PLACE,
    RELEASES,
    SIGNERS,
    Stick,
    case,
    disks,
    make,
    mounted,
    opened,
    put_in,
    repair,
    take_out,
    tell,
)

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.exporter import Export
from ansible_collections.airgap.conda.plugins.module_utils._media.importer import Import


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
        repair(stick.path, file_system)
        with mounted(stick.path, file_system):
            if step == "export":
                export()
        with mounted(stick.path, file_system, "ro"):
            bring()
        return faults + whole()

    case(f"{step} to {file_system}: {kind} at call {number}", work)
    return happened


def removed(kind: str) -> list[str]:
    """The disk itself is taken out during an export, and put in again."""
    disk = disks()[0]
    make(str(disk), kind)
    real, calls = os.fsync, 0

    def pulled(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 9:
            take_out(disk)
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
    disk = put_in()
    repair(disk, kind)
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
    drives_play.run()
    drives_kit.run()
    tell(end=True)


if __name__ == "__main__":
    main()
