# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fleet page: what hosts answer becomes a report of each, and all of them one page, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._report.answer import host_report, with_failure
from ansible_collections.airgap.conda.plugins.module_utils._report.files import require_time, write_report
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import Fleet, fleet, parse_host
from ansible_collections.airgap.conda.plugins.module_utils._report.host import HostReport
from ansible_collections.airgap.conda.plugins.module_utils._report.page import page
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

TIME = "2026-03-31T12:00:00Z"
EVIL = "<script>alert(1)</script>\"'&"
# 1772452800 is 2026-03-02T12:00:00Z.
LINKS = [
    {"env": "runtime", "release": "1-00000001", "since": 1772452800},
    {"env": "demo", "release": "12-1c0ffee5", "since": 1772452800},
]


def seen(*links: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"root": "/opt/conda-envs", "links": list(links), **more}


def right(env: str, release: str, gpu: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = {"env": env, "release": release, "installed": [release], "previous": "", "gpu": gpu}
    return {"item": env, "envs": [answer], "failed": False}


def wrong(env: str, found: str = "other content") -> dict[str, Any]:
    error = AirgapError(
        f"{env} is not as it was signed",
        code="release-damaged",
        wanted="w",
        found=found,
        where="/f",
        remedy="roll back",
    )
    return {"item": env, "failed": True, **error.as_result()}


def report(*results: Any, host: str = "ws", listing: dict[str, Any] | None = None) -> HostReport:
    return host_report(host, seen(*LINKS) if listing is None else listing, {"results": list(results)}, TIME)


def good(host: str) -> HostReport:
    return report(right("runtime", "1-00000001"), right("demo", "12-1c0ffee5"), host=host)


def broken(host: str, found: str = "other content") -> HostReport:
    return report(right("runtime", "1-00000001"), wrong("demo", found), host=host)


class Reader(HTMLParser):
    """Collects the tags of a page, and the text and sort key of each cell of its body."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[list[tuple[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "tr" and "data-verdict" in values:
            self.cells.append([])
        if "data-sort" in values:
            self.cells[-1].append((values["data-sort"] or "", ""))

    def handle_data(self, data: str) -> None:
        if self.cells and self.cells[-1]:
            key, text = self.cells[-1][-1]
            self.cells[-1][-1] = (key, text + data)


def test_a_host_that_is_right() -> None:
    found = good("ws")
    assert found.verdict() == "ok"
    assert found.findings == ()
    assert [(item.env, item.release, item.values["since"]) for item in found.envs] == [
        ("demo", "12-1c0ffee5", "2026-03-02T12:00:00Z"),
        ("runtime", "1-00000001", "2026-03-02T12:00:00Z"),
    ]


def test_a_fault_keeps_its_four_fields_and_the_release() -> None:
    found = broken("ws")
    (finding,) = found.findings
    assert (finding.subject, finding.verdict, finding.problem) == ("demo", "broken", "demo is not as it was signed")
    assert (finding.check, finding.code, json.loads(found.to_json())["findings"][0]["code"]) == (
        "verify",
        "release-damaged",
        "release-damaged",
    )
    assert (finding.wanted, finding.found, finding.where, finding.remedy) == ("w", "other content", "/f", "roll back")
    assert (found.verdict("demo"), found.verdict("runtime"), found.verdict()) == ("broken", "ok", "broken")
    assert found.envs[0].release == "12-1c0ffee5"


def test_a_gpu_that_passed_with_a_warning_is_degraded() -> None:
    about = {"check": "health", "subject": "GPU 0", "problem": "This GPU reports a fault"}
    finding = {**about, "verdict": "unknown", "wanted": "w", "found": "too hot", "where": "GPU 0", "remedy": "cool it"}
    fine = {**finding, "verdict": "absent"}
    found = report(right("demo", "12-1c0ffee5", {"verdict": "degraded", "findings": [finding, fine]}))
    assert [(item.check, item.subject, item.verdict, item.problem, item.found) for item in found.findings] == [
        ("health", "demo", "degraded", "This GPU reports a fault", "too hot")
    ]
    assert found.envs[0].values["gpu"] == "degraded"


@pytest.mark.parametrize(
    ("listing", "verdict", "reachable", "words"),
    [
        ({}, "unknown", True, "not asked"),
        ({"unreachable": True, "msg": "Connection refused"}, "unknown", False, "cannot be reached"),
        (seen(), "broken", True, "No environment is deployed"),
        (
            {"failed": True, "msg": "Could not look at the host. Found: Welcome!"},
            "unknown",
            True,
            "did not answer with a report",
        ),
        (seen(failed=True, msg="sudo: a password is required"), "unknown", True, "did not answer with a report"),
        ({"changed": False}, "unknown", True, "did not answer with a report"),
        ({"stdout": ["x"], "stdout_lines": 3}, "unknown", True, "did not answer with a report"),
    ],
)
def test_a_host_that_cannot_be_verified_is_one_finding(
    listing: dict[str, Any], verdict: str, reachable: bool, words: str
) -> None:
    found = host_report("ws", listing, {"results": []}, TIME)
    (finding,) = found.findings
    assert (found.verdict(), found.reachable) == (verdict, reachable)
    assert words in finding.problem
    assert finding.remedy


@pytest.mark.parametrize(
    "answer",
    [
        {"failed": True, "msg": "MODULE FAILURE", "module_stdout": "\0<html>" * 5000},
        {"envs": []},
        {"envs": "text"},
        {"envs": [{"release": 5, "previous": "", "installed": [], "gpu": None}]},
        {"envs": [{"release": "1", "previous": "", "installed": [], "gpu": {"verdict": "ok"}}]},
        {"envs": [{"release": "1", "previous": "", "installed": [], "gpu": ["x"]}]},
        {"failed": True, "wanted": ["no text"], "msg": "x"},
        {"unreachable": True, "msg": "gone"},
    ],
)
def test_an_answer_that_is_none_is_one_finding_and_hides_no_other(answer: dict[str, Any]) -> None:
    found = report(right("runtime", "1-00000001"), {"item": "demo", **answer})
    (finding,) = found.findings
    assert (finding.subject, finding.verdict, found.verdict("runtime")) == ("demo", "unknown", "ok")
    assert len(finding.found) <= 300


def test_results_that_are_no_list_are_a_finding() -> None:
    for verified in ({}, {"results": "text"}, {"results": 5}, {"results": [5]}):
        assert host_report("ws", seen(*LINKS), verified, TIME).verdict() == "unknown"


def test_a_report_reads_back() -> None:
    for each in (good("ws"), broken("ws", EVIL)):
        assert parse_host(each.to_json(), "ws", "x.json", "") == each


def test_a_report_of_before_findings_had_a_check_reads_too() -> None:
    now = broken("ws")
    data = json.loads(now.to_json())
    for item in data["findings"]:
        item["env"] = item.pop("subject")
        del item["check"], item["code"]
    (found,) = parse_host(json.dumps(data), "ws", "x.json", "").findings
    assert (found.check, found.subject, found.code, found.found) == ("", "demo", "", "other content")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        good("ws").to_json().replace('"schema": 1', '"schema": 2'),
        good("other").to_json(),
        good("ws").to_json().replace('"env": "demo"', '"env": 5'),
        good("ws").to_json().replace('"reachable": true', '"reachable": "yes"'),
        good("ws").to_json().replace(TIME, "yesterday"),
        good("ws").to_json().replace('"envs"', '"things"'),
        broken("ws").to_json().replace('"broken"', '"fine"'),
    ],
)
def test_a_file_that_is_no_report_is_one_unknown_row(text: str) -> None:
    found = parse_host(text, "ws", "/r/ws.json", TIME)
    (finding,) = found.findings
    assert (found.host, found.time, found.verdict(), finding.where) == ("ws", TIME, "unknown", "/r/ws.json")


def mixed() -> Fleet:
    off = host_report("ws-3", {"unreachable": True, "msg": "timed out"}, {}, TIME)
    return fleet([broken("ws-10", EVIL), good("ws-2"), off, good("ws-1")], TIME)


def test_the_summary_counts_hosts() -> None:
    assert mixed().summary() == "2 of 4 hosts are right; 2 are not (1 broken, 1 unknown)"
    assert mixed().counts() == {"ok": 2, "degraded": 0, "unknown": 1, "broken": 1}
    assert fleet([good("ws")], TIME).summary() == "1 of 1 host is right"
    assert fleet([broken("ws")], TIME).summary() == "0 of 1 host is right; 1 is not (1 broken)"
    assert fleet([], TIME).summary() == "0 of 0 hosts are right"
    assert mixed().releases("demo") == [("12-1c0ffee5", 3)]
    assert mixed().envs == ["demo", "runtime"]


def test_the_page_shows_reason_and_remedy_and_can_be_sorted() -> None:
    rows = {cells[0][0]: cells for cells in Reader(page(mixed())).cells}
    assert list(rows) == ["ws-10", "ws-3", "ws-1", "ws-2"]
    assert [key for key, _text in rows["ws-1"]] == ["ws-1", "0", "0 12 29", "0 1 29"]
    assert [key for key, _text in rows["ws-3"]] == ["ws-3", "2", "2 0 0"]
    assert "12-1c0ffee5 for 29 days" in rows["ws-1"][2][1]
    assert f"demo is not as it was signed.Wanted: w. Found: {EVIL}.Remedy: roll back./f" in rows["ws-10"][2][1]
    assert rows["ws-10"][2][0] == "3 12 29"


def test_what_concerns_the_whole_host_is_said_once() -> None:
    failure = {"problem": "No room for demo 13", "wanted": "5 GiB", "found": "1 GiB", "where": "/opt", "remedy": "free"}
    host = with_failure(good("ws"), failure)
    assert (host.verdict(), host.verdict("demo"), host.verdict("runtime")) == ("degraded", "ok", "ok")
    text = page(fleet([host], TIME))
    ((_name, verdict, *envs),) = Reader(text).cells
    assert text.count("No room for demo 13") == 1
    assert verdict == ("1", "degradedNo room for demo 13.Wanted: 5 GiB. Found: 1 GiB.Remedy: free./opt")
    assert [cell[1][:2] for cell in envs] == ["ok", "ok"]
    lines = csv.DictReader(io.StringIO(fleet([host], TIME).to_csv()))
    assert [(line["env"], line["verdict"], line["problem"]) for line in lines] == [
        ("", "degraded", "No room for demo 13"),
        ("demo", "ok", ""),
        ("runtime", "ok", ""),
    ]


def test_without_a_runtime_nothing_is_called_right() -> None:
    host = report(listing=seen({**LINKS[1], "since": 1}))
    assert [(item.subject, item.verdict, item.where, item.remedy) for item in host.findings] == [
        ("runtime", "broken", "ws:/opt/conda-envs", "run airgap.conda.deploy for this host"),
        ("demo", "unknown", "ws:/opt/conda-envs", "run airgap.conda.deploy for this host"),
    ]
    assert [(item.env, item.release) for item in host.envs] == [("demo", "12-1c0ffee5")]
    assert [cell[1].split(".")[0] for cell in Reader(page(fleet([host], TIME))).cells[0]] == [
        "ws",
        "broken",
        "unknown 12-1c0ffee5 for 20543 daysNothing is known of demo on this host",
        "brokenThe runtime is not on this host",
    ]


def test_nothing_of_a_host_becomes_markup() -> None:
    text = page(mixed())
    assert EVIL in "".join(cell[1] for row in Reader(text).cells for cell in row)
    assert Reader(text).tags.count("script") == 1
    everywhere = host_report(EVIL, {"failed": True, "msg": EVIL}, {}, TIME)
    strange = report({**wrong(EVIL, EVIL), "where": EVIL, "remedy": EVIL, "msg": EVIL}, host=EVIL + "2")
    assert Reader(page(fleet([everywhere, strange], TIME))).tags.count("script") == 1


def test_the_page_asks_nothing_of_any_network() -> None:
    text = page(mixed())
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=|url\(|@import|https?:", text)


def test_a_thousand_hosts_fit() -> None:
    hosts = [
        broken(f"ws-{number:04}", "x" * 300) if number % 10 == 0 else good(f"ws-{number}") for number in range(1000)
    ]
    text = page(fleet(hosts, TIME))
    assert len(Reader(text).cells) == 1000
    assert len(text.encode()) < 5_000_000


def test_the_csv_reads_back() -> None:
    lines = list(csv.DictReader(io.StringIO(mixed().to_csv())))
    assert [(line["host"], line["env"], line["verdict"]) for line in lines] == [
        ("ws-1", "demo", "ok"),
        ("ws-1", "runtime", "ok"),
        ("ws-10", "demo", "broken"),
        ("ws-10", "runtime", "ok"),
        ("ws-2", "demo", "ok"),
        ("ws-2", "runtime", "ok"),
        ("ws-3", "", "unknown"),
    ]
    assert (lines[2]["found"], lines[2]["release"]) == (EVIL, "12-1c0ffee5")


def test_a_spreadsheet_takes_nothing_for_a_formula() -> None:
    (line, _runtime) = csv.DictReader(io.StringIO(fleet([broken("ws", "=1+1")], TIME).to_csv()))
    assert line["found"] == "'=1+1"


def write(path: Path, *reports: HostReport, hosts: tuple[str, ...] = (), time: str = TIME, check: bool = False) -> Any:
    by_name = {each.host: each for each in reports}
    return write_report(path, hosts or tuple(by_name), by_name, time, check)


def test_check_do_check_do(tmp_path: Path) -> None:
    path = tmp_path / "a/report"
    assert write(path, good("ws"), check=True)["changed"]
    assert not path.exists()
    assert write(path, good("ws"))["changed"]
    before = {file.name: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert sorted(before) == ["index.html", "report.csv", "report.json", "ws.json"]
    assert not write(path, good("ws"), check=True)["changed"]
    assert not write(path, good("ws"))["changed"]
    assert before == {file.name: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert write(path, broken("ws"), check=True)["changed"]


def test_another_time_is_no_change_but_is_written(tmp_path: Path) -> None:
    write(tmp_path, good("ws"))
    assert not write(tmp_path, good("ws"), time="2026-04-01T12:00:00Z")["changed"]
    assert "as of 2026-04-01 12:00:00 UTC" in (tmp_path / "index.html").read_text()


def test_only_the_hosts_of_the_run_are_shown(tmp_path: Path) -> None:
    write(tmp_path, good("old"), good("ws"))
    assert write(tmp_path, good("ws"))["counts"]["ok"] == 1
    assert "old" not in {host["host"] for host in json.loads((tmp_path / "report.json").read_text())["hosts"]}


def test_the_page_can_be_made_of_the_files_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, good("a/../b"), broken("ws"))
    (tmp_path / "hosts/ws.json").write_bytes(b"\xff\0 half a file")
    result = write(tmp_path, hosts=("a/../b", "ws", "never"))
    assert result["summary"] == "1 of 3 hosts is right; 2 are not (2 unknown)"
    assert sorted(file.name for file in (tmp_path / "hosts").iterdir()) == ["a%2F..%2Fb.json", "ws.json"]


def test_what_was_there_may_be_garbage(tmp_path: Path) -> None:
    for text in ("", "[]", "{", '{"hosts": 5, "time": ""}', "[" * 100_000):
        (tmp_path / "report.json").write_text(text)
        assert write(tmp_path, good("ws"))["changed"]


def test_a_deploy_that_failed_before_is_shown_and_named(tmp_path: Path) -> None:
    failure = {"problem": "A check failed", "wanted": "w", "found": "exit status 1", "where": "/p", "remedy": "mend it"}
    kept = with_failure(good("ws-1"), failure)
    assert [item.env for item in kept.envs] == ["demo", "runtime"]
    assert with_failure(good("ws-2"), None) == good("ws-2")
    off = report(listing={"unreachable": True, "msg": "no route"}, host="ws-3")
    assert with_failure(off, failure) == off  # its own reason says more
    result = write(tmp_path, kept, good("ws-2"), off, with_failure(broken("ws-4"), failure))
    assert result["counts"] == {"ok": 1, "degraded": 1, "unknown": 1, "broken": 1}
    assert result["wrong"] == [
        "ws-4: broken: demo is not as it was signed (other content), A check failed (exit status 1)",
        "ws-3: unknown: The host cannot be reached (no route)",
        "ws-1: degraded: A check failed (exit status 1)",
    ]


def test_a_time_that_is_none_is_refused() -> None:
    assert require_time(TIME) == TIME
    with raised("time-invalid", wanted="2026-01-31T12:00:00Z"):
        require_time("now")
