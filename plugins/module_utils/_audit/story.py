# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the chains of several places tell of a release together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import Chain, Entry
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

_HEAD = ("WHEN", "WHERE", "WHAT", "RELEASE", "WHO", "MANIFEST", "KEY")
# Digits of a hash that a table shows; JSON has all of them.
_DIGITS = 12


@dataclass(frozen=True)
class Story:
    """The lines of several chains in the order of their times, and what does not fit together."""

    lines: tuple[tuple[str, Entry], ...]
    faults: tuple[AirgapError, ...]

    def as_result(self) -> list[dict[str, Any]]:
        """Return the lines for JSON, each with its place."""
        return [{"place": place, **asdict(entry)} for place, entry in self.lines]


def story(chains: Mapping[str, Chain], env: str = "", release: str = "") -> Story:
    """Join chains, by the names of their places, into what they tell of a release; of all where none is named.

    Times are those of each place's clock. Within a place the order is that of its chain, whatever its clock did.
    """
    rows: list[tuple[str, int, str, Entry]] = []
    for place, chain in chains.items():
        latest = ""
        for entry in chain.entries:
            latest = max(latest, entry.when)
            if env in ("", entry.env) and release in ("", entry.release):
                rows.append((latest, entry.n, place, entry))
    rows.sort(key=lambda row: (row[0], row[2], row[1]))
    lines = tuple((place, entry) for _when, _n, place, entry in rows)
    faults = [chain.error() for chain in chains.values() if chain.broken]
    return Story(lines, (*faults, *_different(lines)))


def _different(lines: Sequence[tuple[str, Entry]]) -> list[AirgapError]:
    """Return an error for each release of which two places had another manifest: one name, two contents."""
    seen: dict[tuple[str, str], dict[str, list[str]]] = {}
    for place, entry in lines:
        if entry.manifest_sha256:
            places = seen.setdefault((entry.env, entry.release), {}).setdefault(entry.manifest_sha256, [])
            if place not in places:
                places.append(place)
    return [
        AirgapError(
            f"There are several manifests of {env} {release}",
            wanted="one manifest, the same in every place",
            found="; ".join(f"{sha256[:_DIGITS]} in {', '.join(places)}" for sha256, places in found.items()),
            where="the audit chains",
            remedy="find out which of them the bastion signed; verify the others where they are",
            code="manifests-differ",
        )
        for (env, release), found in seen.items()
        if len(found) > 1
    ]


def table(lines: Sequence[tuple[str, Entry]], places: bool = True) -> list[str]:
    """Return lines of text with columns; without ``places`` those of one chain."""
    rows = [_HEAD, *(_row(place, entry) for place, entry in lines)]
    if not places:
        rows = [row[:1] + row[2:] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(f"{text:{width}}" for text, width in zip(row, widths)).rstrip() for row in rows]


def _row(place: str, entry: Entry) -> tuple[str, ...]:
    manifest = entry.manifest_sha256[:_DIGITS] or "-"
    return entry.when, place, entry.what, f"{entry.env} {entry.release}", entry.who, manifest, entry.key or "-"
