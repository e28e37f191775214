# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of an installed release is not as it was signed, and to which package that belongs."""

from __future__ import annotations

import csv
import json
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Manifest
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import normal_name, site_folders
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# How many faults a message names; a module's result has them all.
NAMED = 5


@dataclass(frozen=True)
class Fault:
    """A path of a release that is not as it was signed; ``package`` is name and version, empty when unknown."""

    path: str
    wanted: str
    found: str
    package: str = ""

    def __str__(self) -> str:
        return printable(f"{self.path}{f' of {self.package}' if self.package else ''}: {self.found}")


class DamagedError(AirgapError):
    """A release is not as it was signed; the module's failure carries all ``faults``."""

    def __init__(self, store: Store, env: str, release: str, faults: list[Fault]) -> None:
        count = len(faults)
        more = [f"and {count - NAMED} more"] if count > NAMED else []
        super().__init__(
            f"{env} {release} is not as it was signed: {count} path{' differs' if count == 1 else 's differ'}",
            code="release-damaged",
            wanted=faults[0].wanted if count == 1 else "every path as files.json of the release lists it",
            found="; ".join([str(fault) for fault in faults[:NAMED]] + more),
            where=str(store.release(env, release) / (faults[0].path if count == 1 else "")),
            remedy=f"run airgap.conda.repair with -e repair_env={env}, or roll back; then look for who changed it",
        )
        self.faults = faults

    def as_result(self) -> dict[str, Any]:
        """Return the fields that every failure has, and the faults."""
        return {**super().as_result(), "faults": [asdict(fault) for fault in self.faults]}


def faults_of(store: Store, env: str, release: str) -> list[Fault]:
    """Compare every path of an installed release with its list; raises AirgapError when the list itself is damaged."""
    differences = store.differences(env, release)
    if not differences:
        return []
    paths = {difference.path for difference in differences}
    owners = packages_of(store.release(env, release), paths, store.manifest(env, release))
    return [Fault(item.path, item.wanted, item.found, owners.get(item.path, "")) for item in differences]


def require_whole(store: Store, env: str, release: str) -> None:
    """Raise DamagedError when an installed release is not as it was signed."""
    faults = faults_of(store, env, release)
    if faults:
        raise DamagedError(store, env, release, faults)


def packages_of(prefix: Path, damaged: Collection[str], manifest: Manifest) -> dict[str, str]:
    """Return path -> name and version of the package that it belongs to, for those paths where that is known.

    The environment's own records say it (conda-meta/*.json, then RECORD of pip). A record that is damaged itself is not
    read: then the manifest's packages and the names of folders have to do.
    """
    found: dict[str, str] = {}
    for package, paths in _records(prefix, damaged):
        for path in paths:
            if path in damaged:
                found.setdefault(path, package)
    for path in damaged:
        guess = "" if path in found else _guess(path, manifest)
        if guess:
            found[path] = guess
    return found


def _records(prefix: Path, damaged: Collection[str]) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield each package with its paths, conda's first: it also installs packages that bring a RECORD."""
    for record in sorted(prefix.glob("conda-meta/*.json")):
        data = {} if str(record.relative_to(prefix)) in damaged else _json(record)
        if isinstance(data.get("files"), list):
            own = f"conda-meta/{record.name}"
            yield f"{data.get('name')} {data.get('version')}", [own, *map(str, data["files"])]
    for record in sorted(path for site in site_folders(prefix) for path in site.glob("*.dist-info/RECORD")):
        path = str(record.relative_to(prefix))
        if path not in damaged:
            site = posixpath.dirname(posixpath.dirname(path))
            name, _dash, version = record.parent.name[: -len(".dist-info")].rpartition("-")
            yield (
                f"{name} {version}",
                [path, *(posixpath.normpath(posixpath.join(site, item)) for item in _csv(record))],
            )


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _csv(path: Path) -> list[str]:
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return [row[0] for row in csv.reader(stream) if row]
    except (OSError, ValueError, csv.Error):
        return []


_SITE = r"(?:lib[^/]*/[^/]+/)?(?:site|dist)-packages/"


def _guess(path: str, manifest: Manifest) -> str:
    """Find the package of a path whose record is damaged by the name of a conda record or of a folder for imports."""
    top = re.match(rf"{_SITE}([^/]+?)(-[^/]*\.(dist|egg)-info|\.libs|\.py)?(/|$)", path)
    top = top or re.match(r"lib/(python)[23]\.\d+t?/", path)
    for package in manifest.packages:
        name, version = str(package.get("name", "")), str(package.get("version", ""))
        record = f"conda-meta/{name}-{version}-{package.get('build', '')}.json"
        if path == record or (top and normal_name(top[1]) == normal_name(name)):
            return f"{name} {version}"
    return ""


def printable(text: str) -> str:
    """Return a text with what would move a terminal's cursor, or is no text at all, written as Python writes it."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
