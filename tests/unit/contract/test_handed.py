# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What crosses between controller, module and host: a step and a release, whole and of the right types or refused."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import Several
from ansible_collections.airgap.conda.plugins.module_utils._base.handed import each
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import ACTIONS, Step
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

STEP = Step(
    "demo", "2-00000002", "install", "1-00000001", "tar.zst", ["env.tar.zst"], ["1-00000001"], "/k", "/k/kernel.json"
)
WRONG: dict[str, list[Any]] = {
    "str": [None, 5, True, ["x"], {"a": 1}],
    "int": [None, "5", True, 1.5, [5]],
    "bool": [None, 1, "yes", []],
    "list[str]": [None, "x", {"a": 1}, [5], [["x"]]],
    "Requirements": [None, "x", [], {}, {"glibc": "2.17"}],
    "tuple[Payload, ...]": [None, "x", {}, [5], [{}], [{"format": "tar.gz", "size": "1", "sha256": "", "parts": []}]],
}
CASES = [
    (kind, field.name, value) for kind in (Step, Release) for field in fields(kind) for value in WRONG[str(field.type)]
]


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return make_release(tmp_path / "depot", tmp_path / "opt", 2).wanted


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_both_come_back_as_they_went(release: Release) -> None:
    assert Step.from_dict(through_json(STEP.to_dict()), "here") == STEP
    assert Release.from_dict(through_json(release.to_dict()), "here") == release
    for action in ACTIONS:
        assert Step.from_dict({**STEP.to_dict(), "action": action, "more": "is left out"}, "here").action == action


@pytest.mark.parametrize(("kind", "name", "value"), CASES, ids=[f"{k.__name__}-{n}-{v}" for k, n, v in CASES])
def test_each_field_of_another_type_is_refused(release: Release, kind: Any, name: str, value: Any) -> None:
    right = (STEP if kind is Step else release).to_dict()
    with raised("handover-invalid") as caught:
        kind.from_dict({**right, name: value}, "ws1")
    assert name in caught.value.wanted
    assert caught.value.where == "ws1"
    del right[name]
    with raised("handover-invalid") as caught:
        kind.from_dict(right, "ws1")
    assert (caught.value.wanted, caught.value.found) == (f"a value as {name}", "nothing")


@pytest.mark.parametrize(
    ("name", "value"),
    [("action", "remove"), ("action", ""), ("env", "../demo"), ("env", "bin"), ("env", "")],
)
def test_a_step_that_nobody_does_is_refused(name: str, value: str) -> None:
    with raised("handover-invalid") as caught:
        Step.from_dict({**STEP.to_dict(), name: value}, "ws1")
    assert (caught.value.found, name in caught.value.wanted) == (repr(value), True)


@pytest.mark.parametrize("name", ["env", "id", "manifest_sha256", "signature_sha256", "files_sha256"])
def test_a_release_that_cannot_be_is_refused(release: Release, name: str) -> None:
    with raised("handover-invalid") as caught:
        Release.from_dict({**release.to_dict(), name: "../x"}, "here")
    assert caught.value.found == "'../x'"


@pytest.mark.parametrize("value", [None, 5, "x", [], ["x"]])
def test_what_is_no_dictionary_is_refused(value: Any) -> None:
    for kind in (Step, Release):
        with raised("handover-invalid") as caught:
            kind.from_dict(value, "here")
        assert caught.value.wanted == "a dictionary"


def test_all_that_is_wrong_is_told_at_once(release: Release) -> None:
    bad = {**STEP.to_dict(), "action": "remove", "missing": [1], "kernel": None}
    del bad["id"]
    with pytest.raises(Several) as caught:
        each(Step.from_dict, [STEP.to_dict(), bad, {**STEP.to_dict(), "env": "bin"}], "steps of the test")
    told = [(error.wanted, error.found, error.where) for error in caught.value.errors]
    assert told == [
        ("a value as id", "nothing", "number 2 of steps of the test"),
        ("a text as missing[0]", "1", "number 2 of steps of the test"),
        ("a text as kernel", "None", "number 2 of steps of the test"),
        ("one of none, install, switch, prune, kernel as action", "'remove'", "number 2 of steps of the test"),
        ("the name of an environment as env", "'bin'", "number 3 of steps of the test"),
    ]
    payloads = release.to_dict()["payloads"]
    part = {**payloads[0]["parts"][0], "size": "1"}
    with raised("handover-invalid") as single:
        Release.from_dict({**release.to_dict(), "payloads": [{**payloads[0], "parts": [part]}]}, "here")
    assert (single.value.wanted, single.value.found) == ("a whole number as payloads[0].parts[0].size", "'1'")


def test_what_is_long_is_cut() -> None:
    with raised("handover-invalid") as caught:
        Step.from_dict({**STEP.to_dict(), "action": "x" * 10**6}, "here")
    assert len(str(caught.value)) < 500


def test_a_release_has_the_hash_of_every_file_that_is_sent(release: Release) -> None:
    payload = release.payloads[0]
    record = {MANIFEST: release.manifest_sha256, SIGNATURE: release.signature_sha256, FILES: release.files_sha256}
    assert release.sums(payload) == {**{part.name: part.sha256 for part in payload.parts}, **record}


@pytest.mark.parametrize(
    "change",
    [{"size": 1}, {"sha256": "x"}, {"parts": []}, {"format": "tar.gz"}, "../x"],
    ids=str,
)
def test_a_payload_that_does_not_add_up_is_refused(release: Release, change: Any) -> None:
    payload = release.to_dict()["payloads"][0]
    if isinstance(change, str):
        payload["parts"][0]["name"] = change
    else:
        payload |= change
    with raised("handover-invalid") as caught:
        Release.from_dict({**release.to_dict(), "payloads": [payload]}, "here")
    assert caught.value.where == "here"
