# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deltas of a release that is about to be published, from the releases that a depot has."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, Manifest, Payload
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import read_entries, recorded
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import read_files
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Damaged
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS, TREES, is_image
from ansible_collections.airgap.conda.plugins.module_utils._pack.delta import Packed, write_delta
from ansible_collections.airgap.conda.plugins.module_utils._pack.delta_image import write_image_delta
from ansible_collections.airgap.conda.plugins.module_utils._pack.payload import PART_SIZE

# A delta that is larger than this share of the whole payload is not kept: it would spare little.
PAYS = 0.7
# Of which of a release's formats a delta is made, and what makes it. Images are made of images of the same format only.
KINDS = (([*TREES], write_delta), *(([name], write_image_delta) for name in FORMATS if is_image(name)))


def add_deltas(
    depot: Depot, manifest: Manifest, folder: Path, count: int, part_size: int = PART_SIZE
) -> tuple[list[Payload], list[str]]:
    """Write to the pack in ``folder`` the deltas from the newest ``count`` releases of its environment that pay.

    ``manifest`` is that of the release without them. One that comes as archive and as image gets both kinds. Returns
    them, and why one could not be made; a release is complete without.
    """
    made: list[Payload] = []
    concerns: list[str] = []
    if count < 1:
        return made, concerns
    entries = read_files((folder / FILES).read_bytes(), FILES)
    for older in depot.releases(manifest.env)[-count:]:
        for formats, write in KINDS:
            whole = manifest.payload(formats)
            if whole is None:
                continue
            try:
                base = _packed(depot.folder(manifest.env, older), formats)
                delta = write(Packed(manifest.id, folder, whole, entries), base, folder, part_size) if base else None
            except (AirgapError, Damaged, OSError) as error:
                why = error.found if isinstance(error, AirgapError) else str(error)
                concerns.append(f"{manifest.env} {manifest.id} has no delta from {older} for {whole.format}: {why}")
                continue
            if delta and delta.size <= PAYS * whole.size:
                made.append(delta)
            elif delta:
                for part in delta.parts:
                    (folder / part.name).unlink()
    return made, concerns


def _packed(folder: Path, formats: list[str]) -> Packed | None:
    """Return a release of the depot in one of ``formats``; None for one that has none of them."""
    record = recorded(folder / MANIFEST)
    whole = record.manifest.payload(formats)
    return Packed(record.manifest.id, folder, whole, read_entries(folder, record)[1]) if whole else None
