# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Columns: the current release of an environment, and the verdict on it."""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of
from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column

RELEASE = Column(
    "release",
    "Current release",
    csv=lambda row: row.item.release,
    page=lambda row: row.item.release,
    is_name=True,
    key=lambda row: serial_of(row.item.release),
)
# The page paints its cells in it.
VERDICT = Column("verdict", "Verdict", csv=lambda row: row.host.verdict(row.item.env))
