# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which release failed on this host and when, so that a timer does not try it at each turn."""

from __future__ import annotations

import time
from contextlib import suppress

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

FILE = "failed"
# Seconds until it is tried again: what was wrong may have been this host.
PAUSE = 24 * 3600.0


def note_failed(store: Store, env: str, release: str, now: float) -> None:
    """Write down that ``release`` failed at ``now``, in seconds since 1970; empty forgets what was."""
    path = store.state(env) / FILE
    with os_errors("Writing down that a release failed", path):
        if release:
            replace_file(path, f"{release} {int(now)}\n".encode())
        else:
            path.unlink(missing_ok=True)


def failed_ago(store: Store, env: str, release: str, now: float | None = None) -> float | None:
    """Return how many seconds ago ``release`` failed here, if that is less than ``PAUSE``, whatever the clock did."""
    with suppress(OSError, ValueError):
        name, when = (store.state(env) / FILE).read_text(encoding="ascii").split()
        ago = (time.time() if now is None else now) - int(when)
        if name == release and 0 <= ago < PAUSE:
            return ago
    return None
