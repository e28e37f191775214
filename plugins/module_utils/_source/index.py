# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``index.json`` of a depot: what a web server cannot list. Whatever changes a depot writes it.

It is a hint and not signed: a host that reads it installs only what is signed, and nothing that is older than what it
has had. Whoever can write it can keep a release from hosts, as whoever can write the depot can.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.copied import temporary_name, write_new
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import flush_directory, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json, typed
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    MANIFEST,
    SHA256,
    SIGNATURE,
    is_env_name,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import Rings
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import Folder

INDEX = "index.json"
SCHEMA = 1
# Seconds that one run waits until another has written the index.
WAIT = 60.0


@dataclass(frozen=True)
class Listed:
    """Releases of an environment, oldest first; sha256 of manifest and signature of the newest, empty if unknown."""

    releases: tuple[str, ...]
    manifest: str
    signature: str


@dataclass(frozen=True)
class Index:
    """What a depot has, by environment, and what the rings have said."""

    envs: dict[str, Listed] = field(default_factory=dict)
    rings: Rings = field(default_factory=Rings)

    def to_json(self) -> bytes:
        """Return the content of the file; equal depots give equal bytes."""
        envs = {env: asdict(self.envs[env]) for env in sorted(self.envs)}
        whole = {"schema": SCHEMA, "envs": envs, "rings": self.rings.to_dict()}
        return json.dumps(whole, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Index:
        """Make it of the file's content; raises AirgapError when it is something else."""
        try:
            found = parse_json(data.decode("utf-8"))
            if not isinstance(found, Mapping) or found.get("schema") != SCHEMA:
                raise ValueError(f"no schema {SCHEMA}")
            envs = typed(cls, {"envs": found["envs"], "rings": {"said": (), "opened": ()}}).envs
            _require_names(envs)
            return cls(envs, Rings.of(found["rings"]))
        except (ValueError, KeyError, TypeError) as error:
            raise AirgapError(
                "The index of the depot cannot be read",
                wanted=f"{INDEX} of schema {SCHEMA}, as the collection writes it",
                found=f"{type(error).__name__}: {error}"[: limits.TEXT],
                where=where,
                remedy="run airgap.conda.report where the depot is, which writes it again; see that the URL is that of "
                "the depot, and that the server serves files as they are",
                code="index-invalid",
            ) from error


def _require_names(envs: Mapping[str, Listed]) -> None:
    """Raise ValueError for what no depot has."""
    if sum(len(listed.releases) for listed in envs.values()) > limits.RELEASES:
        raise ValueError(f"more than {limits.RELEASES} releases")
    for env, listed in envs.items():
        serials = [serial_of(release) for release in listed.releases]
        if not is_env_name(env) or not serials or 0 in serials or serials != sorted(serials):
            raise ValueError("what is no environment with releases, oldest first")
        if not all(text == "" or SHA256.fullmatch(text) for text in (listed.manifest, listed.signature)):
            raise ValueError("what is no sha256")


def make_index(depot: Folder) -> Index:
    """Return what a depot has."""
    envs = {}
    for env in depot.envs():
        releases = tuple(depot.releases(env))
        newest = depot.folder(env, releases[-1])
        sums = (_sum(newest / MANIFEST, limits.MANIFEST), _sum(newest / SIGNATURE, limits.SIGNATURE))
        envs[env] = Listed(releases, *sums)
    try:
        rings = depot.rings()
    except AirgapError:  # a ring that hears nothing waits
        rings = Rings()
    return Index(envs, rings)


def _sum(path: Path, limit: int) -> str:
    try:
        return measure(path, limit=limit).sha256
    except FileFault:
        return ""


def write_index(depot: Path) -> bool:
    """Write the index of a depot, if it is not as it should be; tells whether it was written.

    A folder without releases gets none. Raises AirgapError when it cannot be written.
    """
    with os_errors("Writing the index of the depot", depot):
        if not _news(depot):
            return False
        with locked(depot, "index", f"the index of {depot}", WAIT):
            return replace_index(depot)


def _news(depot: Path) -> bytes:
    """Return the index as it should be; nothing where it is, or where there is nothing to list."""
    index = make_index(Folder(depot))
    text = index.to_json()
    try:
        return b"" if read_small(depot / INDEX, limits.INDEX) == text else text
    except FileFault:  # it is not there, or no file that could be right
        return text if index.envs else b""


def replace_index(depot: Path) -> bool:
    """Do the same where the caller keeps others off, and takes an OSError: on a drive."""
    path, text = depot / INDEX, _news(depot)
    if not text:
        return False
    new = depot / temporary_name(INDEX)
    new.unlink(missing_ok=True)
    try:
        write_new(new, [text])
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    flush_directory(depot)
    return True
