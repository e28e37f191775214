# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A set of drives that hold together what none of them holds alone: which drive has what.

Each drive of a set has a second depot, in the folder ``.span`` of its first one, in which no release needs to be whole.
So whatever reads a depot never meets a signed release there that lacks parts. The plan on each drive says what the
others have. It is not signed: it only tells which drive to ask for. What a release consists of, its manifest says.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import is_env_name, serial_of
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Contents, Drive

# The folder of the second depot; no environment has such a name.
SPAN = ".span"
PLAN = "plan.json"
SCHEMA = 1
# Of the room of a drive, what is planned with: two drives of one model differ, and file systems keep books.
USABLE = 0.98
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

Key = tuple[str, str]


@dataclass(frozen=True)
class Plan:
    """For each drive of a set, in their order, the files of each release; and the hash of each release's manifest."""

    drives: tuple[Mapping[Key, tuple[str, ...]], ...]
    manifests: Mapping[Key, str]

    @property
    def id(self) -> str:
        """Return what tells this set from others."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Return it for a file."""
        return {
            "drives": [{"/".join(key): list(names) for key, names in drive.items()} for drive in self.drives],
            "manifests": {"/".join(key): sha256 for key, sha256 in self.manifests.items()},
        }

    def share(self, number: int) -> Mapping[Key, tuple[str, ...]]:
        """Return the files of the drive ``number``, from 1 on."""
        return self.drives[number - 1]

    def drives_of(self, key: Key, names: Iterable[str]) -> dict[int, list[str]]:
        """Return which drives have these files of a release, each with those that it has."""
        wanted = set(names)
        found = {
            number: [name for name in drive.get(key, ()) if name in wanted]
            for number, drive in enumerate(self.drives, start=1)
        }
        return {number: files for number, files in found.items() if files}


@dataclass(frozen=True)
class Mark:
    """What a plan.json says: the plan, and on a drive the number of this drive, in a depot those that are written."""

    plan: Plan
    drive: int = 0
    written: tuple[int, ...] = ()

    def to_bytes(self) -> bytes:
        """Return it for a file."""
        own = {"drive": self.drive} if self.drive else {"written": list(self.written)}
        return (json.dumps({"schema": SCHEMA, **own, "plan": self.plan.to_dict()}) + "\n").encode()

    @property
    def name(self) -> str:
        """Return how a drive is called in messages."""
        return f"drive {self.drive} of {len(self.plan.drives)}"


def area(drive: Drive) -> Depot:
    """Return the depot on a drive in which releases need not be whole."""
    return Depot(drive.depot.path / SPAN)


def read_mark(folder: Path) -> Mark | None:
    """Return what the plan.json in ``folder`` says; None where there is none. Raises AirgapError for what is no plan.

    Anybody may have written it.
    """
    path = folder / PLAN
    try:
        data = read_small(path, limits.PLAN, cached=False)
    except FileFault as fault:
        if str(fault) == "missing":
            return None
        raise _no_plan(path, str(fault)) from fault
    try:
        return _mark(parse_json(data.decode("utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _no_plan(path, str(error) or type(error).__name__) from error


def _mark(found: Any) -> Mark:
    if found["schema"] != SCHEMA:
        raise ValueError(f"schema {found['schema']!r}")
    manifests = {_key(name): _text(sha256, _SHA256) for name, sha256 in found["plan"]["manifests"].items()}
    drives = tuple(
        {_key(name): tuple(_text(file, _NAME) for file in files) for name, files in drive.items()}
        for drive in found["plan"]["drives"]
    )
    if not drives or any(key not in manifests for drive in drives for key in drive):
        raise ValueError("drives with releases that it does not know")
    numbers = [found["drive"]] if "drive" in found else found["written"]
    if not all(_is_number(number) and 1 <= number <= len(drives) for number in numbers):
        raise ValueError(f"the number of a drive is {numbers!r}")
    plan = Plan(drives, manifests)
    return Mark(plan, numbers[0]) if "drive" in found else Mark(plan, 0, tuple(numbers))


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _key(name: str) -> Key:
    env, _slash, release = name.partition("/")
    if not is_env_name(env) or not serial_of(release):
        raise ValueError(f"{name!r} is no release")
    return env, release


def _text(value: Any, form: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"{value!r} is not what it should be")
    return value


def _no_plan(path: Path, found: str) -> AirgapError:
    return AirgapError(
        "The plan of a set of drives cannot be read",
        wanted="what an export to several drives wrote",
        found=found,
        where=str(path),
        remedy=f"remove {path.parent}, then export to this drive again",
        code="plan-unreadable",
    )


def make_plan(releases: Sequence[Contents], free: int, block: int, where: Path) -> Plan:
    """Spread the files of releases over drives with ``free`` bytes in blocks of ``block`` bytes, one after the other.

    Manifest and signature of a release, by which its files are known, are on each drive that has some of them. Raises
    AirgapError for a file that no such drive holds.
    """

    def taken(*sizes: int) -> int:
        return sum(-(-size // block) * block for size in sizes)

    # Of plan.json: some 40 bytes for a file.
    plan = taken(500 + 40 * sum(len(release.items) for release in releases))
    room = int(free * USABLE) - plan
    drives: list[dict[Key, list[str]]] = [{}]
    left = room
    for release in releases:
        key, (*files, manifest, signature) = release.header.key, release.items
        # The folders of the environment and of the release take a block each.
        own = taken(manifest.size, signature.size) + 2 * block
        for item in files:
            needed = taken(item.size) + (0 if key in drives[-1] else own)
            if needed > left and drives[-1]:
                drives.append({})
                left, needed = room, taken(item.size) + own
            if needed > left:
                raise AirgapError(
                    "A file is too large for a drive",
                    wanted=f"{needed + plan} bytes, with what belongs to it",
                    found=f"{int(free * USABLE)} bytes on a drive like this one",
                    where=f"{where}: {release.header.name}, {item.name}",
                    remedy="use larger drives, or build the release again with a smaller build_part_size",
                    code="part-too-large",
                )
            left -= needed
            drives[-1].setdefault(key, []).append(item.name)
    return Plan(
        tuple({key: tuple(names) for key, names in drive.items()} for drive in drives),
        {release.header.key: release.header.sha256 for release in releases},
    )
