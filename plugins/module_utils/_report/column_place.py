# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Columns: of which host and environment a row is, and when the host was asked."""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column

# The page has a row for each host and a column for each environment, and tells the time once.
HOST = Column("host", "Host", csv=lambda row: row.host.host)
ENV = Column("env", "Environment", csv=lambda row: row.item.env)
TIME = Column("time", "Asked at", csv=lambda row: row.host.time)
