# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rings: what the hosts that go first have said of a release, and whether those after them may take it.

``.rings.json`` in a depot has that as a summary of receipts; the machine with the depot writes it, and hosts read it.
It is not signed, because a host installs only what is signed, whoever says that it may. Whoever can write it can hold a
release back, or let it go to all at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json, typed

RINGS = ".rings.json"
SCHEMA = 1


@dataclass(frozen=True)
class Said:
    """What hosts of one ring have said of a release: how many have it and find it ``right`` or ``wrong``."""

    env: str
    id: str
    ring: int
    right: int
    wrong: int


@dataclass(frozen=True)
class Rings:
    """All that was said, and the releases (``env id``) that a person has ``opened`` for every ring."""

    said: tuple[Said, ...] = ()
    opened: tuple[str, ...] = ()

    def before(self, env: str, release: str, ring: int) -> tuple[int, int]:
        """Return how many hosts of the ring before ``ring`` find a release right, and how many of all before it wrong.

        A ring without hosts is passed over.
        """
        said = [one for one in self.said if (one.env, one.id) == (env, release) and one.ring < ring]
        last = max((one.ring for one in self.said if one.ring < ring), default=0)
        return sum(one.right for one in said if one.ring == last), sum(one.wrong for one in said)

    def to_json(self) -> bytes:
        """Return the content of the file; equal rings give equal bytes."""
        return json.dumps({"schema": SCHEMA, **self.to_dict()}, indent=1).encode() + b"\n"

    def to_dict(self) -> dict[str, Any]:
        """Return the same as part of another file."""
        said = [asdict(one) for one in sorted(self.said, key=lambda one: (one.env, one.id, one.ring))]
        return {"said": said, "opened": sorted(self.opened)}

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Rings:
        """Make it of the file's content; raises AirgapError when it is something else."""
        try:
            found = parse_json(data.decode("utf-8"))
            if not isinstance(found, Mapping) or found.get("schema") != SCHEMA:
                raise ValueError(f"no schema {SCHEMA}")
            return cls.of(found)
        except (ValueError, KeyError, TypeError) as error:
            raise _unusable(where, f"{type(error).__name__}: {error}") from error

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Rings:
        """Make them of what was read; raises ValueError, KeyError and TypeError when it is something else."""
        rings = typed(cls, {name: found[name] for name in ("said", "opened")})
        if any(one.right < 0 or one.wrong < 0 or not 1 <= one.ring <= limits.RINGS for one in rings.said):
            raise ValueError("a number out of range")
        return rings


def read_rings(depot: Path) -> Rings:
    """Read the summary in a depot; there is none before a first report. Raises AirgapError when it cannot be read."""
    path = depot / RINGS
    try:
        return Rings.from_json(read_small(path, limits.MANIFEST), str(path))
    except FileFault as fault:
        if not path.exists():
            return Rings()
        raise _unusable(str(path), str(fault)) from fault


def _unusable(where: str, found: str) -> AirgapError:
    return AirgapError(
        "What the rings have said of releases cannot be read",
        code="rings-invalid",
        wanted=f"a file of schema {SCHEMA}, as airgap.conda.report writes it",
        found=found,
        where=where,
        remedy="run airgap.conda.report where the depot is; it writes the file again",
    )
