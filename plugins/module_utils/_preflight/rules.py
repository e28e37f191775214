# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at a host: does a release fit, and what is there to do? Nothing is written."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import typed
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools, loaded_module
from ansible_collections.airgap.conda.plugins.module_utils._gpu.smi import find_smi
from ansible_collections.airgap.conda.plugins.module_utils._preflight import host
from ansible_collections.airgap.conda.plugins.module_utils._preflight.table import Table
from ansible_collections.airgap.conda.plugins.module_utils._requirements.elf import version_key
from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import missing_parts
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

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
    ipykernel: bool
    created: str
    gpu: str
    requirements: Mapping[str, Any]
    payloads: tuple[Payload, ...]

    @classmethod
    def from_result(cls, data: Mapping[str, Any]) -> Wanted:
        """Make it from one item of the result of airgap.conda.depot_info."""
        payloads = tuple(typed(Payload, item) for item in data["payloads"])
        names = ("env", "id", "serial", "prefix", "platform", "glibc", "glibc_file", "bytes", "files", "ipykernel")
        more = ("created", "gpu", "requirements")
        return cls(payloads=payloads, **{name: data[name] for name in (*names, *more)})

    def __str__(self) -> str:
        return f"{self.env} {self.id}"

    def payload(self, formats: Sequence[str]) -> Payload | None:
        """Return the payload in the first of ``formats`` that there is."""
        return next((p for name in formats for p in self.payloads if p.format == name), None)

    def to_send(self, step: Step) -> int:
        """Return how many bytes of the payload have to be sent for a step."""
        payload = self.payload([step.format])
        return sum(part.size for part in payload.parts if part.name in step.missing) if payload else 0


@dataclass(frozen=True)
class Step:
    """What a host needs for one environment: action none, install, switch, prune or kernel.

    ``kernels`` is the folder of Jupyter kernels, ``kernel`` the kernel.json that is there afterwards; empty for none.
    """

    env: str
    id: str
    action: str
    current: str
    format: str = ""
    missing: list[str] = field(default_factory=list)
    prune: list[str] = field(default_factory=list)
    kernels: str = ""
    kernel: str = ""


def inspect(
    store: Store,
    releases: Sequence[Wanted],
    keep: int,
    allow_downgrade: bool,
    formats: Sequence[str],
    kernels: str = "",
    table: Table | None = None,
    tools: Tools | None = None,
) -> list[Step]:
    """Return what is to be done for each release; raises RefusedError when one of them must not be deployed here.

    ``formats`` are the payload formats that this host can unpack, best first. ``kernels`` is the folder of Jupyter
    kernels: other environments of the store that have to change for it get a step as well. What each check found is
    noted in ``table``; a host where nothing is to be done is not looked at. ``tools`` say where the driver is seen.
    """
    table, tools = table or Table(), tools or Tools()
    kernelspec.require_absolute(kernels)
    steps = [_step(store, wanted, keep, formats) for wanted in releases]
    news = [(wanted, step) for wanted, step in zip(releases, steps) if step.action in ("install", "switch")]
    for wanted, step in news:
        _judge_release(table, store, wanted, step, formats, allow_downgrade, tools)
    if news:
        _judge_host(table, store, news)
    table.require()
    steps = [_with_kernel(store, step, wanted.ipykernel, kernels) for wanted, step in zip(releases, steps)]
    return steps + _other_kernels(store, {step.env for step in steps}, kernels)


def _step(store: Store, wanted: Wanted, keep: int, formats: Sequence[str]) -> Step:
    """Return what is to be done for one release, if it may be."""
    current = store.current(wanted.env)
    installed = wanted.id in store.releases(wanted.env)
    if installed and current == wanted.id:
        prune = store.prunable(wanted.env, keep)
        action = "prune" if prune or store.unfinished(wanted.env) else "none"
        return Step(wanted.env, wanted.id, action, current, prune=prune)
    if installed:
        return Step(wanted.env, wanted.id, "switch", current)
    payload = wanted.payload(formats)
    missing = missing_parts(store.incoming(wanted.env, wanted.id), payload) if payload else []
    return Step(wanted.env, wanted.id, "install", current, payload.format if payload else "", missing)


def _judge_release(
    table: Table,
    store: Store,
    wanted: Wanted,
    step: Step,
    formats: Sequence[str],
    allow_downgrade: bool,
    tools: Tools,
) -> None:
    """Note what speaks for and against one release on this host."""
    env, needs = wanted.env, wanted.requirements
    table.judge("serial", env, lambda: _serial(store, wanted, allow_downgrade))
    table.judge("place", env, lambda: _place(store, wanted, step))
    table.judge("platform", env, lambda: _platform(wanted))
    if wanted.glibc:
        table.judge("glibc", env, lambda: _glibc(wanted))
    if needs["cpu"]:
        table.judge("cpu", env, lambda: host.cpu(str(wanted), needs["cpu"], needs["cpu_file"], tools.proc))
    if wanted.gpu != "none":
        table.judge("driver", env, lambda: _driver(wanted, tools))
    if step.action == "install":
        table.judge("payload", env, lambda: _payload(wanted, formats))


def _judge_host(table: Table, store: Store, news: Sequence[tuple[Wanted, Step]]) -> None:
    """Note what is to be said of the host, whatever is deployed."""
    inside = [
        store.root / name for name in (".incoming", ".staging", ".state", *(wanted.env for wanted, _step in news))
    ]
    table.judge("kernel", "", host.kernel)
    table.judge("write", "", lambda: _writable(store.root))
    table.judge("mount", "", lambda: host.mount(_existing(store.root), inside))
    table.judge("folders", "", lambda: host.folders(store.root, inside))
    installs = [_Install(wanted, wanted.to_send(step)) for wanted, step in news if step.format]
    if installs:
        table.judge("space", "", lambda: _space(store.root, installs))
        table.judge("inodes", "", lambda: _inodes(store.root, installs))
    table.judge("clock", "", lambda: host.clock(wanted.created for wanted, _step in news))


def _other_kernels(store: Store, envs: set[str], kernels: str) -> list[Step]:
    """Return a step for each environment beside ``envs`` whose Jupyter kernel is not as ``kernels`` says."""
    steps = []
    for env in store.known():
        current = store.current(env)
        step = Step(env, current, "none", current)
        if env not in envs:
            steps.append(_with_kernel(store, step, kernelspec.starts(store, env, current), kernels))
    return [step for step in steps if step.action != "none"]


def _with_kernel(store: Store, step: Step, ipykernel: bool, kernels: str) -> Step:
    """Add to a step what it does to the Jupyter kernel; the runtime has none, since no user works in it."""
    if step.env == "runtime":
        return step
    path = kernelspec.kernel_file(kernels, step.env) if kernels and ipykernel else None
    if path:
        kernelspec.require_free(store, step.env, kernels)
        _writable(path.parent, "The folder of Jupyter kernels")
    action = "kernel" if step.action == "none" and kernelspec.differs(store, step.env, kernels) else step.action
    return replace(step, action=action, kernels=kernels, kernel=str(path or ""))


@dataclass(frozen=True)
class _Install:
    """A release that is not on the host yet, and the bytes of it that have to be sent."""

    wanted: Wanted
    to_send: int

    @property
    def bytes(self) -> int:
        return self.to_send + self.wanted.bytes + self.wanted.files * PER_FILE


def _serial(store: Store, wanted: Wanted, allow_downgrade: bool) -> tuple[str, str]:
    high_water = store.high_water(wanted.env)
    if wanted.serial < high_water and not allow_downgrade:
        raise AirgapError(
            f"An older release of {wanted.env} was offered than this host has had",
            wanted=f"serial {high_water} or higher",
            found=f"serial {wanted.serial} ({wanted.id})",
            where=str(store.state(wanted.env) / "high-water"),
            remedy="bring the newest release to the depot; to go back on purpose, use airgap.conda.rollback, or set "
            "deploy_allow_downgrade: true",
        )
    return f"serial {high_water} or higher" if not allow_downgrade else "any serial", f"serial {wanted.serial}"


def _place(store: Store, wanted: Wanted, step: Step) -> tuple[str, str]:
    store.require_place(wanted.env, wanted.id, wanted.prefix)
    if step.action == "install":
        store.require_free(wanted.env, wanted.id)
    return f"a release for {wanted.prefix}", "the same"


def _platform(wanted: Wanted) -> tuple[str, str]:
    machine = PLATFORMS.get(platform.machine(), platform.machine())
    if machine != wanted.platform:
        raise _unfit(wanted, f"a release for {machine}", wanted.platform, f"build it for the platform {machine}")
    return f"a release for {machine}", wanted.platform


def _glibc(wanted: Wanted) -> tuple[str, str]:
    glibc = host_glibc()
    symbol = wanted.requirements.get("glibc_symbol")
    needy = f"{wanted.glibc_file} for the symbol {symbol}" if symbol else wanted.glibc_file
    want = f"glibc {wanted.glibc} or newer on the host (needed by {needy})"
    if version_key(glibc) < version_key(wanted.glibc):
        raise _unfit(
            wanted,
            want,
            f"glibc {glibc}" if glibc != NO_GLIBC else "no glibc",
            f'set target.glibc to "{glibc}" in release.yml of {wanted.env} and build again, or update the host',
        )
    return want, f"glibc {glibc}"


def _driver(wanted: Wanted, tools: Tools) -> tuple[str, str]:
    needs, loaded = wanted.requirements, loaded_module(tools.proc)
    # Where there is an nvidia-smi and no module (WSL), it is asked after the install, with the release's other checks.
    need = "optional" if not loaded and find_smi(tools.nvidia_smi) else wanted.gpu
    floors = (needs["driver"], needs["driver_full"])
    where = tools.proc / "driver/nvidia/version"
    return host.driver(str(wanted), need, floors, needs["cuda_runtime"], loaded, where)


def _payload(wanted: Wanted, formats: Sequence[str]) -> tuple[str, str]:
    want = f"a payload in one of {', '.join(formats)}"
    payload = wanted.payload(formats)
    if payload is None:
        raise AirgapError(
            f"This host cannot unpack {wanted}",
            wanted=want,
            found=", ".join(p.format for p in wanted.payloads),
            where=f"the depot and {platform.node()}",
            remedy=f"add {formats[-1]} to formats in release.yml and build again",
        )
    return want, payload.format


def host_glibc() -> str:
    """Return the version of the host's glibc (``2.31``), or NO_GLIBC."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[1]
    except (ValueError, OSError, IndexError):
        return NO_GLIBC


def _writable(root: Path, what: str = "The store") -> tuple[str, str]:
    folder = _existing(root)
    want = f"a directory that user {os.geteuid()} may write"
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
        raise AirgapError(
            f"{what} cannot be written on this host",
            wanted=want,
            found="a file system mounted read-only" if read_only else "no permission to write",
            where=str(folder),
            remedy="mount it writable" if read_only else "use become: true, or choose another place",
        )
    return want, str(folder)


def _space(root: Path, installs: Sequence[_Install]) -> tuple[str, str]:
    """Refuse when what all releases need together is not free: parts are sent first, trees unpacked beside them."""
    status = os.statvfs(_existing(root))
    free = status.f_bavail * status.f_frsize
    need = sum(install.bytes for install in installs) + MARGIN
    detail = ", ".join(f"{i.wanted.env} {_mib(i.bytes)} MiB" for i in installs)
    want, found = f"{_mib(need)} MiB free ({detail}, and a margin)", f"{free >> 20} MiB free"
    if free < need:
        raise _no_space(installs, root, want, found)
    return want, found


def _inodes(root: Path, installs: Sequence[_Install]) -> tuple[str, str]:
    status = os.statvfs(_existing(root))
    inodes = sum(install.wanted.files for install in installs) + 100
    want, found = f"{inodes} free inodes", f"{status.f_favail} free inodes"
    # File systems without a fixed number of inodes (btrfs) report none at all.
    if status.f_files and status.f_favail < inodes:
        raise _no_space(installs, root, want, found)
    return want, found if status.f_files else "as many as there is room for"


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
