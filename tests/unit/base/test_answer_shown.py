# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a host's answers are shown, written or counted: reports, summaries and messages of bounded size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.filter.build_summary import build_summary
from ansible_collections.airgap.conda.plugins.filter.outcomes import outcomes
from ansible_collections.airgap.conda.plugins.filter.readable import readable
from ansible_collections.airgap.conda.plugins.filter.setting import setting
from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, NAMED, VALUE
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import UNKNOWN
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._first import look as _look
from ansible_collections.airgap.conda.plugins.module_utils._report import files
from ansible_collections.airgap.conda.plugins.module_utils._report.answer import host_report, with_failure
from ansible_collections.airgap.conda.plugins.module_utils._report.files import write_report
from ansible_collections.airgap.conda.plugins.module_utils._report.host import HostReport
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap, _links
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard, listen
from ansible_collections.airgap.conda.plugins.plugin_utils._notes import short
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

TIME = "2026-11-23T12:00:00Z"
# More than one text may have; three are more than a whole answer may.
LONG = "\u202e\x1b" + "x" * 25_000_000
RUNTIME, DEMO = (
    {"env": env, "release": release, "since": 1700000000}
    for env, release in (("runtime", "1-00000001"), ("demo", "2-00000002"))
)
SEEN = {"root": "/opt", "links": [RUNTIME, DEMO]}
GPU = {"verdict": "degraded", "findings": []}
ANSWER = {"release": "2-00000002", "previous": "1-00000001", "installed": ["1-00000001", "2-00000002"], "gpu": GPU}
TEXTS = ("check", "subject", "problem", "wanted", "found", "where", "remedy")
FINDING = {"verdict": "degraded", **dict.fromkeys(TEXTS, LONG)}


def report_of(seen: Any, result: Any) -> HostReport:
    return host_report("ws1", readable(seen), readable({"results": [result]}), TIME)


HOSTILE: list[tuple[Any, Any]] = [
    (SEEN, {"item": "demo", "envs": [{**ANSWER, "release": LONG}]}),
    (SEEN, {"item": "demo", "envs": [{**ANSWER, "release": "2-0000\u202e002"}]}),
    (SEEN, {"item": "demo", "envs": [{**ANSWER, "previous": LONG}]}),
    (SEEN, {"item": "demo", "envs": [{**ANSWER, "installed": ["1-00000001", LONG]}]}),
    (SEEN, {"item": "demo", "envs": [{**ANSWER, "installed": {"a": 1}}]}),
    (SEEN, {"item": "demo", "envs": [{**ANSWER, "gpu": {"verdict": LONG, "findings": []}}]}),
    (SEEN, {"item": "demo", "envs": [{**ANSWER, "gpu": {"verdict": ["ok"], "findings": []}}]}),
    (SEEN, {"item": "demo", "envs": [{**ANSWER, "gpu": [1]}]}),
    (SEEN, {"item": "demo", "envs": [{**ANSWER, "gpu": {**GPU, "findings": {"a": 1}}}]}),
    (SEEN, {"item": "demo", "envs": LONG}),
    (SEEN, {"item": "demo", "failed": True, "refused": True, "found": LONG}),
    (SEEN, {"item": LONG}),
    (SEEN, LONG),
    ({"root": f"/{LONG}", "links": []}, {}),
    ({"root": "/opt", "links": [{**DEMO, "env": LONG}]}, {}),
    ({"root": "/opt", "links": [{**RUNTIME, "release": LONG}]}, {}),
    ({"root": "/opt", "links": [{**RUNTIME, "since": 10**400}, 5, {}]}, {}),
    ({"root": "/opt", "links": LONG}, {}),
    ({"unreachable": True, "msg": LONG}, {}),
    (LONG, {}),
    (5, {}),
    ([SEEN], {}),
    ({"failed": True, "module_stdout": LONG, "msg": [LONG] * 3}, {}),
]


@pytest.mark.parametrize(("seen", "result"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_answer_makes_a_small_report_that_says_so(seen: Any, result: Any) -> None:
    report = report_of(seen, result)
    text = report.to_json()
    assert len(text) < 5_000
    assert not any(mark in text for mark in ("\\u202e", "\\u001b", "xxxxxxxx" * 100))
    assert report.verdict() != "ok"


def test_what_a_report_shows_of_a_host_has_a_number() -> None:
    said = Heard(tuple(("link", f"1700000000 1-00000001 env{n}") for n in range(10_000)), "", begun=True, status=0)
    parsed = _links.parse_links(said)
    assert (len(parsed["envs"]), len(parsed["links"])) == (NAMED, NAMED)
    assert len(report_of({"root": "/opt", "links": [DEMO] * 10_000}, {}).envs) <= NAMED
    gpu = {**GPU, "findings": [{name: value[:1000] for name, value in FINDING.items()}] * 10_000}
    many = {"item": "demo", "envs": [{**ANSWER, "gpu": gpu, "installed": ["1-00000001"] * 10_000}]}
    report = host_report("ws1", SEEN, {"results": [many]}, TIME)
    assert (len(report.findings), len(report.envs[0].installed)) == (NAMED, NAMED)
    assert len(report.to_json()) < 200_000
    short = {**gpu, "findings": [{name: value[:10] for name, value in FINDING.items()}] * 10_000}
    results = [{**many, "envs": [{**ANSWER, "gpu": short}]}] * 10_000
    assert len(host_report("ws1", SEEN, {"results": results}, TIME).findings) <= NAMED


def test_a_good_answer_is_what_it_was() -> None:
    report = report_of(SEEN, {"item": "demo", "envs": [ANSWER]})
    (demo,) = report.envs
    assert (demo.release, demo.previous, demo.installed, demo.values["gpu"]) == (
        "2-00000002", "1-00000001", ("1-00000001", "2-00000002"), "degraded"
    )  # fmt: skip


def test_the_environments_to_ask_for_are_names() -> None:
    names = ("a b", "{{ 7 * 7 }}", "../x", "demo", "caf\udce9", "\u202e")
    output = "m begin\n" + "".join(f"m link=1 x {name}\n" for name in names)
    parsed = _links.parse_links(listen(output, "m", _links.SAID))
    assert parsed["envs"] == ["a?b", "???7???7???", "..?x", "demo", "caf?", "?"]
    assert [link["env"] for link in parsed["links"]] == ["demo"]


@pytest.mark.parametrize("name", ["h" * 300, "\u00e9" * 200, "a/b" * 100])
def test_a_host_with_a_long_name_has_a_file(tmp_path: Path, name: str) -> None:
    other = name + "x"
    reports = {host: host_report(host, {}, {}, TIME) for host in (name, other)}
    write_report(tmp_path, [name, other], reports, TIME, check_mode=False)
    again = write_report(tmp_path, [name, other], {}, TIME, check_mode=False)
    assert again["changed"] is False
    assert len(list((tmp_path / "hosts").iterdir())) == 2


def test_a_file_that_is_no_report_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 10_000)
    (tmp_path / "hosts").mkdir()
    text = report_of(SEEN, {"item": "demo", "envs": [ANSWER]}).to_json()
    (tmp_path / "hosts/ws1.json").write_text(" " * 10_000 + text, encoding="utf-8")
    found = write_report(tmp_path, ["ws1"], {}, TIME, check_mode=True)
    assert found["counts"][UNKNOWN] == 1


def test_a_failure_and_a_summary_are_bounded() -> None:
    failure = {"problem": LONG, "wanted": [LONG], "found": LONG, "where": LONG, "remedy": LONG}
    report = with_failure(report_of(SEEN, {"item": "demo", "envs": [ANSWER]}), failure)
    assert len(report.to_json()) < 5_000
    lines = build_summary([{"env": "demo", "target": {}, "failure": {"msg": LONG, "remedy": LONG}}])
    assert len("".join(lines)) < 2 * MESSAGE
    assert "\x1b" not in "".join(lines)


WRONG: list[Any] = [
    "x", 5, [1], {"msg": LONG, "unreachable": True}, {"msg": [LONG]},
    dict.fromkeys(("wanted", "found", "where", "remedy"), LONG),
]  # fmt: skip


@pytest.mark.parametrize("value", WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("name", ["_deploy_fetch", "_deploy_preflight", "_deploy_release", "_deploy_failure"])
def test_a_host_with_forged_variables_does_not_end_the_account_of_the_others(name: str, value: Any) -> None:
    steps = [{"env": "demo", "id": "1-1c0ffee5"}]
    well: dict[str, Any] = {"_deploy_preflight": {"work": False, "steps": steps, "releases": steps}}
    hosts = {"bad": {**well, name: value}, "good": well}
    outcome = outcomes(hosts, hosts)
    assert isinstance(outcome["wrong"], dict)
    assert "good" not in outcome["wrong"]
    assert len(json.dumps(outcome)) < 20 * MESSAGE
    assert "\\u001b" not in json.dumps(outcome)


# --- what a host without Python prints -------------------------------------------------------------------------------

CURRENT = ["../../../../bin/sh #", "{{ 7 * 7 }}", "1-0000000g", "x" * 10**6, "1-00000001 x", "\u0661-00000001", ""]


def look(said: str) -> Heard:
    return listen(f"m begin\n{said}", "m", _look.LOOKED)


@pytest.mark.parametrize("current", CURRENT, ids=range(len(CURRENT)))
def test_a_current_runtime_that_is_no_release_is_none(current: str) -> None:
    seen = _bootstrap.parse_look(look(f"m current={current}\nm works=yes\n"), "/opt")
    assert (seen["current"], seen["works"]) == ("", "")
    with raised("runtime-broken"):
        _bootstrap.require_runtime(seen, "ws1")


def test_what_a_look_prints_is_bounded() -> None:
    good = "m current=1-00000001\nm works=yes\nm end=0\n"
    seen = _bootstrap.parse_look(look(f"{LONG}\nm free_kib={'9' * 10**5}\nm folder=/a\x1b\u202eb\n{good}"), "/opt")
    assert (seen["current"], seen["works"], seen["folder"]) == ("1-00000001", "yes", "/a  b")
    assert max(map(len, seen.values())) <= VALUE


# --- settings --------------------------------------------------------------------------------------------------------


def test_a_setting_that_a_host_gave_itself_is_that_of_the_controller() -> None:
    def told(value: Any, facts: dict[str, Any], here: dict[str, Any], default: Any = None) -> Any:
        """Ask for x, which Ansible has as ``value`` and the host's variables have as /evil."""
        return setting(value, "x", {"localhost": here, "ws1": {"ansible_facts": facts, "x": "/evil"}}, "ws1", default)

    assert told("/evil", {}, {}) == "/evil"  # from the inventory: no host has a fact of that name
    assert told("/evil", {"x": "/evil"}, {"x": "/srv"}) == "/srv"
    # What Ansible makes of the facts x and ansible_x.
    assert told("/evil", {"x": "/other"}, {"x": "/srv"}) == "/srv"
    # A role's own variables outrank facts, and are no host's.
    assert told("/role", {"x": "/evil"}, {"x": "/srv"}) == "/role"
    assert told("/evil", {"x": "/evil"}, {}, 20) == 20
    with raised("fact-forged") as error:
        told("/evil", {"x": "/evil"}, {})
    assert error.value.where.startswith("the facts of ws1")


@pytest.mark.parametrize("env", ["../depot/demo", ".", "demo/../demo", "/", "", "Demo"])
def test_what_is_no_name_has_no_releases(tmp_path: Path, env: str) -> None:
    make_release(tmp_path / "depot", tmp_path / "opt", 1)
    assert Depot(tmp_path / "depot").releases("demo")
    assert Depot(tmp_path / "depot").releases(env) == []


def test_a_failure_in_one_line_is_bounded() -> None:
    error = AirgapError(
        "The drive\x1b cannot be used.",
        code="drive-unusable",
        wanted="w",
        found="nothing\nis there",
        where="x",
        remedy="r",
    )
    assert short({"failed": True, **error.as_result()}) == "The drive cannot be used (nothing is there)"
    assert short({"msg": "MODULE FAILURE\nsee stdout"}) == "MODULE FAILURE see stdout"
    assert short({"rc": 1}) == "no message"
    assert len(short({"msg": LONG})) <= len(short({**error.fields(), "found": LONG})) <= 600
