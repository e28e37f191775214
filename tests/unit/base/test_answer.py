# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host says is taken in by one door: bounded, plain, and nothing in it that Ansible acts on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import answer as _answer
from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.answer import (
    DEPTH,
    TEXT,
    clean,
    excess,
    plain,
    take_in,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import FIELDS
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.plugin_utils._accept import MODULES, TYPES, accept, documented
from ansible_collections.airgap.conda.plugins.plugin_utils._asked import asked
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release

NAMES = sorted(path.stem for path in MODULES.glob("*.py"))
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = "\u00ad\u034f\u115f\u180e\u200b\u200d\u2060\u3164\ufe0f\ufeff\uffa0\U000e0041\U000e0100"
CONTROLS = "\x00\x07\x08\x0b\x0c\r\x1b\x7f\x85\x9b\u2028\u2029"


@pytest.mark.parametrize("char", DIRECTIONS + UNSEEN + CONTROLS)
def test_nothing_that_acts_on_a_screen_comes_through(char: str) -> None:
    assert plain(f"a{char}b") == "a b"
    assert clean(f"a{char}b") == "a b"
    assert take_in({f"k{char}": [f"a{char}b"]}) == {"k ": ["a b"]}


def test_plain_text_of_any_language_stays() -> None:
    text = "Ünïcödé 環境 среда\tא ✓\n"
    assert plain(text) == text


def test_the_ends_of_lines_of_a_terminal_are_ends_of_lines() -> None:
    assert plain("a\r\nb\r\n") == "a\nb\n"
    assert take_in({"stdout": "a\r\n"}) == {"stdout": "a\n"}


def test_a_long_text_keeps_its_ends() -> None:
    text = plain("a" * 10 + "x" * 50_000_000 + "z" * 10)
    assert len(text) <= TEXT
    assert (text[:10], text[-10:]) == ("a" * 10, "z" * 10)


def test_what_is_beyond_the_bounds_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = "end"
    for _line in range(100_000):
        deep = [deep]
    assert str(take_in(deep)).count("[") == DEPTH + 1
    assert "deep" in excess(deep)
    small = (1000, 1000)
    monkeypatch.setattr(_answer, "VALUES", 1000)
    monkeypatch.setattr(_answer, "CHARACTERS", 1000)
    beyond: list[Any] = [[5] * 2000, {str(number): 5 for number in range(2000)}, [[]] * 2000, ["x" * 100] * 2000]
    for much in beyond:
        assert len(json.dumps(take_in(much, *small))) < 20_000
        assert excess(much)
    assert not excess({"steps": [{"missing": ["env.tar.zst.000"] * 10}]})


# --- what a module answers -------------------------------------------------------------------------------------------

ACTED_ON = {
    "ansible_facts": {"report_path": "/evil", "deploy_depot": "/evil", "ansible_connection": "local"},
    "_ansible_facts_cacheable": True,
    "ansible_facts_cacheable": True,
    "ansible_stats": {"data": {"x": 1}},
    "add_host": {"host_name": "evil"},
    "add_group": "evil",
    "results": [1],
    "invocation": {"module_args": {}},
    "deprecations": [{"msg": "x" * 1000}],
    "unreachable": True,
    "ansible_job_id": "1",
    "_ansible_verbose_always": True,
    "stdout": "x",
    "refused": False,
}


@pytest.mark.parametrize("name", NAMES)
def test_what_ansible_acts_on_is_in_no_answer(name: str) -> None:
    answer = accept({"changed": False, **ACTED_ON}, documented(name), name, "ws1")
    assert answer == {"changed": False}


@pytest.mark.parametrize("name", NAMES)
def test_every_module_has_an_action_of_ours_and_documents_types_that_are_checked(name: str) -> None:
    text = (MODULES.parent / "action" / f"{name}.py").read_text(encoding="utf-8")
    bases = ["AnswerAction", "ProgressAction", "ControllerAction", "HostAction"]
    # Those that run no module; deploy_look has the action of preflight ask the host.
    bases += ["ActionBase"] if name in ("deploy_look", "note", "outcome", "refresh_outcome", "settings") else []
    assert any(f"class ActionModule({base})" in text for base in bases)
    assert "_execute_module" not in text  # only the actions that take in what a module answers run one
    for of in documented(name).values():
        assert of["type"] in TYPES
        assert of.get("elements", "str") in TYPES


WRONG = [5, "x", None, {"a": 1}, [5], [["x"]], [{"a": "x" * (TEXT + 1)}]]


@pytest.mark.parametrize("value", WRONG, ids=[str(value)[:20] for value in WRONG])
def test_a_value_of_another_type_is_refused_with_host_and_value(value: Any) -> None:
    answer = accept({"changed": True, "steps": value, "work": True}, documented("preflight"), "preflight", "ws1")
    assert (answer["failed"], answer["refused"], answer["where"]) == (True, True, "ws1")
    assert answer["found"].startswith("steps is ")
    assert len(answer["msg"]) < 1000
    assert "steps" not in answer


def test_the_errors_of_one_failure_come_through_in_bounds() -> None:
    one = dict.fromkeys(FIELDS, "a\x1bb")
    answer = accept({"failed": True, "errors": [one, {"problem": "p"}, 7, {**one, "more": "x"}]}, {}, "verify", "ws1")
    plain = {**dict.fromkeys(FIELDS, "a b"), "code": "failed"}
    assert answer["errors"] == [plain, plain]
    for code in ("drive-unusable", "\x1b]0;x", "x" * 65, 7):
        kept = code if code == "drive-unusable" else "failed"
        answer = accept({"failed": True, "code": code, "errors": [{**one, "code": code}]}, {}, "verify", "ws1")
        assert (answer["errors"][0]["code"], answer.get("code", "failed")) == (kept, kept)
    assert len(accept({"errors": [one] * 10_000}, {}, "verify", "ws1")["errors"]) == limits.ERRORS
    assert "errors" not in accept({"errors": "x" * 100}, {}, "verify", "ws1")


def test_texts_of_a_failure_are_bounded_and_plain() -> None:
    said = {
        "failed": 1,
        "msg": "\x1b]0;x\x07" + "m" * 10**7,
        "found": ["\u202e"],
        "module_stdout": "o" * 10**7,
        "rc": 1,
    }
    answer = accept({**said, "warnings": ["w" * 10**7] * 1000, "diff": {"before": "\x1b", "x": 1}}, {}, "verify", "ws1")
    assert (answer["failed"], answer["rc"]) == (True, 1)
    assert "\x1b" not in str(answer)
    assert answer["diff"] == {"before": " "}
    assert len(str(answer)) < 1_000_000


# --- what a host may ask for -----------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> Made:
    (tmp_path / "secret").write_text("of the controller", encoding="ascii")
    return make_release(tmp_path / "depot", tmp_path / "opt", 2)


def lacking(made: Made) -> dict[str, Any]:
    """Return the step of a host that has no part of the payload yet."""
    return {**made.step().to_dict(), "missing": [part.name for part in made.manifest.payloads[0].parts]}


def test_parts_that_are_missing_are_looked_up(made: Made) -> None:
    step = lacking(made)
    (one,) = asked([step, Step("other", "x", "kernel", "x").to_dict()], [made.wanted], "ws1")
    assert (one.release, [part.name for part in one.parts]) == (made.wanted, step["missing"])
    (record,) = asked([{**step, "format": "", "missing": []}], [made.wanted], "ws1")
    assert record.parts == ()


BAD: list[dict[str, Any]] = [
    {"action": "remove"},
    {"action": None},
    {"kernel": 5},
    {"missing": ["../../../secret"]},
    {"missing": ["/etc/shadow"]},
    {"missing": ["manifest.json"]},
    {"missing": ["env.tar.zst.999"]},
    {"missing": ["."]},
    {"missing": [["env.tar.zst.000"]]},
    {"missing": "env.tar.zst.000"},
    {"missing": {"env.tar.zst.000": 1}},
    {"missing": None},
    {"missing": ["env.tar.zst.000\n"]},
    {"missing": ["env.tar.zst.000", "env.tar.zst.000"]},
    {"format": "tar.gz", "missing": ["env.tar.zst.000"]},
    {"format": "", "missing": ["env.tar.zst.000"]},
    {"format": "zip", "missing": []},
    {"format": ["tar.zst"]},
    {"env": "../demo"},
    {"env": ["demo"]},
    {"env": None},
    {"id": "1-00000001"},
    {"id": "../../.."},
    {"id": "{{ 7 * 7 }}"},
    {"id": "x" * 10**6},
]


@pytest.mark.parametrize("change", BAD, ids=[str(change)[:50] for change in BAD])
def test_an_answer_that_asks_for_anything_else_is_refused_whole(made: Made, change: dict[str, Any]) -> None:
    with raised("request-refused") as error:
        asked([{**lacking(made), **change}], [made.wanted], "ws1")
    assert error.value.where == "ws1"
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize("name", Step("demo", "", "none", "").to_dict())
def test_a_step_with_a_hole_is_refused(made: Made, name: str) -> None:
    step = lacking(made)
    del step[name]
    with raised("request-refused") as error:
        asked([step], [made.wanted], "ws1")
    assert name in error.value.wanted


@pytest.mark.parametrize("steps", [[5], ["x"], [[]], [None]])
def test_steps_that_are_no_steps_are_refused(made: Made, steps: list[Any]) -> None:
    with raised("request-refused"):
        asked(steps, [made.wanted], "ws1")


def test_a_release_is_sent_once(made: Made) -> None:
    with raised("request-refused", wanted="each release once"):
        asked([lacking(made), lacking(made)], [made.wanted], "ws1")
