# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a host takes a release by itself."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import (
    RINGS,
    Rings,
    Said,
    read_rings,
)
from ansible_collections.airgap.conda.plugins.module_utils._pull.policy import (
    Policy,
    Wait,
    wait_for_gpu,
    wait_for_ring,
    wait_for_window,
)
from ansible_collections.airgap.conda.plugins.module_utils._pull.window import parse_windows

CREATED = "2026-11-01T00:00:00Z"
MADE = datetime(2026, 11, 1, tzinfo=timezone.utc)


def code(wait: Wait | None) -> str:
    return wait.code if wait else ""


def ring(policy: Policy, *said: Said, opened: tuple[str, ...] = (), days: float = 1, created: str = CREATED) -> str:
    rings = Rings(said, opened)
    return code(wait_for_ring(policy, rings, "demo", "2-abcdef01", created, MADE + timedelta(days=days)))


def said(ring: int, right: int = 0, wrong: int = 0, release: str = "2-abcdef01") -> Said:
    return Said("demo", release, ring, right, wrong)


def test_the_first_ring_waits_for_nobody() -> None:
    assert ring(Policy(1), said(1, wrong=3)) == ""


def test_a_ring_waits_until_the_one_before_it_has_found_the_release_right() -> None:
    assert ring(Policy(2)) == "ring-waits"
    assert ring(Policy(2), said(1, right=1, release="1-abcdef01")) == "ring-waits"
    assert ring(Policy(2), said(1, right=1)) == ""


def test_it_is_the_ring_before_it_that_counts_and_one_without_hosts_is_passed_over() -> None:
    assert ring(Policy(3), said(1, right=1), said(2, right=1, release="1-abcdef01")) == "ring-waits"
    assert ring(Policy(3), said(1, right=1), said(2, right=1)) == ""
    assert ring(Policy(3), said(1, right=1)) == ""
    assert ring(Policy(2), said(2, right=5), said(3, right=5)) == "ring-waits"


def test_one_host_that_finds_it_wrong_holds_it_back_for_however_long() -> None:
    policy = Policy(3, after_days=7)
    assert ring(policy, said(1, right=9, wrong=1), said(2, right=9), days=300) == "ring-wrong"
    assert ring(policy, said(1, right=9), said(2, right=9, wrong=1), days=300) == "ring-wrong"
    assert ring(policy, said(1, wrong=1), opened=("demo 2-abcdef01",)) == ""
    assert ring(policy, said(1, wrong=1), opened=("demo 1-abcdef01",)) == "ring-wrong"


def test_days_open_what_nobody_has_said_anything_of() -> None:
    assert ring(Policy(2, after_days=7), days=6.9) == "ring-waits"
    assert ring(Policy(2, after_days=7), days=7) == ""
    assert ring(Policy(2), days=700) == "ring-waits"


@pytest.mark.parametrize("created", ["", "yesterday", "2026-11-01", "2028-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_right_opens_nothing(created: str) -> None:
    assert ring(Policy(2, after_days=7), days=30, created=created) == "ring-waits"


def test_a_window_is_in_local_time() -> None:
    policy = Policy(windows=parse_windows("22:00-05:00"))
    assert code(wait_for_window(policy, datetime(2026, 11, 1, 12))) == "window-closed"
    assert wait_for_window(policy, datetime(2026, 11, 1, 23)) is None
    assert wait_for_window(Policy(), datetime(2026, 11, 1, 12)) is None


def test_an_environment_that_computes_is_left_alone_unless_told() -> None:
    wait = wait_for_gpu(Policy(), "demo", lambda _env: [*range(1, 8)])
    assert wait
    assert "process 1, 2, 3, 4, 5 and 2 more" in wait.reason
    assert wait.code == "gpu-busy"
    assert wait_for_gpu(Policy(), "demo", lambda _env: []) is None
    assert wait_for_gpu(Policy(despite_gpu=True), "demo", lambda _env: [1]) is None


def test_a_summary_comes_back_as_it_was_written(tmp_path: Path) -> None:
    rings = Rings((said(1, right=1, wrong=1), said(2, right=1)), ("demo 1-abcdef01",))
    (tmp_path / RINGS).write_bytes(rings.to_json())
    assert read_rings(tmp_path) == rings


def test_there_is_none_before_the_first_report(tmp_path: Path) -> None:
    assert read_rings(tmp_path) == Rings()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": 2, "said": [], "opened": []}',
        '{"schema": 1, "said": [{"env": "demo"}], "opened": []}',
        '{"schema": 1, "said": [{"env":"d","id":"1-a","ring":0,"right":1,"wrong":0}], "opened": []}',
        '{"schema": 1, "said": [{"env":"d","id":"1-a","ring":1,"right":-1,"wrong":0}], "opened": []}',
        '{"schema": 1, "said": [{"env":"d","id":"1-a","ring":1,"right":true,"wrong":0}], "opened": []}',
        '{"schema": 1, "said": "all", "opened": []}',
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / RINGS).write_text(text)
    with pytest.raises(AirgapError) as error:
        read_rings(tmp_path)
    assert error.value.code == "rings-invalid"
