# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The story that several chains tell together."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import (
    Chain,
    Deed,
    Entry,
    add,
    as_result,
    from_result,
    read,
)
from ansible_collections.airgap.conda.plugins.module_utils._audit.story import story, table
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

ENTRY = Entry(1, "2026-01-01T00:00:00Z", "root (0)", "built", "demo", "1-00000001", "a" * 64, "SHA256:x", "0" * 64)


def chain(*entries: Entry, broken: tuple[str, ...] = ()) -> Chain:
    """Return a chain with these lines."""
    return Chain("/x", tuple(replace(entry, n=number) for number, entry in enumerate(entries, start=1)), broken)


def test_lines_are_in_the_order_of_their_times() -> None:
    late = replace(ENTRY, when="2026-01-03T00:00:00Z", what="installed")
    between = replace(ENTRY, when="2026-01-02T00:00:00Z", what="exported")
    told = story({"host": chain(late), "depot": chain(ENTRY, between)}, "demo", "1-00000001")
    assert [(place, entry.what) for place, entry in told.lines] == [
        ("depot", "built"),
        ("depot", "exported"),
        ("host", "installed"),
    ]
    assert told.faults == ()
    lines = table(told.lines)
    assert lines[0].split() == ["WHEN", "WHERE", "WHAT", "RELEASE", "WHO", "MANIFEST", "KEY"]
    assert "demo 1-00000001" in lines[1]


def test_a_clock_that_went_back_does_not_turn_a_chain_round() -> None:
    back = replace(ENTRY, when="2020-01-01T00:00:00Z", what="removed")
    told = story({"host": chain(replace(ENTRY, what="installed"), back)})
    assert [entry.what for _place, entry in told.lines] == ["installed", "removed"]


def test_only_what_was_asked_for_is_told() -> None:
    other = replace(ENTRY, env="other")
    assert len(story({"depot": chain(ENTRY, other)}, "demo").lines) == 1
    assert len(story({"depot": chain(ENTRY, other)}).lines) == 2


def test_what_is_wrong_is_told() -> None:
    codes = [fault.code for fault in story({"drive": chain(ENTRY, broken=("line 2: x",))}).faults]
    assert codes == ["chain-broken"]
    other = replace(ENTRY, manifest_sha256="b" * 64)
    (fault,) = story(
        {"depot": chain(ENTRY), "host": chain(other), "lone": chain(replace(ENTRY, manifest_sha256=""))}
    ).faults
    assert fault.code == "manifests-differ"
    assert "depot" in fault.found
    assert "lone" not in fault.found


def test_a_chain_crosses_from_another_machine(tmp_path: Path) -> None:
    add(tmp_path / "audit.jsonl", [Deed("built", "demo", "1-00000001"), Deed("built", "other", "1-00000001")])
    whole = read(tmp_path / "audit.jsonl")
    again = from_result(as_result(whole), "ws1")
    assert (again.entries, again.head, again.verdict) == (whole.entries, whole.head, "whole")
    assert as_result(whole, "demo")["lines"] == 2
    assert len(as_result(whole, "demo")["entries"]) == 1


@pytest.mark.parametrize(
    "answer",
    [{}, None, {"failed": True, "msg": "no"}, {"path": "/x", "head": 5, "broken": [], "cut": [], "entries": []}],
)
def test_an_answer_that_is_none_is_refused(answer: Any) -> None:
    with pytest.raises(AirgapError):
        from_result(answer, "ws1")


def test_nothing_of_a_host_acts_on_a_screen() -> None:
    data = {
        "path": "/x\x1b[2J",
        "head": "",
        "broken": ["a\nb"],
        "cut": [],
        "entries": [{**asdict(ENTRY), "who": "\x1b[2J"}],
    }
    again = from_result(data, "ws1")
    assert "\x1b" not in again.path + again.entries[0].who
    assert again.broken == ("a b",)
