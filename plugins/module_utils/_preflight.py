# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at a host: does a release fit, and what is there to do? Nothing is written."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._files import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._release import Part, Payload
from ansible_collections.airgap.conda.plugins.module_utils._requirements import version_key
from ansible_collections.airgap.conda.plugins.module_utils._store import Store

# A conda subdir for what the kernel calls the machine.
PLATFORMS = {"x86_64": "linux-64", "aarch64": "linux-aarch64", "ppc64le": "linux-ppc64le"}
# Free bytes that an install leaves on the file system, for everybody else.
MARGIN = 64 << 20
# What a file costs beyond its content: half a block of 4 KiB on average, and its inode.
PER_FILE = 2304


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
        payloads = tuple(
            Payload(p["format"], p["size"], p["sha256"], tuple(Part(**part) for part in p["parts"]))
            for p in data["payloads"]
        )
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


def inspect(store: Store, wanted: Wanted, keep: int, allow_downgrade: bool, formats: list[str]) -> Step:
    """Return what is to be done for one release; raises AirgapError when it must not be done here.

    ``formats`` are the payload formats that this host can unpack, best first.
    """
    current = store.current(wanted.env)
    if current == wanted.id:
        prune = store.prunable(wanted.env, keep)
        return Step(wanted.env, wanted.id, "prune" if prune else "none", current, prune=prune)
    _require_serial(store, wanted, allow_downgrade)
    _require_platform(wanted)
    _require_writable(store.root)
    if wanted.id in store.releases(wanted.env):
        return Step(wanted.env, wanted.id, "switch", current)
    payload = next((p for name in formats for p in wanted.payloads if p.format == name), None)
    if payload is None:
        raise AirgapError(
            f"This host cannot unpack {wanted.env} {wanted.id}",
            wanted=f"a payload in one of {', '.join(formats)}",
            found=", ".join(p.format for p in wanted.payloads),
            where=f"the depot and {platform.node()}",
            remedy="add tar.gz to formats in release.yml and build again",
        )
    _require_space(store.root, wanted, payload)
    missing = _missing(store.incoming(wanted.env, wanted.id), payload)
    return Step(wanted.env, wanted.id, "install", current, payload.format, missing)


def _require_serial(store: Store, wanted: Wanted, allow_downgrade: bool) -> None:
    high_water = store.high_water(wanted.env)
    if wanted.serial < high_water and not allow_downgrade and wanted.id not in store.releases(wanted.env):
        raise AirgapError(
            f"An older release of {wanted.env} was offered than this host has had",
            wanted=f"serial {high_water} or higher",
            found=f"serial {wanted.serial} ({wanted.id})",
            where=str(store.state(wanted.env) / "high-water"),
            remedy="bring the newest release to the depot; to go back on purpose, set deploy_allow_downgrade: true",
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
            f"glibc {glibc}",
            f'set target.glibc to "{glibc}" in release.yml of {wanted.env} and build again, or update the host',
        )


def host_glibc() -> str:
    """Return the version of the host's glibc (``2.31``), or ``0`` when it has none."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "glibc 0").split()[1]
    except (ValueError, OSError):
        return "0"


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


def _require_space(root: Path, wanted: Wanted, payload: Payload) -> None:
    status = os.statvfs(_existing(root))
    free = status.f_bavail * status.f_frsize
    need = payload.size + wanted.bytes + wanted.files * PER_FILE + MARGIN
    if free < need:
        raise _no_space(wanted, root, f"{_mib(need)} MiB free (payload, tree and a margin)", f"{_mib(free)} MiB free")
    # File systems without a fixed number of inodes (btrfs) report none at all.
    if status.f_files and status.f_favail < wanted.files + 100:
        raise _no_space(wanted, root, f"{wanted.files + 100} free inodes", f"{status.f_favail} free inodes")


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


def _no_space(wanted: Wanted, root: Path, want: str, found: str) -> AirgapError:
    return AirgapError(
        f"There is not enough room for {wanted.env} {wanted.id}",
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
