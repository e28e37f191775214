# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 1 in types: what a release is, and what its manifest.json holds. Nothing is read or decided here."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

SCHEMA = 2
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
FILES = "files.json.zst"
IMAGE = "image"  # in a host's record of a release that it mounts
RELEASE_ID = re.compile(r"(?P<serial>[1-9][0-9]{0,8})-(?P<hash8>[0-9a-f]{8})")
RUNTIME = "runtime"  # the environment with the Python that hosts run this collection with
ENV_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# Names that mean something else: to conda, next to an environment's folder or in .state, in a store or in a depot.
RESERVED_NAMES = ("activate", "base", "bin", "current", "deactivate", "index.json", "root", "state")
# Of any format: a host passes over those that it does not know.
PART_NAME = re.compile(r"env\.(?P<format>[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*)(\.[0-9]{3,6})?")
DOCUMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")
ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Part:
    """One file of a payload: ``size`` in bytes, ``sha256`` in lower-case hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Payload:
    """The tree of a release in one ``format`` (of ``_formats``), cut into one or more parts."""

    format: str
    size: int
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Checks:
    """What must work before a release becomes current; ``timeout`` in seconds for each check."""

    imports: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    timeout: int = 300


@dataclass(frozen=True)
class Requirements:
    """What the tree of a release needs of a host, read from the tree; empty where it needs nothing or nobody can know.

    ``glibc`` and ``glibcxx`` are versions with a file that needs them; ``glibc_symbol`` is what that file wants of that
    glibc, ``glibcxx_own`` the newest GLIBCXX that the release brings itself. ``cpu`` is a level (``x86-64-v3``).
    ``driver`` is the oldest NVIDIA driver that runs ``cuda_runtime`` at all, ``driver_full`` the oldest that supports
    all of it. ``gpu_architectures`` has for a framework what it was compiled for (``sm_80``, ``compute_90``).
    """

    glibc: str = ""
    glibc_file: str = ""
    glibc_symbol: str = ""
    glibcxx: str = ""
    glibcxx_file: str = ""
    glibcxx_own: str = ""
    cpu: str = ""
    cpu_file: str = ""
    cuda_runtime: str = ""
    cuda_file: str = ""
    driver: str = ""
    driver_full: str = ""
    gpu_architectures: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Something about a release that is worth knowing: ``level`` is error or warning, ``name`` that of its kind.

    An error is in a manifest only with the reason for which it was ``allowed``. ``packages`` are those it is about,
    with manager, name, version and channel.
    """

    name: str
    level: str
    what: str
    packages: tuple[dict[str, str], ...] = ()
    allowed: str = ""

    def __post_init__(self) -> None:
        if self.level not in (ERROR, WARNING):
            raise ValueError(f"the level {self.level!r} of a finding")


@dataclass(frozen=True)
class Manifest:
    """manifest.json. ``bytes`` and ``files`` measure the unpacked tree.

    ``target`` is what release.yml declares of the weakest host, ``requirements`` what the tree really needs.
    ``documents`` has the sha256 of each file that the release has for people and other tools (locks, SBOM, spec).
    """

    env: str
    id: str
    serial: int
    prefix: str
    platform: str
    created: str
    inputs: dict[str, str]
    requirements: Requirements
    packages: tuple[dict[str, Any], ...]
    payloads: tuple[Payload, ...]
    bytes: int
    files: int
    files_sha256: str
    checks: Checks = field(default_factory=Checks)
    gpu: str = "none"
    target: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    documents: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The root of the host's store this release was packed for (``/opt/conda-envs``)."""
        return str(PurePosixPath(self.prefix).parent.parent)

    @property
    def ipykernel(self) -> bool:
        """Whether Jupyter can start this release."""
        return any(package.get("name") == "ipykernel" for package in self.packages)

    def payload(self, formats: list[str]) -> Payload | None:
        """Return the payload of the first of ``formats`` that this release has."""
        by_format = {payload.format: payload for payload in self.payloads}
        return next((by_format[name] for name in formats if name in by_format), None)

    def to_json(self) -> str:
        """Return the text of manifest.json; the same manifest always gives the same bytes."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, sort_keys=True) + "\n"


def serial_of(release_id: str) -> int:
    """Return the serial of ``<serial>-<hash8>``; 0 when the name is no release id."""
    match = RELEASE_ID.fullmatch(release_id)
    return int(match.group("serial")) if match else 0


def next_older(current: str, releases: Sequence[str]) -> str:
    """Return the newest of ``releases``, which are sorted, that is older than ``current``, or the empty string."""
    return next((name for name in reversed(releases) if serial_of(name) < serial_of(current)), "")


def is_env_name(name: str) -> bool:
    """Tell whether ``name`` can be that of an environment; all other names are free for what a store uses itself."""
    return bool(ENV_NAME.fullmatch(name)) and name not in RESERVED_NAMES


def require_env_name(name: str, where: str) -> None:
    """Raise AirgapError when ``name`` cannot be that of an environment; ``where`` says who gave it."""
    if not is_env_name(name):
        raise AirgapError(
            "This cannot be the name of an environment",
            code="name-invalid",
            wanted="a-z, 0-9, '.', '_' and '-', 64 characters at most, starting with a letter or digit, "
            "and none of " + ", ".join(RESERVED_NAMES),
            found=repr(name[:100]),
            where=where,
            remedy="choose another name",
        )
