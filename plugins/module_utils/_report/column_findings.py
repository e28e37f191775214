# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Columns: what is not right, in the parts that every finding has; several are joined by `` | ``."""

from __future__ import annotations

from functools import partial

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import FIELDS
from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column, Row
from ansible_collections.airgap.conda.plugins.module_utils._report.host import findings_of


def _joined(name: str, row: Row) -> str:
    return " | ".join(getattr(finding, name) for finding in findings_of(row.host, row.item.env))


# The page shows a finding as a whole, below what its cell says.
FINDINGS = tuple(Column(name, name.capitalize(), csv=partial(_joined, name)) for name in FIELDS)
