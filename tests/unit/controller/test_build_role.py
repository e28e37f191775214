# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role build is asked for, and what it says in the end."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.filter.build_items import build_items
from ansible_collections.airgap.conda.plugins.filter.build_summary import build_summary
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import Complaints
from ansible_collections.airgap.conda.plugins.plugin_utils._notes import note
from ansible_collections.airgap.conda.tests.conftest import CHECKOUT
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

SET = "ansible.builtin.set_fact"


def test_a_name_stands_for_the_container_of_all() -> None:
    envs = ["a", {"name": "b"}, {"name": "c", "container": "x:1"}, {"name": "d", "container": ""}]
    assert build_items(envs, "all:1") == [
        {"name": "a", "container": "all:1"},
        {"name": "b", "container": "all:1"},
        {"name": "c", "container": "x:1"},
        {"name": "d", "container": ""},
    ]


@pytest.mark.parametrize(
    ("envs", "found"),
    [
        ("imaging", "'imaging'"),
        ({"name": "a"}, "{'name': 'a'}"),
        ([{"container": "x"}], "{'container': 'x'}"),
        ([{"name": "a", "image": "x"}], "'image': 'x'"),
        ([{"name": "a", "container": None}], "None"),
        ([{"name": ""}], "''"),
        ([1], "Found: 1"),
        (["a", {"name": "a", "container": "x"}], "'a' 2 times"),
    ],
)
def test_what_is_not_clear_is_refused(envs: Any, found: str) -> None:
    with raised("build-unclear") as caught:
        build_items(envs)
    message = str(caught.value)
    assert found in message
    assert message.index("Wanted") < message.index("Found") < message.index("Where: build_envs") < message.index("Rem")


def test_the_summary_says_what_came_of_each_and_all_of_what_is_wrong() -> None:
    error = AirgapError("It cannot be solved", code="unsolvable", wanted="a", found="b", where="c", remedy="write d.")
    results: list[dict[str, Any]] = [
        {"env": "runtime", "target": {"platform": "linux-64", "glibc": "2.17"}, "new": False, "release": "4-aa"},
        {"env": "imaging-2004", "target": {"platform": "linux-64", "cuda": "11.8"}, "new": True, "release": "1-bb"},
        {"env": "broken", "target": {}, "failure": error.as_result()},
        {"env": "odd", "target": {}, "failure": {"msg": "MODULE FAILURE\nsee stdout"}},
        {"env": "mute", "failure": {"rc": 1}},
    ]
    assert build_summary(results) == [
        "runtime       linux-64, glibc 2.17  nothing new since 4-aa",
        "imaging-2004  linux-64, cuda 11.8   built 1-bb",
        "broken                              FAILED: It cannot be solved.",
        "    Wanted: a.",
        "    Found: b.",
        "    Where: c.",
        "    Remedy: write d.",
        "odd                                 FAILED: MODULE FAILURE",
        "mute                                FAILED: no message",
    ]
    assert build_summary(results[1:2], check=True) == ["imaging-2004  linux-64, cuda 11.8  would build 1-bb"]
    assert build_summary([]) == []


def test_each_note_keeps_those_before_it() -> None:
    error = AirgapError("It cannot be solved", code="unsolvable", wanted="a", found="b", where="c", remedy="d")
    first = note(error.as_result(), {"env": "demo", "target": {}})
    second = note({"msg": "MODULE FAILURE"}, {"env": "x", "target": {}}, first["notes"])
    assert [(one["env"], one["failure"]["msg"]) for one in second["notes"]] == [
        ("demo", str(error)),
        ("x", "MODULE FAILURE"),
    ]
    assert build_summary(second["notes"])[0] == "demo    FAILED: It cannot be solved."
    assert "notes" not in note(error.as_result())


def test_a_fact_is_set_only_where_nothing_else_reaches_later_plays() -> None:
    """Constants that all hosts of later batches see, and the interpreter, which no result of a task can set."""
    files = [path for folder in ("roles", "playbooks") for path in (CHECKOUT / folder).rglob("*.yml")]
    assert {path.name if path.name != "main.yml" else path.parts[-3] for path in files if SET in path.read_text()} == {
        "deploy_batches.yml",
        "outcome.yml",
        "runtime",
    }


def test_each_of_several_complaints_is_told() -> None:
    errors = [
        AirgapError(f"Bad {name}", code="unsolvable", wanted="a", found="b", where="c", remedy="d")
        for name in ("one", "two")
    ]
    several = Complaints(errors)
    results: list[dict[str, Any]] = [{"env": "sick", "target": {}, "failure": several.as_result()}]
    parts = ["    Wanted: a.", "    Found: b.", "    Where: c.", "    Remedy: d."]
    assert build_summary(results) == [
        "sick    FAILED: 2 complaints stop the build.",
        "    1. Bad one.",
        *parts,
        "    2. Bad two.",
        *parts,
    ]
