# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fleet page with hosts that no controller reaches: they are there as their receipts show them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import UNKNOWN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import (
    SUFFIX,
    Receipt,
    seconds_of,
    time_text,
)
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import known
from ansible_collections.airgap.conda.plugins.module_utils._hosts.take import take_from
from ansible_collections.airgap.conda.plugins.module_utils._report.by_receipt import collect, with_receipts
from ansible_collections.airgap.conda.plugins.module_utils._report.files import write_report
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import parse_host
from ansible_collections.airgap.conda.plugins.module_utils._report.host import HostReport
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import make_key, put, receipt

# Three days after the receipts.
TIME = "2026-02-03T12:00:00Z"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the key of a host."""
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture
def depot(tmp_path: Path) -> Path:
    """Return an empty depot."""
    (tmp_path / "depot").mkdir()
    return tmp_path / "depot"


def bring(depot: Path, one: Receipt, key: Path | None) -> None:
    """Take a receipt into a depot."""
    drive = depot.parent / f"drive-{one.host.name}-{one.number}"
    put(drive, one, key)
    assert [taken.faults for taken in take_from(drive, depot)] == [[]]


def page(folder: Path, reports: dict[str, HostReport]) -> str:
    """Return the page of reports."""
    write_report(folder, list(reports), reports, TIME, False)
    return (folder / "index.html").read_text(encoding="utf-8")


def test_a_lone_host_is_on_the_page_with_age_and_signature(depot: Path, key: Path, tmp_path: Path) -> None:
    bring(depot, receipt(1, key), key)
    found = with_receipts({}, [], {}, depot)
    assert found["ws1"].verdict() == "ok"
    text = page(tmp_path / "report", found)
    assert "by receipt, 2 days ago, signed" in text
    assert "1 of 1 host is right" in text
    csv = (tmp_path / "report/report.csv").read_text(encoding="utf-8")
    assert "2026-01-31T12:00:01Z signed" in csv
    again = parse_host((tmp_path / "report/hosts/ws1.json").read_text(), "ws1", "here", TIME)
    assert again == found["ws1"]


def test_one_without_a_signature_is_degraded(depot: Path, tmp_path: Path) -> None:
    bring(depot, receipt(1), None)
    found = with_receipts({}, [], {}, depot)
    assert found["ws1"].verdict() == "degraded"
    assert "by receipt, 2 days ago, unsigned" in page(tmp_path / "report", found)


def test_a_step_that_failed_there_is_shown(depot: Path, key: Path, tmp_path: Path) -> None:
    error = {
        "code": "space",
        "problem": "No room",
        "wanted": "5 GiB",
        "found": "1 GiB",
        "where": "/opt",
        "remedy": "<b>free</b> it",
    }
    bring(depot, replace(receipt(1, key), ok=False, event="update", error=error), key)
    found = with_receipts({}, [], {}, depot)
    assert found["ws1"].verdict() == "broken"
    text = page(tmp_path / "report", found)
    assert "No room" in text
    assert "&lt;b&gt;free&lt;/b&gt; it" in text


def test_a_host_that_did_not_answer_is_shown_with_its_receipt(depot: Path, key: Path, tmp_path: Path) -> None:
    bring(depot, receipt(1, key), key)
    silent = Finding("reached", "", UNKNOWN, "The host cannot be reached", "an answer", "none", "ws1", "switch it on")
    found = with_receipts({"ws1": HostReport("ws1", TIME, False, (), (silent,))}, ["ws1"], {}, depot)
    assert [*found] == ["ws1"]
    assert found["ws1"].verdict() == "unknown"
    text = page(tmp_path / "report", found)
    assert "by receipt, 2 days ago, signed" in text
    assert "The host cannot be reached" in text


def test_a_host_that_answered_is_shown_as_it_answered(depot: Path, key: Path) -> None:
    bring(depot, receipt(1, key), key)
    live = {"ws1.lab": HostReport("ws1.lab", TIME, True)}
    assert with_receipts(live, ["ws1.lab"], {}, depot) == live


def test_a_host_of_the_inventory_that_the_run_left_out_stays_out(depot: Path, key: Path) -> None:
    bring(depot, receipt(1, key), key)
    live = {"ws2": HostReport("ws2", TIME, True)}
    assert with_receipts(live, ["ws1", "ws2"], {}, depot) == live


def answered(one: Receipt, key: Path, folder: Path) -> dict[str, Any]:
    """Return what a host that wrote this receipt answered."""
    path = put(folder, one, key)
    signature = path.with_name(path.name + SUFFIX).read_text()
    return {"results": [{"receipt": {"name": path.name, "content": path.read_text(), "signature": signature}}]}


def test_the_receipts_of_hosts_that_answer_are_kept(depot: Path, key: Path, tmp_path: Path) -> None:
    answers = {"ws1": answered(receipt(3, key), key, tmp_path / "a")}
    assert "seen for the first time" in collect(depot, answers, False)[0]
    assert [one.receipt.number for one in known(depot)] == [receipt(3).number]
    assert collect(depot, answers, False) == []


def test_check_mode_keeps_nothing(depot: Path, key: Path, tmp_path: Path) -> None:
    collect(depot, {"ws1": answered(receipt(3, key), key, tmp_path / "a")}, True)
    assert list(depot.iterdir()) == []


def test_a_host_brings_only_receipts_of_its_own_name(depot: Path, key: Path, tmp_path: Path) -> None:
    assert collect(depot, {"ws2": answered(receipt(3, key), key, tmp_path / "a")}, False) == []
    assert known(depot) == []


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"results": 5},
        {"results": [{"receipt": {"name": "../x", "content": "{}", "signature": ""}}]},
        {"results": [{"receipt": {"name": 5}}]},
        {"results": [{"receipt": "text"}, 7]},
    ],
)
def test_an_answer_that_is_none_is_left_out(answer: Any, depot: Path) -> None:
    assert collect(depot, {"ws1": answer}, False) == []
    assert list(depot.iterdir()) == []
    assert with_receipts({}, [], {"ws1": answer}, depot) == {}


@pytest.mark.parametrize(("days", "verdict"), [(0, "ok"), (2, "ok"), (1, "unknown")])
def test_of_a_host_that_is_silent_nobody_knows_how_it_is(depot: Path, key: Path, days: int, verdict: str) -> None:
    one = receipt(1, key)
    bring(depot, one, key)
    later = time_text(seconds_of(one.when) + 2.5 * 86_400)
    assert with_receipts({}, [], {}, depot, later, days)["ws1"].verdict() == verdict
