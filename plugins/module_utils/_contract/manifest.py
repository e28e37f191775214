# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 1 in types: what a release is, and its manifest.json.

The chain of trust runs downwards: the signature covers manifest.json, the manifest holds the hash of
files.json.zst, of every document and of every part of every payload, files.json holds the hash of every file.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import FileFault, parse_json, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

SCHEMA = 2
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
FILES = "files.json.zst"
RELEASE_ID = re.compile(r"(?P<serial>[1-9][0-9]{0,8})-(?P<hash8>[0-9a-f]{8})")
ENV_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# Names that mean something else to conda or beside an environment's folder; a store has its command in bin.
RESERVED_NAMES = ("activate", "base", "bin", "current", "deactivate", "root", "state")
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

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Payload:
        """Make it from what ``asdict`` gave."""
        parts = tuple(Part(**part) for part in data["parts"])
        return cls(data["format"], data["size"], data["sha256"], parts)


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

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Requirements:
        """Make it from what ``asdict`` gave; raises TypeError for other names and types."""
        found = cls(**data)
        texts = [value for name, value in data.items() if name != "gpu_architectures"]
        if not isinstance(found.gpu_architectures, dict):
            raise TypeError("gpu_architectures is no dict")
        for names in found.gpu_architectures.values():
            if not isinstance(names, list):
                raise TypeError("gpu_architectures is no dict of lists")
            texts += names
        _require_type(str, texts)
        return found


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

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Make it from what ``asdict`` gave; raises TypeError for other names and types, ValueError for the rest."""
        found = cls(**{**data, "packages": tuple(data.get("packages", ()))})
        _require_type(dict, found.packages)
        texts = [value for package in found.packages for value in package.values()]
        _require_type(str, [found.name, found.level, found.what, found.allowed, *texts])
        if found.level not in (ERROR, WARNING):
            raise ValueError(f"the level {found.level!r} of a finding")
        return found


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
        return str(Path(self.prefix).parent.parent)

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


def read_manifest(path: Path) -> Manifest:
    """Read and check one manifest.json; raises AirgapError naming the file and the field."""
    try:
        text = read_small(path, limits.MANIFEST).decode("utf-8")
    except (FileFault, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error
    return parse_manifest(text, str(path))


def parse_manifest(text: str, where: str) -> Manifest:
    """Turn the text of a manifest.json into a Manifest; the same checks as read_manifest."""
    try:
        data = parse_json(text)
        schema = data.pop("schema")
        if schema != SCHEMA:
            raise AirgapError(
                "This release was made by another version of airgap.conda",
                wanted=f"manifest schema {SCHEMA}",
                found=f"schema {schema}",
                where=where,
                remedy="use the same version of the collection on the bastion and on the controller",
            )
        checks = data.pop("checks")
        manifest = Manifest(
            payloads=tuple(Payload.from_dict(item) for item in data.pop("payloads")),
            checks=Checks(tuple(checks["imports"]), tuple(checks["commands"]), checks["timeout"]),
            packages=tuple(data.pop("packages")),
            requirements=Requirements.from_dict(data.pop("requirements")),
            findings=tuple(Finding.from_dict(item) for item in data.pop("findings")),
            target=data.pop("target"),
            documents=data.pop("documents"),
            **data,
        )
        _check_types(manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(where, f"{type(error).__name__}: {error}") from error
    _check_values(manifest, where)
    return manifest


def _check_types(manifest: Manifest) -> None:
    parts = [part for payload in manifest.payloads for part in payload.parts]
    measured: list[Part | Payload] = [*manifest.payloads, *parts]
    typed: dict[type, list[Any]] = {
        str: [manifest.env, manifest.id, manifest.prefix, manifest.platform, manifest.created, manifest.files_sha256]
        + [manifest.gpu, *manifest.checks.imports, *manifest.checks.commands]
        + [item.sha256 for item in measured]
        + [payload.format for payload in manifest.payloads]
        + [part.name for part in parts]
        + [*manifest.target.values(), *manifest.documents.values()],
        int: [manifest.serial, manifest.bytes, manifest.files, manifest.checks.timeout]
        + [item.size for item in measured],
        dict: [manifest.inputs, *manifest.packages],
    }
    for kind, values in typed.items():
        _require_type(kind, values)


def _require_type(kind: type, values: Iterable[Any]) -> None:
    for value in values:
        # bool is an int to isinstance, but no size.
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError(f"{value!r} is no {kind.__name__}")


def _check_values(manifest: Manifest, where: str) -> None:
    """Refuse a manifest whose names could lead out of its folder, or whose fields disagree with each other."""
    parts = [part for payload in manifest.payloads for part in payload.parts]
    prefix = manifest.prefix
    texts = (manifest.env, manifest.id, prefix, manifest.platform, manifest.created, manifest.gpu)
    faults = {
        "text": max(map(len, texts)) > limits.TEXT and f"one of more than {limits.TEXT} characters",
        "env": not is_env_name(manifest.env) and manifest.env,
        "id": (serial_of(manifest.id) or -1) != manifest.serial and manifest.id,
        "prefix": not _is_prefix(prefix, f"/{manifest.env}/{manifest.id}") and prefix,
        "payload": next((payload.format for payload in manifest.payloads if not _is_whole(payload)), False),
        "payloads": not manifest.payloads and "an empty list",
        "parts": len({part.name for part in parts}) != len(parts) and "a list with a name twice",
        "number of parts": len(parts) > limits.PARTS and f"{len(parts)}, more than {limits.PARTS}",
        "part": next((part.name for part in parts if part.size > limits.PART), False),
        "number of documents": len(manifest.documents) > limits.DOCUMENTS and len(manifest.documents),
        "size": min([manifest.bytes, manifest.files, *(part.size for part in parts)]) < 0 and "negative",
        "sha256": not SHA256.fullmatch(manifest.files_sha256) and manifest.files_sha256,
        "timeout": manifest.checks.timeout < 1 and manifest.checks.timeout,
        "documents": next((item for item in manifest.documents.items() if not _is_document(*item)), False),
    }
    for name, value in faults.items():
        if value is not False:
            raise _unreadable(where, f"{name} is {value!r}")


def is_env_name(name: str) -> bool:
    """Tell whether ``name`` can be that of an environment; all other names are free for what a store uses itself."""
    return bool(ENV_NAME.fullmatch(name)) and name not in RESERVED_NAMES


def require_env_name(name: str, where: str) -> None:
    """Raise AirgapError when ``name`` cannot be that of an environment; ``where`` says who gave it."""
    if not is_env_name(name):
        raise AirgapError(
            "This cannot be the name of an environment",
            wanted="a-z, 0-9, '.', '_' and '-', 64 characters at most, starting with a letter or digit, "
            "and none of " + ", ".join(RESERVED_NAMES),
            found=repr(name[:100]),
            where=where,
            remedy="choose another name",
        )


def _is_prefix(prefix: str, end: str) -> bool:
    return prefix.startswith("/") and posixpath.normpath(prefix) == prefix and prefix.endswith(end)


def _is_document(name: str, sha256: str) -> bool:
    reserved = name in (MANIFEST, SIGNATURE, FILES) or PART_NAME.fullmatch(name)
    return bool(DOCUMENT_NAME.fullmatch(name) and SHA256.fullmatch(sha256) and not reserved)


def _is_whole(payload: Payload) -> bool:
    """Tell whether the parts of a payload are named after it and add up to it."""
    names = [PART_NAME.fullmatch(part.name) for part in payload.parts]
    hashes = [payload.sha256, *(part.sha256 for part in payload.parts)]
    return (
        bool(names)
        and all(name is not None and name["format"] == payload.format for name in names)
        and all(SHA256.fullmatch(sha256) for sha256 in hashes)
        and sum(part.size for part in payload.parts) == payload.size
    )


def _unreadable(where: object, found: str) -> AirgapError:
    return AirgapError(
        "The manifest cannot be used",
        wanted="a manifest.json written by airgap.conda",
        found=found,
        where=str(where),
        remedy="copy the release again from the depot it came from, or build it again",
    )
