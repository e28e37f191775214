# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deltas of a release that is about to be published, from the releases that a depot has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import typed
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import read_entries, recorded
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Damaged
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import TREES
from ansible_collections.airgap.conda.plugins.module_utils._pack.delta import Packed, write_delta
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import PART_SIZE

# A delta that is larger than this share of the whole payload is not kept: it would spare little.
PAYS = 0.7


def add_deltas(
    depot: Depot, env: str, release: str, folder: Path, pack: Mapping[str, Any], count: int, part_size: int = PART_SIZE
) -> tuple[list[Payload], list[str]]:
    """Write to the pack in ``folder`` the deltas from the newest ``count`` releases of ``env`` that pay.

    Returns them, and why one could not be made; a release is complete without.
    """
    made: list[Payload] = []
    concerns: list[str] = []
    whole = _whole(tuple(typed(Payload, item) for item in pack["payloads"]))
    if whole is None or count < 1:
        return made, concerns
    new = Packed(release, folder, whole, read_files((folder / FILES).read_bytes(), FILES))
    for older in depot.releases(env)[-count:]:
        try:
            base = _packed(depot.folder(env, older), older)
            delta = write_delta(new, base, folder, part_size) if base else None
        except (AirgapError, Damaged, OSError) as error:
            why = error.found if isinstance(error, AirgapError) else str(error)
            concerns.append(f"{env} {release} has no delta from {older}: {why}")
            continue
        if delta and delta.size <= PAYS * whole.size:
            made.append(delta)
        elif delta:
            for part in delta.parts:
                (folder / part.name).unlink()
    return made, concerns


def _packed(folder: Path, release: str) -> Packed | None:
    record = recorded(folder / MANIFEST)
    whole = _whole(record.manifest.payloads)
    return Packed(release, folder, whole, read_entries(folder, record)[1]) if whole else None


def _whole(payloads: tuple[Payload, ...]) -> Payload | None:
    """Return the payload that is unpacked, best first."""
    by_format = {payload.format: payload for payload in payloads}
    return next((by_format[name] for name in TREES if name in by_format), None)
