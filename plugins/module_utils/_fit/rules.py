# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What speaks for and against releases on a host, judged by what a look at it told. Nothing is looked at here.

Each rule returns what was wanted and found when it is well, and raises a Concern or another AirgapError if not. One
that needs a fact which the look does not tell gives no verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import exchangeable, folder_fault, trusted
from ansible_collections.airgap.conda.plugins.module_utils._contract.place import in_the_way, require_place
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._fit.facts import HostFacts
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import Concern, Table
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import fitting, offered

# A conda subdir for what the kernel calls the machine.
PLATFORMS = {"x86_64": "linux-64", "aarch64": "linux-aarch64", "ppc64le": "linux-ppc64le"}
# Free bytes that an install leaves on the file system, for everybody else; and inodes.
MARGIN = 64 << 20
MARGIN_INODES = 100
# What a file costs beyond its content: half a block of 4 KiB on average, and its inode.
PER_FILE = 2304
# Older kernels are refused by glibc itself since 2.26, "FATAL: kernel too old": what every release here needs.
OLDEST_KERNEL = "3.2"
# What /proc/cpuinfo calls the instructions that each level adds: x86-64 psABI, "Micro-Architecture Levels".
CPU_LEVELS = {
    "x86-64-v2": "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
    "x86-64-v3": "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave",
    "x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
}
BASELINE = "x86-64"
# Tolerate one day: a wrong time zone is harmless.
CLOCK_TOLERANCE = 86_400.0

Fact = TypeVar("Fact")
# What was wanted, and what was found.
Seen = tuple[str, str]
Check = Callable[[str, Callable[[], Seen]], None]


class NotKnownError(Exception):
    """The look at this host did not tell what a rule needs."""


@dataclass(frozen=True)
class New:
    """A release that is to become current on a host. ``installs`` unless it is there; then parts may be there already.

    ``to_send`` is in bytes, and ``image`` the size of one that is mounted in the place of a tree.
    """

    wanted: Release
    installs: bool
    to_send: int = 0
    image: int = 0

    @property
    def bytes(self) -> int:
        """What it needs until it is installed: parts are sent first, and the tree or image is made next to them."""
        return self.to_send + (self.image or self.wanted.bytes + self.wanted.files * PER_FILE)

    @property
    def files(self) -> int:
        """How many files it makes."""
        return 1 if self.image else self.wanted.files


def judge(table: Table, facts: HostFacts, news: Sequence[New], allow_downgrade: bool) -> None:
    """Note in ``table`` what speaks for and against each new release on this host, and of the host for all of them."""
    for new in news:
        _judge_release(_noting(table, new.wanted.env), facts, new, allow_downgrade)
    check = _noting(table, "")
    check("kernel", lambda: kernel(facts))
    check("write", lambda: write(facts))
    check("mount", lambda: mount(facts))
    check("folders", lambda: folders(facts))
    installs = [new for new in news if new.installs and _payload(facts.formats or (), new.wanted)]
    if installs:
        check("space", lambda: space(facts, installs))
        check("inodes", lambda: inodes(facts, installs))
    check("clock", lambda: clock(facts, (new.wanted.created for new in news)))


def _noting(table: Table, env: str) -> Check:
    """Return what notes a check that concerns ``env``, unless a fact for it is not known."""

    def check(name: str, rule: Callable[[], Seen]) -> None:
        with suppress(NotKnownError):
            table.judge(name, env, rule)

    return check


def _judge_release(check: Check, facts: HostFacts, new: New, allow_downgrade: bool) -> None:
    wanted = new.wanted
    check("serial", lambda: serial(facts, wanted, allow_downgrade))
    check("place", lambda: place(facts, new))
    check("platform", lambda: platform(facts, wanted))
    if wanted.requirements.glibc:
        check("glibc", lambda: glibc(facts, wanted))
    if wanted.requirements.cpu:
        check("cpu", lambda: cpu(facts, wanted))
    if wanted.gpu != "none":
        check("driver", lambda: driver(facts, wanted))
    if new.installs:
        check("payload", lambda: payload(facts, wanted))


# --- one release on this host ----------------------------------------------------------------------------------------


def serial(facts: HostFacts, wanted: Release, allow_downgrade: bool) -> Seen:
    """Hold a release to the newest one that the host has had."""
    high_water = _known(facts.high_water).get(wanted.env, 0)
    if wanted.serial < high_water and not allow_downgrade:
        setting = f"{'runtime_allow_downgrade or ' if wanted.env == 'runtime' else ''}deploy_allow_downgrade"
        raise AirgapError(
            f"An older release of {wanted.env} was offered than this host has had",
            code="serial",
            wanted=f"serial {high_water} or higher",
            found=f"serial {wanted.serial} ({wanted.id})",
            where=f"{facts.root}/.state/{wanted.env}/high-water",
            remedy="bring the newest release to the depot; to go back on purpose, use airgap.conda.rollback, or set "
            f"{setting}: true (at the host: --allow-downgrade)",
        )
    return f"serial {high_water} or higher" if not allow_downgrade else "any serial", f"serial {wanted.serial}"


def place(facts: HostFacts, new: New) -> Seen:
    """Compare where a release was packed for with where this store has it, and look whether that place is free."""
    wanted = new.wanted
    require_place(facts.root, wanted.env, wanted.id, wanted.prefix)
    if new.installs and wanted.prefix in (facts.in_the_way or ()):
        raise in_the_way(wanted.prefix)
    return f"a release for {wanted.prefix}", "the same"


def platform(facts: HostFacts, wanted: Release) -> Seen:
    """Compare the machine with what a release was built for."""
    found = _known(facts.machine)
    machine = PLATFORMS.get(found, found)
    if machine != wanted.platform:
        raise _unfit(
            "platform",
            facts,
            wanted,
            f"a release for {machine}",
            wanted.platform,
            f"build it for the platform {machine}",
        )
    return f"a release for {machine}", wanted.platform


def glibc(facts: HostFacts, wanted: Release) -> Seen:
    """Compare the host's glibc with the oldest that runs a release."""
    found, needs = _known(facts.glibc), wanted.requirements
    symbol = f" for the symbol {needs.glibc_symbol}" if needs.glibc_symbol else ""
    want = f"glibc {needs.glibc} or newer on the host (needed by {needs.glibc_file}{symbol})"
    if not found:
        raise _unfit(
            "glibc", facts, wanted, want, "no glibc", "give the release to hosts with glibc, which conda packages need"
        )
    if version_key(found) < version_key(needs.glibc):
        remedy = f'set target.glibc to "{found}" in release.yml of {wanted.env} and build again, or update the host'
        raise _unfit("glibc", facts, wanted, want, f"glibc {found}", remedy)
    return want, f"glibc {found}"


def cpu_level(flags: frozenset[str]) -> str:
    """Return the level of an x86-64 processor (``x86-64-v3``) with these flags; empty without any."""
    level = BASELINE if flags else ""
    for name, needed in CPU_LEVELS.items():
        if not flags.issuperset(needed.split()):
            break
        level = name
    return level


def flags_of(level: str) -> frozenset[str]:
    """Return the flags of a processor of a level, the inverse of ``cpu_level``; none for an unknown level."""
    levels = [BASELINE, *CPU_LEVELS]
    upto = levels[1 : levels.index(level) + 1] if level in levels else []
    return frozenset([BASELINE] if level in levels else []).union(*(CPU_LEVELS[name].split() for name in upto))


def cpu(facts: HostFacts, wanted: Release) -> Seen:
    """Compare the processor with the level that a release needs."""
    flags, needed, needed_by = _known(facts.cpu_flags), wanted.requirements.cpu, wanted.requirements.cpu_file
    want = f"a processor of level {needed} or newer{f' (needed by {needed_by})' if needed_by else ''}"
    levels, found = [BASELINE, *CPU_LEVELS], cpu_level(flags)
    if needed not in levels or not found:
        raise Concern(
            f"Whether the processor of this host runs {wanted} cannot be told",
            code="cpu",
            wanted=want,
            found=found or "no flags of an x86-64 processor",
            where=f"{facts.proc}/cpuinfo",
            remedy="try the release on one host like this first",
        )
    if levels.index(found) < levels.index(needed):
        lacking = [flag for level in levels[1 : levels.index(needed) + 1] for flag in CPU_LEVELS[level].split()]
        missing = [flag for flag in lacking if flag not in flags]
        remedy = f"set target.cpu to {found} in its release.yml and build again with packages made for it"
        raise _unfit("cpu", facts, wanted, want, f"level {found}, without {', '.join(missing)}", remedy)
    return want, f"level {found}"


def driver(facts: HostFacts, wanted: Release) -> Seen:
    """Compare the loaded NVIDIA driver with the oldest that runs a release's CUDA, and that supports all of it."""
    found, needs = _known(facts.driver), wanted.requirements
    # Where there is an nvidia-smi and no module (WSL), it is asked after the install, with the release's other checks.
    need = "optional" if not found and facts.has_smi else wanted.gpu
    runs, full, cuda = needs.driver, needs.driver_full, needs.cuda_runtime
    want = f"a loaded NVIDIA driver{f', {runs} or newer for CUDA {cuda}' if runs else ''}"
    where = f"{facts.proc}/driver/nvidia/version"
    remedy = f"update the driver to {full or runs or 'a current one'}, or build {wanted} for an older CUDA"
    if not found and need == "required":
        raise AirgapError(
            f"{wanted} does not run on this host: it says gpu: {need}",
            code="driver",
            wanted=want,
            found="no NVIDIA driver",
            where=where,
            remedy="install the driver, or give the release to hosts with an NVIDIA GPU",
        )
    if found and runs and version_key(found) < version_key(runs):
        raise AirgapError(
            f"{wanted} does not run on this host: it says gpu: {need}",
            code="driver",
            wanted=want,
            found=f"driver {found}",
            where=where,
            remedy=remedy,
        )
    if found and full and version_key(found) < version_key(full):
        raise Concern(
            f"The driver of this host supports the CUDA of {wanted} only in part",
            code="driver",
            wanted=f"driver {full} or newer for all of CUDA {cuda}",
            found=f"driver {found}",
            where=where,
            remedy=remedy,
        )
    return want if need == "required" else f"none, or {want}", f"driver {found}" if found else "no driver"


def payload(facts: HostFacts, wanted: Release) -> Seen:
    """Look whether the host can unpack or mount a release, and say why not in the format that is best."""
    formats = fitting(wanted.env, _known(facts.formats))
    want = f"a payload in {'one of ' if len(formats) > 1 else ''}{', '.join(formats)}"
    found = wanted.payload(formats)
    if found is None:
        lacks = [facts.lacks[item.format] for item in wanted.payloads if item.format in facts.lacks]
        provide = f", or give the host {lacks[0]}" if lacks else ""
        raise AirgapError(
            f"This host cannot take {wanted}",
            code="payload",
            wanted=want,
            found=offered((item.format for item in wanted.payloads), facts.lacks),
            where=f"the depot and {facts.name}",
            remedy=f"add {formats[-1]} to formats in release.yml of {wanted.env} and build again{provide}",
        )
    others = [f"{name} (this host lacks {what})" for name, what in facts.lacks.items() if wanted.payload([name])]
    return want, f"{found.format}{', not ' if others else ''}{', '.join(others)}"


def _payload(formats: Sequence[str], wanted: Release) -> Payload | None:
    return wanted.payload(fitting(wanted.env, formats))


# --- the host, whatever is deployed ----------------------------------------------------------------------------------


def kernel(facts: HostFacts) -> Seen:
    """Look at the age of the kernel."""
    found = _known(facts.kernel)
    if version_key(found)[:2] < version_key(OLDEST_KERNEL):
        raise AirgapError(
            "The kernel of this host is too old",
            code="kernel",
            wanted=f"Linux {OLDEST_KERNEL} or newer, which glibc needs",
            found=f"Linux {found}",
            where=facts.name,
            remedy="update the host",
        )
    return f"Linux {OLDEST_KERNEL} or newer", f"Linux {found}"


def write(facts: HostFacts, what: str = "The store") -> Seen:
    """Look whether the user who deploys can write where ``what`` is or will be."""
    want = f"a directory that user {_known(facts.user)} may write"
    if not _known(facts.writable):
        read_only = "ro" in (facts.mount_options or ())
        raise AirgapError(
            f"{what} cannot be written on this host",
            code="write",
            wanted=want,
            found="a file system mounted read-only" if read_only else "no permission to write",
            where=facts.folder,
            remedy="mount it writable" if read_only else "use become: true (at the host: sudo), or another place",
        )
    return want, facts.folder


def mount(facts: HostFacts) -> Seen:
    """Look whether programs can be started from the store's file system, and whether that is all of the store's."""
    if "noexec" in _known(facts.mount_options):
        raise AirgapError(
            "Programs cannot be started from the store on this host",
            code="mount",
            wanted="a file system mounted without noexec",
            found="the mount option noexec",
            where=facts.folder,
            remedy="mount it with exec, or choose another root (build_root and deploy_root)",
        )
    if facts.mounts_inside:
        raise AirgapError(
            "A folder of the store is a file system of its own on this host",
            code="mount",
            wanted="the whole store on one file system, where one rename brings a release to its place",
            found="a mount point",
            where=facts.mounts_inside[0],
            remedy=f"unmount it; if the store needs a disk of its own, mount that on {facts.folder}",
        )
    return "one file system for the store, mounted without noexec", "exec"


def folders(facts: HostFacts) -> Seen:
    """Look whether anyone but root, or but the user of this task, could exchange the store under its users.

    That is who may write one of the folders above it, or owns it.
    """
    me, concern = _known(facts.user), None
    for folder in _known(facts.owned):
        fault = folder_fault(folder.uid, folder.gid, folder.mode, me, folder.is_inside)
        if fault.startswith("group"):
            concern = concern or exchangeable(Concern, me, folder.path, fault)
        elif fault:
            raise exchangeable(AirgapError, me, folder.path, fault)
    if concern:
        raise concern
    return trusted(me), "all of them"


def space(facts: HostFacts, installs: Sequence[New]) -> Seen:
    """Refuse when what all releases need together is not free: parts are sent first, trees unpacked next to them."""
    free, need = _known(facts.free_bytes), sum(new.bytes for new in installs) + MARGIN
    detail = ", ".join(f"{new.wanted.env} {_mib(new.bytes)} MiB" for new in installs)
    want, found = f"{_mib(need)} MiB free ({detail}, and a margin)", f"{free >> 20} MiB free"
    if free < need:
        raise _no_space("space", facts, installs, want, found)
    return want, found


def inodes(facts: HostFacts, installs: Sequence[New]) -> Seen:
    """Refuse when the files of all releases together are more than the file system takes."""
    free, need = _known(facts.free_inodes), sum(new.files for new in installs) + MARGIN_INODES
    want, found = f"{need} free inodes", f"{free} free inodes"
    if 0 <= free < need:
        raise _no_space("inodes", facts, installs, want, found)
    return want, found if free >= 0 else "as many as there is room for"


def clock(facts: HostFacts, built: Iterable[str]) -> Seen:
    """Compare the clock with the times at which the releases were built, in UTC. Nothing here depends on it."""
    newest, here = max(built, default=""), _known(facts.time)
    if _utc(here + CLOCK_TOLERANCE) < newest:
        raise Concern(
            "The clock of this host is wrong",
            code="clock",
            wanted=f"a time after {newest}, when a release was built",
            found=_utc(here),
            where=facts.name,
            remedy="set the clock, so that logs and reports are right; what is newer, serials decide",
        )
    return f"a time after {newest}" if newest else "any time", _utc(here)


def _known(fact: Fact | None) -> Fact:
    if fact is None:
        raise NotKnownError
    return fact


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _mib(size: int) -> int:
    return -(-size >> 20)


def _no_space(code: str, facts: HostFacts, installs: Sequence[New], want: str, found: str) -> AirgapError:
    return AirgapError(
        f"There is not enough room for {' and '.join(str(new.wanted) for new in installs)}",
        code=code,
        wanted=want,
        found=found,
        where=f"{facts.folder} on {facts.name}",
        remedy="free space there, keep fewer releases (deploy_keep), or choose another root",
    )


def _unfit(code: str, facts: HostFacts, wanted: Release, want: str, found: str, remedy: str) -> AirgapError:
    return AirgapError(
        f"{wanted} does not run on this host", code=code, wanted=want, found=found, where=facts.name, remedy=remedy
    )
