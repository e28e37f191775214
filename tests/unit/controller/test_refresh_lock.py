# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One refresh at a time: who holds the lock, and when it is void."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.plugin_utils._refresh_lock import NAME, Holder, holder, take
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised


@pytest.fixture
def depot(tmp_path: Path) -> Path:
    return tmp_path / "depot"


@pytest.fixture
def other() -> Iterator[Holder]:
    """Return another process that lives; it ends with the test."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield holder(process.pid)
        process.kill()


def me() -> Holder:
    return holder(os.getpid())


def recorded(depot: Path) -> int:
    return int(json.loads((depot / NAME).read_text())["pid"])


def test_the_lock_is_taken_and_taken_again_by_the_same(depot: Path) -> None:
    take(depot, me())
    take(depot, replace(me(), since="later"))
    assert recorded(depot) == os.getpid()
    assert sorted(path.name for path in depot.iterdir()) == [".locks", NAME]


def test_another_that_lives_is_named(depot: Path, other: Holder) -> None:
    take(depot, other)
    with raised("locked") as refusal:
        take(depot, me())
    assert refusal.value.code == "locked"
    assert refusal.value.found == f"process {other.pid} of {other.user}, at work since {other.since}"
    assert refusal.value.where == str(depot / NAME)
    assert recorded(depot) == other.pid


def test_check_mode_looks_and_writes_nothing(depot: Path, other: Holder) -> None:
    take(depot, me(), check_mode=True)
    assert not depot.exists()
    take(depot, other)
    with raised("locked"):
        take(depot, me(), check_mode=True)


def test_one_that_is_gone_holds_nothing(depot: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        take(depot, holder(process.pid))
        process.kill()
    take(depot, me())
    assert recorded(depot) == os.getpid()


@pytest.mark.parametrize("difference", [{"started": 1}, {"boot": "another"}])
def test_another_process_with_that_number_holds_nothing(depot: Path, other: Holder, difference: dict[str, Any]) -> None:
    take(depot, replace(other, **difference))
    take(depot, me())
    assert recorded(depot) == os.getpid()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "\x00\xff"])
def test_what_no_refresh_wrote_holds_nothing(depot: Path, text: str) -> None:
    depot.mkdir()
    (depot / NAME).write_text(text)
    take(depot, me())
    assert recorded(depot) == os.getpid()


def test_a_depot_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with raised("system-error", problem="depot"):
        take(tmp_path / "file/depot", me())
