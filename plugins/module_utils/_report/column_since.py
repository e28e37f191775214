# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Column: since when a release is current."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column, Row
from ansible_collections.airgap.conda.plugins.module_utils._report.host import TIME_FORMAT

_SECONDS = re.compile(r"[0-9]{1,11}")


def _read(link: Mapping[str, Any], _answer: Mapping[str, Any]) -> str:
    """Return the UTC time at which the link was made; empty without a link."""
    if not link:
        return ""
    since = str(link.get("since"))
    if not _SECONDS.fullmatch(since):
        raise ValueError("no time")
    return datetime.fromtimestamp(int(since), timezone.utc).strftime(TIME_FORMAT)


def _check(since: str) -> None:
    if since:
        datetime.strptime(since, TIME_FORMAT)


def _days(row: Row) -> int | None:
    """Return for how many whole days a release is current; the clock of a host may be ahead."""
    since = row.value("since")
    if not since:
        return None
    return max(0, (datetime.strptime(row.time, TIME_FORMAT) - datetime.strptime(since, TIME_FORMAT)).days)


def _age(row: Row) -> str:
    days = _days(row)
    if days is None:
        return ""
    return "since today" if days == 0 else f"for {days} day{'' if days == 1 else 's'}"


SINCE = Column(
    "since",
    "Current since",
    csv=lambda row: row.value("since"),
    page=_age,
    key=lambda row: _days(row) or 0,
    read=_read,
    check=_check,
)
