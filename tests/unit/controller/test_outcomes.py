# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What shows that a host is right, for each playbook; and that nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.filter.outcomes import FilterModule
from ansible_collections.airgap.conda.plugins.filter.outcomes import outcomes as by_filter
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.plugin_utils._notes import note
from ansible_collections.airgap.conda.plugins.plugin_utils._outcomes import WORKS, outcomes
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions

LOST = {"unreachable": True, "msg": "Failed to connect\n to the host via ssh"}
SKIPPED = {"skipped": True, "changed": False, "skip_reason": "Conditional result was False"}
BAD = {"failed": True, "msg": "a\n traceback"}
ERROR = AirgapError(
    "A check of demo 2 failed", code="check-failed", wanted="w", found="exit status 1", where="/p", remedy="mend it"
)
STEP = {"env": "demo", "id": "2-1c0ffee5"}
FOUND = {"asked": True, "interpreter": "/p", "work": False, "steps": [STEP], "releases": [STEP]}
NO_WORK = {
    "_deploy_preflight": FOUND,
    "_deploy_release": SKIPPED,
}
DONE = {
    "_deploy_preflight": {**FOUND, "work": True},
    "_deploy_release": {"changed": True, "current": {"demo": "2-1c0ffee5"}},
}
DEPLOY: dict[str, dict[str, Any]] = {
    "right": DONE,
    "nothing-to-do": NO_WORK,
    "failed": {**DONE, "_deploy_failure": note({"failed": True, **ERROR.as_result()})},
    "broken": {"_deploy_preflight": BAD, "_deploy_failure": note(BAD)},
    "not-noted": {**DONE, "_deploy_release": BAD},
    "refused": {"_deploy_preflight": {**BAD, "asked": False}, "_deploy_failure": note(BAD)},
    "off": {"_deploy_preflight": LOST},
    "lost": {**DONE, "_deploy_fetch": LOST},
    "lost-at-last": {**DONE, "_deploy_release": LOST},
    "waiting": {},
    "forgotten": {"_deploy_preflight": {}, "_deploy_release": {}, "_deploy_failure": {}},
}
NOT_SHOWN = "Nothing in this run shows that the deploy went well on this host"
LINKS = [{"env": env, "release": "1-1c0ffee5", "since": "1"} for env in ("runtime", "demo")]
SEEN = {"root": "/opt", "links": LINKS, "envs": ["runtime", "demo"]}
VERIFIED: dict[str, Any] = {"env": "demo", "release": "2-1c0ffee5", "installed": [], "previous": "", "gpu": None}
ANSWER = {"results": [{"item": env, "envs": [{**VERIFIED, "env": env}]} for env in ("demo", "runtime")]}
PAGE = {"changed": True, "page": "/srv/index.html"}
REPORTED = {"_report_seen": SEEN, "_report_verified": ANSWER, "_report_page": PAGE}


def wrong_of(known: dict[str, Any], work: str = "deploy", **options: Any) -> str:
    """Return what is wrong with a host of which this is known, as one text; empty when nothing is."""
    error = outcomes(["ws1"], {"ws1": known, "localhost": {}}, work, RunOptions(**options))["wrong"]
    assert isinstance(error, dict)
    return f"{error['ws1']['problem']}: {error['ws1']['found']}" if error else ""


@pytest.mark.parametrize(
    ("host", "problem", "found"),
    [
        ("failed", "A check of demo 2 failed", "exit status 1"),
        ("broken", "A step of the deploy failed", "a traceback"),
        ("not-noted", "A step of the deploy failed", "a traceback"),
        ("off", "The host cannot be reached", "Failed to connect to the host via ssh"),
        ("lost", "The host stopped answering during the deploy", "Failed to connect to the host via ssh"),
        ("lost-at-last", "The host stopped answering during the deploy", "Failed to connect to the host via ssh"),
        ("waiting", NOT_SHOWN, "no step was tried on this host"),
        ("forgotten", NOT_SHOWN, "no step was tried on this host"),
    ],
)
def test_what_is_wrong_is_one_message(host: str, problem: str, found: str) -> None:
    wrong = by_filter([host], DEPLOY)["wrong"]
    assert isinstance(wrong, dict)
    assert (wrong[host]["problem"], wrong[host]["found"]) == (problem, found)
    assert wrong[host]["msg"].startswith(f"{problem}. Wanted: ")
    assert wrong[host]["msg"].endswith(f"Remedy: {wrong[host]['remedy']}.")


def test_hosts_that_are_right_are_not_named() -> None:
    assert by_filter(["right", "nothing-to-do"], DEPLOY) == {"wrong": {}, "failed_percent": 0}


@pytest.mark.parametrize(
    ("hosts", "percent"),
    [
        (["off", "waiting", "forgotten"], 0),  # nothing was tried
        (["refused", "refused", "right"], 0),  # on the controller, so it says nothing of the releases on hosts
        (["off", "right", "failed"], 50),
        (["right", "right", "lost"], 33),
        (["off", "failed", "waiting"], 100),
        (["right", "not-noted", "nothing-to-do", "broken"], 50),
    ],
)
def test_the_share_is_that_of_the_hosts_that_answered(hosts: list[str], percent: int) -> None:
    assert by_filter(hosts, DEPLOY)["failed_percent"] == percent


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"_deploy_preflight": SKIPPED, "_deploy_release": SKIPPED},
        {**DONE, "_deploy_release": SKIPPED},
        {**DONE, "_deploy_release": {}},
        {**DONE, "_deploy_release": {"changed": False}},
        {**DONE, "_deploy_release": {"changed": False, "current": {"demo": "1-1c0ffee5"}}},
        {**NO_WORK, "_deploy_preflight": {}},
        {**NO_WORK, "_deploy_preflight": {**FOUND, "steps": []}},
        {**NO_WORK, "_deploy_preflight": {**FOUND, "steps": [{"env": "demo", "id": "1-1c0ffee5"}]}},
        {**NO_WORK, "_deploy_preflight": {**FOUND, "work": True}},
        {**NO_WORK, "_deploy_preflight": {**FOUND, "releases": None}},
        {**NO_WORK, "_deploy_preflight": {**FOUND, "work": "no"}},
        {**NO_WORK, "_deploy_preflight": {**FOUND, "skipped": True}},
        {"_deploy_preflight": {"changed": True, "interpreter": ""}},  # only of a run that changes nothing
    ],
    ids=range(14),
)
def test_that_nothing_failed_shows_nothing(known: dict[str, Any]) -> None:
    assert wrong_of(known).startswith(NOT_SHOWN)


def test_a_check_shows_what_would_be_done() -> None:
    assert wrong_of({"_deploy_preflight": {"changed": True, "interpreter": ""}}, check=True) == ""
    assert wrong_of(DONE, check=True) == ""
    assert wrong_of(DONE, "refresh", check=True) == ""
    assert wrong_of({"_deploy_preflight": SKIPPED}, check=True).startswith(NOT_SHOWN)


def test_facts_are_no_results() -> None:
    for name in ("_deploy_preflight", "_deploy_failure"):
        known = {**NO_WORK, "ansible_facts": {name: NO_WORK.get(name, {})}}
        assert wrong_of(known) == f"A fact of a host has the name of a result: {name}"


def test_only_what_is_known_is_said() -> None:
    stopped = {"ws1": {}, "localhost": {"_deploy_stopped": 50}}
    wrong = outcomes(["ws1"], stopped, "deploy", RunOptions())["wrong"]
    assert isinstance(wrong, dict)
    assert wrong["ws1"]["problem"] == "The deploy was not tried on this host"
    assert wrong["ws1"]["found"].endswith("failed: 50 % of those that answered")
    given = "--tags x and --start-at-task y left steps out"
    assert wrong_of({}, tags=("x",), start_at="y").endswith(f"no step was tried on this host; {given}")
    assert wrong_of({"_deploy_preflight": BAD}, start_at="y").endswith("a traceback (--start-at-task y left steps out)")
    assert "left steps out" not in wrong_of({}, tags=("all",))


@pytest.mark.parametrize(
    ("work", "known", "lacking"),
    [
        ("verify", {"_verify_result": {"envs": [VERIFIED]}, "deploy_envs": ["demo"]}, ""),
        ("verify", {"_verify_result": {"envs": []}}, "no current release was verified"),
        ("verify", {"_verify_result": SKIPPED}, "no current release was verified"),
        ("verify", {"_verify_result": {"envs": [VERIFIED]}, "deploy_envs": ["demo", "x"]}, "x was not verified"),
        ("verify", {"_verify_result": {"envs": [VERIFIED]}, "deploy_envs": ["x"], "verify_envs": ["demo"]}, ""),
        ("rollback", {"_rollback_result": {"current": "1-1c0ffee5"}}, ""),
        ("rollback", {"_rollback_result": {"current": "", "before": ""}}, "no older release"),
        ("rollback", {"_rollback_result": {**SKIPPED, "current": "1-1c0ffee5"}}, "no older release"),
        ("remove", {"_remove_result": {"removed": []}}, ""),
        ("remove", {"_remove_result": SKIPPED}, "nothing is said to be removed"),
        ("repair", {"_repair_local": {"steps": []}}, ""),
        ("repair", {"_repair_local": {"steps": [{}]}, "_repair_sent": {"steps": []}}, ""),
        ("repair", {"_repair_local": {"steps": [{}]}, "_repair_sent": SKIPPED}, "not sent again"),
        ("repair", {"_repair_local": SKIPPED}, "it was not looked"),
        ("report", REPORTED, ""),
        ("report", {**REPORTED, "_report_page": SKIPPED}, "the page was not written"),
        ("report", {**REPORTED, "_report_page": BAD}, "A step of the report failed: a traceback"),
        ("report", {**REPORTED, "_report_seen": LOST}, "The host cannot be reached"),
        ("report", {**REPORTED, "_report_seen": {}}, "the host was not asked"),
        ("report", {**REPORTED, "_report_verified": SKIPPED}, "did not answer with a report"),
        ("report", {**REPORTED, "_report_seen": {"root": "/opt", "links": []}}, ""),  # that is an answer too
        ("refresh", {**DONE, **REPORTED}, ""),
        ("refresh", {**DONE, **REPORTED, "_report_seen": {"root": "/opt", "links": []}}, "No environment is deployed"),
        ("refresh", REPORTED, "Nothing in this run shows that the deploy"),
        ("refresh", DONE, "Nothing in this run shows that the refresh"),
        ("site", {**DONE, "_verify_result": {"envs": [VERIFIED]}}, ""),
        ("site", DONE, "Nothing in this run shows that the verify"),
        ("site", {"_verify_result": {"envs": [VERIFIED]}}, "Nothing in this run shows that the deploy"),
    ],
)
def test_what_each_playbook_shows(work: str, known: dict[str, Any], lacking: str) -> None:
    found = wrong_of(known, work)
    assert (lacking in found) if lacking else (found == "")


@pytest.mark.parametrize("value", [[{"env": {}, "id": []}], [{"env": ["demo"], "release": {}}], [5], ["demo"]])
def test_what_a_host_answers_ends_no_account(value: Any) -> None:
    assert wrong_of({**DONE, "_deploy_preflight": {"work": True, "steps": value}})
    assert wrong_of({**DONE, "_deploy_release": {"current": value}})
    assert wrong_of({"_verify_result": {"envs": value}, "deploy_envs": "demo, x"}, "verify")
    assert wrong_of({**REPORTED, "_report_verified": {"results": value}}, "report")


@pytest.mark.parametrize("work", list(WORKS))
def test_a_host_of_which_nothing_is_known_is_never_right(work: str) -> None:
    for check in (True, False):
        assert wrong_of({}, work, check=check)
        assert wrong_of({name: SKIPPED for of in WORKS[work] for name in of.steps}, work, check=check)
        assert wrong_of({name: {} for of in WORKS[work] for name in of.steps}, work, check=check)


def test_who_leaves_an_import_out_by_its_tags_is_heeded() -> None:
    run = RunOptions(tags=("web",))
    assert run.leave_out(["always", "conda"])
    assert not run.leave_out(["always"])  # no tag of a person
    assert not run.leave_out(["always", "web"])
    assert not RunOptions(tags=("all",)).leave_out(["always", "conda"])
    assert not RunOptions(tags=("tagged",)).leave_out(["always", "conda"])


def test_a_playbook_of_the_collection_knows_when_it_was_called_itself() -> None:
    assert RunOptions(playbooks=("airgap.conda.deploy",)).direct
    assert not RunOptions(playbooks=("site.yml",)).direct


def test_ansible_finds_it() -> None:
    assert FilterModule().filters() == {"outcomes": by_filter}
