# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host is: kernel, processor, driver, clock, and the folders above the store. Reads only; nothing is run.

Each function returns what was wanted and found when it is well, and raises a Concern or another AirgapError if not.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import (
    exchangeable,
    folder_fault,
    trusted,
    way_to,
)
from ansible_collections.airgap.conda.plugins.module_utils._preflight.table import Concern
from ansible_collections.airgap.conda.plugins.module_utils._requirements.elf import version_key

# Older kernels are refused by glibc itself since 2.26, "FATAL: kernel too old": what every release here needs.
OLDEST_KERNEL = "3.2"
# What /proc/cpuinfo calls the instructions that each level adds: x86-64 psABI, "Micro-Architecture Levels".
CPU_LEVELS = {
    "x86-64-v2": "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
    "x86-64-v3": "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave",
    "x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
}
BASELINE = "x86-64"
# A clock that is a day wrong is one thing, a time zone that was taken for another is none.
CLOCK_TOLERANCE = 86_400.0
MOUNTS = Path("/proc/self/mountinfo")


def kernel() -> tuple[str, str]:
    """Look at the age of the kernel."""
    found = os.uname().release
    if version_key(found)[:2] < version_key(OLDEST_KERNEL):
        raise AirgapError(
            "The kernel of this host is too old",
            wanted=f"Linux {OLDEST_KERNEL} or newer, which glibc needs",
            found=f"Linux {found}",
            where=platform.node(),
            remedy="update the host",
        )
    return f"Linux {OLDEST_KERNEL} or newer", f"Linux {found}"


def cpu_level(cpuinfo: str) -> str:
    """Return the level of an x86-64 processor (``x86-64-v3``) from /proc/cpuinfo; empty when it does not say."""
    match = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    if not match:
        return ""
    flags, level = set(match[1].split()), BASELINE
    for name, needed in CPU_LEVELS.items():
        if not flags.issuperset(needed.split()):
            break
        level = name
    return level


def cpu(release: str, needed: str, needed_by: str, proc: Path) -> tuple[str, str]:
    """Compare the processor with the level that a release needs; ``needed_by`` is the file that needs it."""
    wanted = f"a processor of level {needed} or newer{f' (needed by {needed_by})' if needed_by else ''}"
    levels = [BASELINE, *CPU_LEVELS]
    found = cpu_level(_read(proc / "cpuinfo"))
    if needed not in levels or not found:
        raise Concern(
            f"Whether the processor of this host runs {release} cannot be told",
            wanted=wanted,
            found=found or "no flags of an x86-64 processor",
            where=str(proc / "cpuinfo"),
            remedy="try the release on one host like this first",
        )
    if levels.index(found) < levels.index(needed):
        lacking = [flag for level in levels[1 : levels.index(needed) + 1] for flag in CPU_LEVELS[level].split()]
        have = re.search(r"^flags\s*:(.*)$", _read(proc / "cpuinfo"), re.MULTILINE)
        missing = [flag for flag in lacking if have and flag not in have[1].split()]
        raise AirgapError(
            f"{release} does not run on this host",
            wanted=wanted,
            found=f"level {found}, without {', '.join(missing)}",
            where=platform.node(),
            remedy=f"set target.cpu to {found} in its release.yml and build again with packages made for it",
        )
    return wanted, f"level {found}"


def driver(release: str, need: str, floors: tuple[str, str], cuda: str, found: str, where: Path) -> tuple[str, str]:
    """Compare the loaded NVIDIA driver ``found``, empty for none, with what a release that says gpu: ``need`` wants.

    ``floors`` are the oldest driver that runs its CUDA at all, and the oldest that supports all of it.
    """
    runs, full = floors
    wanted = f"a loaded NVIDIA driver{f', {runs} or newer for CUDA {cuda}' if runs else ''}"
    remedy = f"update the driver to {full or runs or 'a current one'}, or build {release} for an older CUDA"
    if not found and need == "required":
        raise AirgapError(
            f"{release} does not run on this host: it says gpu: {need}",
            wanted=wanted,
            found="no NVIDIA driver",
            where=str(where),
            remedy="install the driver, or give the release to hosts with an NVIDIA GPU",
        )
    if found and runs and version_key(found) < version_key(runs):
        raise AirgapError(
            f"{release} does not run on this host: it says gpu: {need}",
            wanted=wanted,
            found=f"driver {found}",
            where=str(where),
            remedy=remedy,
        )
    if found and full and version_key(found) < version_key(full):
        raise Concern(
            f"The driver of this host supports the CUDA of {release} only in part",
            wanted=f"driver {full} or newer for all of CUDA {cuda}",
            found=f"driver {found}",
            where=str(where),
            remedy=remedy,
        )
    return wanted if need == "required" else f"none, or {wanted}", f"driver {found}" if found else "no driver"


def clock(built: Iterable[str]) -> tuple[str, str]:
    """Compare the clock with the times at which the releases were built, in UTC. Nothing here depends on it."""
    newest = max(built, default="")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + CLOCK_TOLERANCE))
    here = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if now < newest:
        raise Concern(
            "The clock of this host is wrong",
            wanted=f"a time after {newest}, when a release was built",
            found=here,
            where=platform.node(),
            remedy="set the clock, so that logs and reports are right; what is newer, serials decide",
        )
    return f"a time after {newest}" if newest else "any time", here


def mount(folder: Path, inside: Iterable[Path] = ()) -> tuple[str, str]:
    """Look whether programs can be started from the file system of ``folder``, and whether that is all of the store's.

    ``inside`` are folders of the store: a release goes from one to another by a rename, which no file system leaves.
    """
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        raise no_programs(str(folder))
    mounts = {re.sub(r"\\([0-7]{3})", _octal, line.split()[4]) for line in _read(MOUNTS).splitlines()}
    for place in inside:
        if os.path.realpath(place) in mounts:
            raise AirgapError(
                "A folder of the store is a file system of its own on this host",
                wanted="the whole store on one file system, where one rename brings a release to its place",
                found="a mount point",
                where=str(place),
                remedy=f"unmount it; if the store needs a disk of its own, mount that on {folder}",
            )
    return "one file system for the store, mounted without noexec", "exec"


def _octal(match: re.Match[str]) -> str:
    """Return the character that /proc writes as a number, such as a space."""
    return chr(int(match[1], 8))


def no_programs(where: str) -> AirgapError:
    """Return the error for a file system that is mounted noexec."""
    return AirgapError(
        "Programs cannot be started from the store on this host",
        wanted="a file system mounted without noexec",
        found="the mount option noexec",
        where=where,
        remedy="mount it with exec, or choose another root (build_root and deploy_root)",
    )


def folders(root: Path, inside: Iterable[Path] = ()) -> tuple[str, str]:
    """Look whether anyone but root, or but the user of this task, could exchange the store under its users.

    That is who may write one of the folders above it, or owns it. A link is followed as the kernel does, and all that
    is on the way counts. ``inside`` are folders of the store itself, where no link belongs.
    """
    me, concern = os.geteuid(), None
    for place, status in [*way_to(root), *((path, path.lstat()) for path in inside if os.path.lexists(path))]:
        fault = folder_fault(status.st_uid, status.st_gid, status.st_mode, me, is_inside=root in place.parents)
        if fault.startswith("group"):
            concern = concern or exchangeable(Concern, me, str(place), fault)
        elif fault:
            raise exchangeable(AirgapError, me, str(place), fault)
    if concern:
        raise concern
    return trusted(me), "all of them"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
