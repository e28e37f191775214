# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of ./dev faults settings: what a row must say, what a run is seen to say, and the page with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "faults"))

import settings_page
from settings_said import reasons, recap, seen
from settings_site import Seen, faults
from settings_table import HOSTS, PLAYBOOKS, Case, Row, TableError, load, read_rows, some

STATE = dict.fromkeys(HOSTS, "2")
SAID = dict.fromkeys(HOSTS, "right")
RESULT: dict[str, Any] = {"status": "ok", "state": STATE, "said": SAID}


def rows(**given: Any) -> list[Row]:
    """Read a row that is well but for what is given."""
    row = {"name": "a", "text": "`a`", "result": {"deploy": RESULT}, **given}
    return list(read_rows({"kind": "k", "rows": [row]}, {"all well": {"each": RESULT}}))


def without(mapping: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}


@pytest.mark.parametrize(
    "result",
    [
        without(RESULT, "status"),
        without(RESULT, "state"),
        without(RESULT, "said"),
        {**RESULT, "more": 1},
        {**RESULT, "status": "perhaps"},
        {**RESULT, "state": without(STATE, "last")},
        {**RESULT, "state": {**STATE, "another": "2"}},
        {**RESULT, "state": {**STATE, "last": "anything"}},
        {**RESULT, "said": without(SAID, "away")},
        {**RESULT, "said": {**SAID, "away": ""}},
        {**RESULT, "said": {**SAID, "away": "("}},
    ],
    ids=str,
)
def test_a_row_says_status_state_and_what_is_said_of_every_host(result: dict[str, Any]) -> None:
    assert rows(result={"deploy": RESULT})
    with pytest.raises(TableError, match=r"^a: "):
        rows(result={"deploy": result})


@pytest.mark.parametrize(
    "given",
    [
        {"result": {}},
        {"result": {"undeploy": RESULT}},
        {"result": "of no name"},
        {"short": ["undeploy"]},
        {"text": ""},
        {"hosts": {"another": {}}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_row_that_says_too_little_or_what_cannot_be(given: dict[str, Any]) -> None:
    with pytest.raises(TableError, match=r"^a: "):
        rows(**given)


def test_a_named_result_is_that_of_all_playbooks_or_of_those_that_are_named() -> None:
    assert list(rows(result="all well")[0].results) == [*PLAYBOOKS]
    assert list(rows(result="all well", **{"for": ["verify"]})[0].results) == ["verify"]


def test_the_table_is_as_large_as_promised() -> None:
    table = load()
    assert len(table) >= 60
    assert {playbook for row in table for playbook in row.results} == {*PLAYBOOKS}


def test_the_short_form_has_every_harmless_setting_and_takes_turns_with_the_rest() -> None:
    table = load()
    assert all({row.name for row in table if row.harmless} <= names(some(table, turn, 5)) for turn in range(7))
    assert {row.name for row in table} == set().union(*(names(some(table, turn, 60)) for turn in range(20)))


def names(cases: list[Case]) -> set[str]:
    return {row.name for case in cases for row in case.rows}


def test_the_page_shows_the_table() -> None:
    text = settings_page.PAGE.read_text(encoding="utf-8")
    assert text == settings_page.whole(text), "run: ./dev faults --write"
    assert all(row.text in text for row in load())


DEFAULT = """\
TASK [Say why] ***
ok: [ws-1]
changed: [ws-2 -> localhost]
fatal: [ws-3]: UNREACHABLE! => {"msg": "No route"}
...ignoring
fatal: [ws-3]: FAILED! =>
    msg: No route to host

PLAY RECAP ***
ws-1                       : ok=1    changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
ws-3                       : ok=1    changed=0    unreachable=1    failed=1    skipped=0    rescued=0    ignored=0
"""
MINIMAL = """\
ws-1 | SUCCESS => {"changed": false}
ws-3 | FAILED! => {
    "msg": "No route to host"
}
"""


@pytest.mark.parametrize("output", [DEFAULT, MINIMAL, DEFAULT.replace("fatal", "\x1b[0;31mfatal")])
def test_what_a_run_says_of_a_host(output: str) -> None:
    assert reasons(output, "ws-1") == []
    (why,) = reasons(output, "ws-3")
    assert "No route to host" in why
    assert seen(output, "ws-1")
    assert not seen(output, "ws-9")


def test_a_failure_of_the_controller_speaks_of_the_hosts_in_it() -> None:
    output = 'fatal: [localhost]: FAILED! => {"msg": "ws-3: off; ws-30: off"}\n'
    assert reasons(output, "ws-3")
    assert not reasons(output, "ws-0")
    assert recap(output) == {}


def ended(output: str = "", **given: Any) -> Seen:
    said = output or "".join(f"ok: [{host}]\n" for host in HOSTS)
    same = {"names": {host: host for host in HOSTS}, "before": STATE, "state": STATE, "page": {}, "left": ()}
    return Seen(**{"status": 0, "output": said, **same, **given})


@pytest.mark.parametrize(
    ("seen_", "fault"),
    [
        (ended(), None),
        (ended(status=2), "exit status 2"),
        (ended(state={**STATE, "last": "1"}), "last has 1, not 2"),
        (ended("ok: [first]\nok: [away]\nok: [broken]\n"), "last: nothing is said of it"),
        (ended(page=dict.fromkeys(HOSTS, "ok") | {"away": "off"}), "away: the page calls it wrong: off"),
        (ended(left=("homes/ws-1/.ansible/tmp/x",)), "left: homes/ws-1/.ansible/tmp/x"),
    ],
)
def test_each_of_the_three_is_looked_at(seen_: Seen, fault: str | None) -> None:
    assert faults(Case(tuple(rows()), "deploy"), seen_) == ([fault] if fault else [])


def test_a_host_that_is_not_called_wrong_for_the_reason() -> None:
    row = rows(result={"deploy": {**RESULT, "said": {**SAID, "away": "No route"}}})
    case = Case(tuple(row), "deploy")
    assert faults(case, ended()) == ["away: it is not called wrong for 'No route', but: nothing"]
    others = "".join(f"ok: [{host}]\n" for host in HOSTS)
    assert faults(case, ended(f'{others}fatal: [away]: FAILED! => {{"msg": "No route"}}\n')) == []


def test_a_run_that_is_refused_as_a_whole() -> None:
    row = rows(result={"deploy": {**RESULT, "said": dict.fromkeys(HOSTS, "the run: env .*rollback_env")}})
    case = Case(tuple(row), "deploy")
    assert faults(case, ended('fatal: [first]: FAILED! => {"msg": "env is read no more: give rollback_env"}\n')) == []
    assert len(faults(case, ended())) == len(HOSTS)
