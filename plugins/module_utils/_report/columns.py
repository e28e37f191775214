# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The columns of the report: a line for each; the page, report.csv and the JSON files are made from them.

A new column is a file next to this one, a line in ``COLUMNS``, and a test.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column, Row
from ansible_collections.airgap.conda.plugins.module_utils._report.column_findings import FINDINGS
from ansible_collections.airgap.conda.plugins.module_utils._report.column_gpu import GPU
from ansible_collections.airgap.conda.plugins.module_utils._report.column_place import ENV, HOST, TIME
from ansible_collections.airgap.conda.plugins.module_utils._report.column_receipt import RECEIPT
from ansible_collections.airgap.conda.plugins.module_utils._report.column_release import RELEASE, VERDICT
from ansible_collections.airgap.conda.plugins.module_utils._report.column_since import SINCE
from ansible_collections.airgap.conda.plugins.module_utils._report.host import HostReport, rows

# In the order of report.csv.
COLUMNS: list[Column] = [
    HOST,
    ENV,
    RELEASE,
    VERDICT,
    SINCE,
    GPU,
    RECEIPT,
    TIME,
    *FINDINGS,
]


def read_values(link: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, str]:
    """Return what the columns keep of a host's answer; raises KeyError, TypeError or ValueError for nonsense."""
    found = {column.name: column.read(link, answer) for column in COLUMNS if column.read}
    return {name: clean(text) for name, text in found.items()}


def check_values(kept: Mapping[str, Any]) -> dict[str, str]:
    """Return what a file kept for the columns there are now; raises TypeError or ValueError for what none has written.

    A file of before a column was there has nothing for it.
    """
    found = {column.name: kept.get(column.name, "") for column in COLUMNS if column.read}
    for column in COLUMNS:
        if column.name in found:
            if not isinstance(found[column.name], str):
                raise TypeError("a field of another type")
            column.check(found[column.name])
    return found


def to_csv(hosts: tuple[HostReport, ...], time: str) -> str:
    """Return the text of report.csv: a line for each environment of a host, and one without for the whole host.

    The second is there when a finding concerns the whole host, or when it has no environment.
    """
    stream = io.StringIO()
    lines = csv.writer(stream, lineterminator="\n")
    lines.writerow([column.name for column in COLUMNS])
    for host in hosts:
        for item in rows(host):
            lines.writerow([_as_text(column.csv(Row(host, item, time))) for column in COLUMNS])
    return stream.getvalue()


def _as_text(value: str) -> str:
    """Keep a spreadsheet from taking what a host wrote for a formula."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
