# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hosts of each ring say of the releases, taken together from their receipts in a depot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import RINGS, Rings, Said
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import known


def summary(depot: Path, opened: Iterable[str] = ()) -> Rings:
    """Return what every ring says; ``opened`` are releases (``env id``) that a person lets go to every ring.

    A host finds the release right that it has proved and that is current there, and the one wrong that failed there.
    """
    counts: Counter[tuple[str, str, int, bool]] = Counter()
    for receipt in (one.receipt for one in known(depot) if one.receipt.ring):
        for env, seen in receipt.envs.items():
            if seen.current and seen.current == seen.proved:
                counts[env, seen.current, receipt.ring, True] += 1
            if seen.failed:
                counts[env, seen.failed, receipt.ring, False] += 1
    keys = sorted({(env, release, ring) for env, release, ring, _right in counts})
    said = tuple(
        Said(env, release, ring, counts[env, release, ring, True], counts[env, release, ring, False])
        for env, release, ring in keys
    )
    return Rings(said, tuple(sorted({*opened})))


def write_rings(depot: Path, rings: Rings) -> bool:
    """Write the summary into a depot; tells whether it was another one before."""
    path, text = depot / RINGS, rings.to_json()
    with os_errors("Writing what the rings say", path):
        if path.is_file() and path.read_bytes() == text:
            return False
        replace_file(path, text)
    return True
