# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""install.sh of the kit in the virtual machine of drives.py, with the drive gone at any of its steps.

A step in the shell is the start of a program; in the host's command it is the opening of a file of the drive.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from drives_sticks import (
    BASTION,
    CARGO,
    FILE_SYSTEMS,
    OPTIONS,
    PLACE,
    SIGNERS,
    Stick,
    call,
    case,
    disks,
    make,
    mounted,
    put_in,
    take_out,
    tell,
)

from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._kit.files import kit_files
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.exporter import Export
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# A small one, since the processor is emulated.
RELEASES = {"small": "1-00000001", "runtime": "1-00000001"}
STORE, PINS = Store(Path("/opt/conda-envs")), Path("/etc/airgap-conda")
WORK = Path("/run/kit")
SCRIPT, COUNT, OPENED, BREAK, AT = (WORK / name for name in ("install.sh", "count", "opened", "break", "at"))
# It is there when the drive is gone.
MARKER = WORK / "gone"
# What install.sh starts; each of these is counted first, and then started.
COUNTED = (
    *("cat", "chmod", "cp", "cut", "date", "dd", "df", "dirname", "env", "gzip", "head", "id", "ln", "ls", "mkdir"),
    *("mktemp", "mv", "rm", "rmdir", "sha256sum", "sort", "ssh-keygen", "stat", "sync", "tail", "tar", "timeout", "tr"),
)
COUNTS = """\
#!/bin/sh
echo >>{count}
n=0
while read -r _; do n=$((n + 1)); done <{count}
read -r at <{at}
if [ $n -ge ${{at:-9999}} ] 2>/dev/null && [ ! -e {marker} ]; then /bin/sh {gone}; fi
exec {program} "$@"
"""
# Loaded by every Python of the machine.
HOOK = """\
import os, sys

def hook(event, arguments):
    if event == "open" and str(arguments[0]).startswith("{place}/"):
        with os.fdopen(os.open("{opened}", os.O_WRONLY | os.O_APPEND | os.O_CREAT), "w") as stream:
            stream.write("x")
        with os.fdopen(os.open("{at}", os.O_RDONLY)) as stream:
            at = stream.read().strip()
        if at == "open " + str(os.stat("{opened}").st_size) and not os.path.exists("{marker}"):
            os.system("sh {gone}")

sys.addaudithook(hook)
"""
SITE = Path("/usr/lib/python3/dist-packages")
HOOKS = {"counts_files.py": HOOK, "counts_files.pth": "import counts_files\n"}
GONE = """\
dmsetup suspend --noflush --nolockfs {name}
echo '{table}' | dmsetup load {name}
dmsetup resume {name}
"""


def run() -> None:
    """Install from a drive of each kind, undisturbed and then with the drive gone at one step after the other."""
    _prepare()
    for kind in FILE_SYSTEMS:
        found: list[int] = []
        case(f"install.sh from {kind}", lambda kind=kind, found=found: _undisturbed(kind, found))  # type: ignore[misc]
        if not found:
            continue
        for how, step in _chosen(kind, *found):
            case(
                f"install.sh from {kind}: {how} at {step}",
                lambda kind=kind, how=how, step=step: _gone(kind, how, step),  # type: ignore[misc]
            )
        if kind == "vfat" or OPTIONS["long"]:
            middle = str(found[0] // 2)
            case(f"install.sh from {kind}: taken out", lambda kind=kind, at=middle: _taken_out(kind, at))  # type: ignore[misc]
    for name in HOOKS:
        (SITE / name).unlink()


def _chosen(kind: str, steps: int, opened: int) -> list[tuple[str, str]]:
    """Return how a drive breaks, and at which step."""
    tell(counts={f"steps of install.sh from {kind}": steps, f"files opened by the command from {kind}": opened})
    if OPTIONS["long"]:
        every = [*map(str, range(1, steps + 1)), *(f"open {number}" for number in range(1, opened + 1))]
        return [*(("error", step) for step in every), *(("shaky", step) for step in every[::10])]
    in_the_shell, in_the_command = str(steps // 2), f"open {opened // 2}"
    if kind != "vfat":
        return [("error", in_the_shell if kind == "ext4" else in_the_command)]
    return [("error", in_the_shell), ("error", in_the_command), ("shaky", str(steps // 3))]


def _prepare() -> None:
    for folder in (WORK / "bin", Path("/opt")):
        folder.mkdir(parents=True, exist_ok=True)
    call("mount", "-t", "tmpfs", "tmpfs", "/opt")
    for name in COUNTED:
        path = WORK / "bin" / name
        program = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")
        text = COUNTS.format(count=COUNT, at=AT, gone=BREAK, marker=MARKER, program=program)
        path.write_text(text, encoding="ascii")
        path.chmod(0o755)
    for name, text in HOOKS.items():
        hook = text.format(place=PLACE, opened=OPENED, at=AT, gone=BREAK, marker=MARKER)
        (SITE / name).write_text(hook, encoding="ascii")
    AT.write_text("", encoding="ascii")


def _export(path: str, kind: str) -> None:
    """Make a drive with a kit, and copy install.sh off it."""
    make(path, kind)
    signers = SIGNERS.read_text(encoding="utf-8")
    with mounted(path, kind):
        Export(
            Depot(BASTION), Drive(PLACE), tuple(RELEASES), {}, SIGNERS, True, CARGO / "key",
            workstation=lambda releases: kit_files(releases, signers, "depot", {"host": "# The host\n"}),
        ).run(check=False)  # fmt: skip
        shutil.copyfile(PLACE / "install.sh", SCRIPT)


def _install(at: str = "", gone: str = "") -> list[str]:
    """Run install.sh on a host, break the drive at a step of it, and return what is wrong afterwards."""
    AT.write_text(f"{at}\n", encoding="ascii")
    COUNT.write_text("", encoding="ascii")
    MARKER.rmdir() if MARKER.exists() else None
    OPENED.write_text("", encoding="ascii")
    BREAK.write_text(f"PATH=/usr/sbin:/usr/bin\nmkdir {MARKER} || exit 0\n{gone}", encoding="ascii")
    started = time.monotonic()
    environment = {"PATH": f"{WORK}/bin:/usr/sbin:/usr/bin", "HOME": "/root"}
    done = subprocess.run(
        ["sh", str(SCRIPT), "--yes", str(PLACE)],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    said = f"{done.stdout[-300:]}{done.stderr[-600:]}"
    tell(
        install=f"{at or 'whole'}",
        status=done.returncode,
        seconds=round(time.monotonic() - started, 1),
        said=said[-300:],
    )
    if at and not MARKER.exists() and not OPTIONS["long"]:  # the last step of one run may be none of the next
        return [f"step {at} was not reached: {said}"]
    faults = [] if done.returncode in ((0, 1) if at else (0,)) else [f"exit status {done.returncode}: {said}"]
    if done.returncode == 1 and (done.stderr.count("\n  remedy:") != 1 or "Traceback" in done.stderr):
        faults.append(f"not one message: {said}")
    for env, release in RELEASES.items():
        current = STORE.current(env)
        if current not in (("", release) if done.returncode else (release,)):
            faults.append(f"{env}: current is {current!r}: {said}")
        faults += [f"{env}/{d.path}: {d.found}" for d in (STORE.differences(env, current) if current else ())]
    return faults


def _clear() -> None:
    for path in (STORE.root, PINS):
        shutil.rmtree(path, ignore_errors=True)


def _undisturbed(kind: str, found: list[int]) -> list[str]:
    _clear()
    stick = Stick(1, 48, 0)
    _export(stick.path, kind)
    with mounted(stick.path, kind, "ro"):
        faults = _install()
    found += [COUNT.stat().st_size, OPENED.stat().st_size]
    return faults


def _gone(kind: str, how: str, step: str) -> list[str]:
    """The drive that was made before breaks at a step; once it is well again, the next run ends well."""
    _clear()
    stick = Stick(1, 48, 0, holds=True)
    with mounted(stick.path, kind, "ro"):
        faults = _install(step, GONE.format(name=stick.name, table=stick.table(how).strip()))
    stick.become("linear")
    with mounted(stick.path, kind, "ro"):
        return [*faults, *(f"then: {fault}" for fault in _install())]


def _taken_out(kind: str, step: str) -> list[str]:
    """The disk itself is taken out, and put in again."""
    _clear()
    (disk,) = disks()
    _export(str(disk), kind)
    with mounted(str(disk), kind, "ro"):
        faults = _install(step, f"echo 1 >/sys/block/{disk.name}/device/delete\n")
    faults += [f"{disk} was not taken out"] if disks() else []
    if disks():
        take_out(disk)
    with mounted(str(put_in()), kind, "ro"):
        return [*faults, *(f"then: {fault}" for fault in _install())]
