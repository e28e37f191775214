# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which ``bin/airgap-envs`` a host has, without making the one that it should have."""

from __future__ import annotations

import hashlib
import os

from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases

MODE = 0o755


def found_command(store: Releases) -> str:
    """Return the sha256 of the command that is on this host; ``-`` for none, or one that others could change."""
    try:
        status = store.command.lstat()
        if status.st_mode & 0o777 != MODE or status.st_uid not in (0, os.geteuid()):
            return "-"
        return hashlib.sha256(store.command.read_bytes()).hexdigest()
    except OSError:
        return "-"
