# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at a host: does a release fit, and what is there to do? Nothing is written."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._files import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._release import Payload
from ansible_collections.airgap.conda.plugins.module_utils._requirements import version_key
from ansible_collections.airgap.conda.plugins.module_utils._store import Store

# A conda subdir for what the kernel calls the machine.
PLATFORMS = {"x86_64": "linux-64", "aarch64": "linux-aarch64", "ppc64le": "linux-ppc64le"}
# Free bytes that an install leaves on the file system, for everybody else.
MARGIN = 64 << 20
# What a file costs beyond its content: half a block of 4 KiB on average, and its inode.
PER_FILE = 2304
# Older than every version that a release can need.
NO_GLIBC = "0"


@dataclass(frozen=True)
class Wanted:
    """What the controller says of a release it verified: sizes in bytes, hashes in hex."""

    env: str
    id: str
    serial: int
    prefix: str
    platform: str
    glibc: str
    glibc_file: str
    bytes: int
    files: int
    payloads: tuple[Payload, ...]

    @classmethod
    def from_result(cls, data: Mapping[str, Any]) -> Wanted:
        """Make it from one item of the result of airgap.conda.depot_info."""
        payloads = tuple(Payload.from_dict(item) for item in data["payloads"])
        names = ("env", "id", "serial", "prefix", "platform", "glibc", "glibc_file", "bytes", "files")
        return cls(payloads=payloads, **{name: data[name] for name in names})


@dataclass(frozen=True)
class Step:
    """What a host needs for one environment: action none, install, switch or prune."""

    env: str
    id: str
    action: str
    current: str
    format: str = ""
    missing: list[str] = field(default_factory=list)
    prune: list[str] = field(default_factory=list)


def inspect(
    store: Store, releases: Sequence[Wanted], keep: int, allow_downgrade: bool, formats: Sequence[str]
) -> list[Step]:
    """Return what is to be done for each release; raises AirgapError when one of them must not be deployed here.

    ``formats`` are the payload formats that this host can unpack, best first.
    """
    found = [_inspect(store, wanted, keep, allow_downgrade, formats) for wanted in releases]
    installs = [
        _Install(wanted, sum(part.size for part in payload.parts if part.name in step.missing))
        for wanted, (step, payload) in zip(releases, found)
        if payload is not None
    ]
    if installs:
        _require_space(store.root, installs)
    return [step for step, _payload in found]


@dataclass(frozen=True)
class _Install:
    """A release that is not on the host yet, and the bytes of it that have to be sent."""

    wanted: Wanted
    to_send: int

    @property
    def bytes(self) -> int:
        return self.to_send + self.wanted.bytes + self.wanted.files * PER_FILE


def _inspect(
    store: Store, wanted: Wanted, keep: int, allow_downgrade: bool, formats: Sequence[str]
) -> tuple[Step, Payload | None]:
    """Return the step for one release, and the payload to send when it is an install."""
    current = store.current(wanted.env)
    installed = wanted.id in store.releases(wanted.env)
    if installed and current == wanted.id:
        prune = store.prunable(wanted.env, keep)
        return Step(wanted.env, wanted.id, "prune" if prune else "none", current, prune=prune), None
    _require_serial(store, wanted, allow_downgrade)
    store.require_place(wanted.env, wanted.id, wanted.prefix)
    _require_platform(wanted)
    _require_writable(store.root)
    if installed:
        return Step(wanted.env, wanted.id, "switch", current), None
    store.require_free(wanted.env, wanted.id)
    payload = next((p for name in formats for p in wanted.payloads if p.format == name), None)
    if payload is None:
        raise AirgapError(
            f"This host cannot unpack {wanted.env} {wanted.id}",
            wanted=f"a payload in one of {', '.join(formats)}",
            found=", ".join(p.format for p in wanted.payloads),
            where=f"the depot and {platform.node()}",
            remedy=f"add {formats[-1]} to formats in release.yml and build again",
        )
    missing = _missing(store.incoming(wanted.env, wanted.id), payload)
    return Step(wanted.env, wanted.id, "install", current, payload.format, missing), payload


def _require_serial(store: Store, wanted: Wanted, allow_downgrade: bool) -> None:
    high_water = store.high_water(wanted.env)
    if wanted.serial < high_water and not allow_downgrade:
        raise AirgapError(
            f"An older release of {wanted.env} was offered than this host has had",
            wanted=f"serial {high_water} or higher",
            found=f"serial {wanted.serial} ({wanted.id})",
            where=str(store.state(wanted.env) / "high-water"),
            remedy="bring the newest release to the depot; to go back on purpose, use playbooks/rollback.yml, or set "
            "deploy_allow_downgrade: true",
        )


def _require_platform(wanted: Wanted) -> None:
    machine = PLATFORMS.get(platform.machine(), platform.machine())
    if machine != wanted.platform:
        raise _unfit(wanted, f"a release for {machine}", wanted.platform, f"build it for the platform {machine}")
    glibc = host_glibc()
    if wanted.glibc and version_key(glibc) < version_key(wanted.glibc):
        raise _unfit(
            wanted,
            f"glibc {wanted.glibc} or newer on the host (needed by {wanted.glibc_file})",
            f"glibc {glibc}" if glibc != NO_GLIBC else "no glibc",
            f'set target.glibc to "{glibc}" in release.yml of {wanted.env} and build again, or update the host',
        )


def host_glibc() -> str:
    """Return the version of the host's glibc (``2.31``), or NO_GLIBC."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[1]
    except (ValueError, OSError, IndexError):
        return NO_GLIBC


def _require_writable(root: Path) -> None:
    folder = _existing(root)
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
        raise AirgapError(
            "The store cannot be written on this host",
            wanted=f"a directory that user {os.geteuid()} may write",
            found="a file system mounted read-only" if read_only else "no permission to write",
            where=str(folder),
            remedy="mount it writable" if read_only else "use become: true, or choose another root",
        )


def _require_space(root: Path, installs: Sequence[_Install]) -> None:
    """Refuse when what all releases need together is not free: parts are sent first, trees unpacked beside them."""
    status = os.statvfs(_existing(root))
    free = status.f_bavail * status.f_frsize
    need = sum(install.bytes for install in installs) + MARGIN
    if free < need:
        detail = ", ".join(f"{i.wanted.env} {_mib(i.bytes)} MiB" for i in installs)
        raise _no_space(installs, root, f"{_mib(need)} MiB free ({detail}, and a margin)", f"{free >> 20} MiB free")
    # File systems without a fixed number of inodes (btrfs) report none at all.
    inodes = sum(install.wanted.files for install in installs) + 100
    if status.f_files and status.f_favail < inodes:
        raise _no_space(installs, root, f"{inodes} free inodes", f"{status.f_favail} free inodes")


def _missing(incoming: Path, payload: Payload) -> list[str]:
    """Return the parts that are not there whole: those of an interrupted transfer are not sent again."""
    missing = []
    for part in payload.parts:
        path = incoming / part.name
        if not path.is_file() or path.stat().st_size != part.size or sha256_file(path) != part.sha256:
            missing.append(part.name)
    return missing


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _mib(size: int) -> int:
    return -(-size >> 20)


def _no_space(installs: Sequence[_Install], root: Path, want: str, found: str) -> AirgapError:
    names = " and ".join(f"{install.wanted.env} {install.wanted.id}" for install in installs)
    return AirgapError(
        f"There is not enough room for {names}",
        wanted=want,
        found=found,
        where=f"{_existing(root)} on {platform.node()}",
        remedy="free space there, or keep fewer releases (deploy_keep)",
    )


def _unfit(wanted: Wanted, want: str, found: str, remedy: str) -> AirgapError:
    return AirgapError(
        f"{wanted.env} {wanted.id} does not run on this host",
        wanted=want,
        found=found,
        where=platform.node(),
        remedy=remedy,
    )
