# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an update leaves for the next one, and for receipts: releases that failed on this host, and its ring."""

from __future__ import annotations

from contextlib import suppress

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases

# In the folder of an environment in .state; and in .state.
FAILED, RING = "failed", ".ring"
# Seconds until a release that failed is tried again: what was wrong may have been this host.
PAUSE = 24 * 3600.0


def note_failed(store: Releases, env: str, release: str, now: float) -> None:
    """Write down that ``release`` failed at ``now``, in seconds since 1970; an empty one forgets what was."""
    path = store.state(env) / FAILED
    with os_errors("Writing down that a release failed", path):
        if release:
            replace_file(path, f"{release} {int(now)}\n".encode())
        else:
            path.unlink(missing_ok=True)


def failed_ago(store: Releases, env: str, release: str, now: float) -> float | None:
    """Return how many seconds before ``now`` a release failed here; None if never, or not within ``PAUSE``."""
    name, when = _noted(store, env)
    ago = now - when
    return ago if name == release and 0 <= ago < PAUSE else None


def last_failed(store: Releases, env: str) -> str:
    """Return the release that failed here last, if it is newer than the current one; empty for none."""
    name, _when = _noted(store, env)
    return name if serial_of(name) > serial_of(store.current(env)) else ""


def note_ring(store: Releases, ring: int) -> None:
    """Write down in which ring this host is."""
    path = store.root / ".state" / RING
    with os_errors("Writing down the ring of this host", path):
        if ring_of(store) != ring:
            replace_file(path, f"{ring}\n".encode())


def ring_of(store: Releases) -> int:
    """Return the ring of this host; 0 when it does not fetch for itself."""
    with suppress(OSError, ValueError):
        ring = int((store.root / ".state" / RING).read_text(encoding="ascii"))
        return ring if 0 < ring <= limits.RINGS else 0
    return 0


def _noted(store: Releases, env: str) -> tuple[str, int]:
    with suppress(OSError, ValueError):
        name, when = (store.state(env) / FAILED).read_text(encoding="ascii").split()
        if serial_of(name):
            return name, int(when)
    return "", 0
