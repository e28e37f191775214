# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Column: that a host was not asked itself, and how old and how sure is what its receipt says of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column, Row
from ansible_collections.airgap.conda.plugins.module_utils._report.host import TIME_FORMAT

# What is known of the signature of a receipt.
STATES = ("signed", "unsigned")


def _read(_link: Mapping[str, Any], _answer: Mapping[str, Any]) -> str:
    """Return nothing: who answers needs no receipt."""
    return ""


def _check(value: str) -> None:
    if value:
        when, state = value.split(" ")
        datetime.strptime(when, TIME_FORMAT)
        if state not in STATES:
            raise ValueError("no state of a signature")


def _page(row: Row) -> str:
    if not row.value("receipt"):
        return ""
    when, state = row.value("receipt").split(" ")
    days = max(0, (datetime.strptime(row.time, TIME_FORMAT) - datetime.strptime(when, TIME_FORMAT)).days)
    age = "today" if days == 0 else f"{days} day{'' if days == 1 else 's'} ago"
    return f"by receipt, {age}, {state}"


RECEIPT = Column("receipt", "By receipt", csv=lambda row: row.value("receipt"), page=_page, read=_read, check=_check)
