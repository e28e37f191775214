# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The seams of docs/guide/development.md: a dummy of each, added by its one line, does its work."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.gpu_verdict import BROKEN, OK, Finding
from ansible_collections.airgap.conda.plugins.module_utils._gpu import checks
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import look
from ansible_collections.airgap.conda.plugins.module_utils._gpu.seen import Seen
from ansible_collections.airgap.conda.plugins.module_utils._report import columns
from ansible_collections.airgap.conda.plugins.module_utils._report.answer import host_report
from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column
from ansible_collections.airgap.conda.plugins.module_utils._report.files import write_report
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import parse_host
from ansible_collections.airgap.conda.tests.unit.tiny_gpu import Host

TIME = "2026-03-31T12:00:00Z"

# What would be the one new file.
KERNEL = Column(
    "kernel",
    "Linux kernel",
    csv=lambda row: row.value("kernel"),
    page=lambda row: f"Linux {row.value('kernel')}" if row.value("kernel") else "",
    key=lambda row: len(row.value("kernel")),
    read=lambda _link, answer: answer["kernel"] if answer else "",
)


def test_a_column_is_on_the_page_in_the_csv_and_in_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer: dict[str, Any] = {
        "env": "demo",
        "release": "2-1c0ffee5",
        "installed": [],
        "previous": "",
        "gpu": None,
        "kernel": "6.1 <x>",
    }
    links = [{"env": env, "release": "2-1c0ffee5", "since": 1772452800} for env in ("demo", "runtime")]
    asked = ("ws", {"links": links}, {"results": [{"item": "demo", "envs": [answer]}]}, TIME)
    before = host_report(*asked).to_json()
    monkeypatch.setattr(columns, "COLUMNS", [*columns.COLUMNS, KERNEL])

    report = host_report(*asked)
    write_report(tmp_path, ["ws"], {"ws": report}, TIME, False)
    (line,) = csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text()))
    assert (line["kernel"], line["since"]) == ("6.1 <x>", "2026-03-02T12:00:00Z")
    page = (tmp_path / "index.html").read_text()
    assert '<span class="muted" title="Linux kernel: 6.1 &lt;x&gt;">Linux 6.1 &lt;x&gt;</span>' in page
    assert 'data-sort="0 2 29 7"' in page
    assert '"kernel": "6.1 <x>"' in (tmp_path / "report.json").read_text()
    # A page can be made of the files again; one of before the column was there has nothing for it.
    assert parse_host(report.to_json(), "ws", "ws.json", TIME) == report
    assert parse_host(before, "ws", "ws.json", TIME).envs[0].values["kernel"] == ""
    # An answer without it is nonsense of that host, as for any other column.
    del answer["kernel"]
    assert [item.problem for item in host_report(*asked).findings] == [
        "The host answered with something that is no report"
    ]


def cold(seen: Seen) -> Iterator[Finding]:
    """What would be the one new file of a check."""
    for gpu in seen.gpus:
        hot = (gpu.temperature or 0) > 35
        yield Finding("cold", BROKEN if hot else OK, "35 C", f"{gpu.temperature} C", gpu.where, "cool it", gpu.index)


def test_a_check_is_in_the_result_and_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = Host(tmp_path).with_answer("rtx-a4000-535.xml")
    before = look(tools=host.tools).as_result()
    monkeypatch.setattr(checks, "CHECKS", {**checks.CHECKS, "cold": cold})
    after = look(tools=host.tools).as_result()
    assert (before["verdict"], after["verdict"]) == ("ok", "broken")
    assert after["findings"][:-1] == before["findings"]
    assert (after["findings"][-1]["check"], after["findings"][-1]["found"]) == ("cold", "38 C")
    assert [gpu["verdict"] for gpu in after["gpus"]] == ["broken"]
