# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far the transfers of a run are, and what it did on each host, as a person reads it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import took
from ansible_collections.airgap.conda.plugins.plugin_utils._summary import Summary
from ansible_collections.airgap.conda.plugins.plugin_utils._transfers import Transfers

RELEASES = [
    {
        "env": "demo",
        "id": "2-aa",
        "payloads": [{"parts": [{"name": "a", "size": 30_000}, {"name": "b", "size": 10_000}]}],
    }
]
STEPS = [{"env": "demo", "id": "2-aa", "current": "1-bb", "missing": ["a", "b"]}]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def two_hosts() -> tuple[Transfers, Clock]:
    clock = Clock()
    transfers = Transfers(clock)
    transfers.knows(RELEASES)
    for host in ("ws-1", "ws-2"):
        transfers.expects(host, STEPS)
    return transfers, clock


def test_bytes_rate_and_time_left_for_each_host_and_for_all() -> None:
    transfers, clock = two_hosts()
    assert transfers.lines(10) == []
    transfers.begins("ws-1")
    clock.now += 10
    transfers.told("ws-1", 10_000, 40_000)
    # The time for all is that of the host that waits, too.
    assert transfers.lines(10) == [
        "ws-1: 10.0 of 40.0 kB, 1.0 kB/s, 30 s left",
        "sent to 0 of 2 hosts: 10.0 of 80.0 kB, 1.0 kB/s, 1 min left",
    ]
    transfers.ends("ws-1", well=True)
    assert transfers.lines(10) == []
    transfers.begins("ws-2")
    clock.now += 10
    transfers.told("ws-2", 20_000, 40_000)
    assert transfers.line() == "sent to 1 of 2 hosts: 60.0 of 80.0 kB, 2.0 kB/s, 10 s left"


def test_a_host_that_failed_is_not_waited_for() -> None:
    transfers, clock = two_hosts()
    transfers.begins("ws-1")
    transfers.told("ws-1", 4_000, 40_000)
    transfers.begins("ws-2")
    transfers.ends("ws-1", well=False)
    clock.now += 4
    transfers.told("ws-2", 8_000, 40_000)
    assert transfers.line() == "sent to 1 of 2 hosts: 12.0 of 44.0 kB, 3.0 kB/s, 11 s left"


def test_a_host_that_never_began_is_not_waited_for() -> None:
    transfers, _clock = two_hosts()
    transfers.begins("ws-1")
    transfers.ends("ws-2", well=False)
    assert transfers.line() == "sent to 0 of 1 host: 0.0 of 40.0 kB"


def test_what_is_told_of_nobody_that_began_is_left_out() -> None:
    transfers, _clock = two_hosts()
    transfers.told("ws-1", 4_000, 40_000)
    transfers.told("elsewhere", 4_000, 40_000)
    assert transfers.lines(10) == []


def test_of_many_hosts_those_with_most_to_come_are_shown() -> None:
    transfers = Transfers(Clock())
    for number in range(9):
        transfers.begins(f"ws-{number}")
        transfers.told(f"ws-{number}", number * 10, 100)
    lines = transfers.lines(4)
    assert [line.split(":")[0] for line in lines] == ["ws-0", "ws-1", "and 7 hosts more", "sent to 0 of 9 hosts"]
    assert len(transfers.lines(1)) == 1
    assert len(transfers.lines(10)) == 10


@pytest.mark.parametrize(
    "odd", [None, 7, "x", [7], [{}], [{"payloads": 7}], [{"payloads": [{"parts": [{"size": "7"}]}]}]]
)
def test_odd_answers_are_no_end(odd: Any) -> None:
    transfers = Transfers(Clock())
    transfers.knows(odd)
    transfers.expects("h", odd)
    transfers.expects("h", [{"missing": odd}])
    assert transfers.lines(9) == []


def test_one_line_for_each_host() -> None:
    summary = Summary()
    refused = AirgapError(
        "It does not fit.", code="no-room", wanted="room", found="none", where="/", remedy="free\nsome space"
    )
    summary.hears("ws-2", "airgap.conda.preflight", {"work": False, "steps": [{"env": "demo", "current": "2-aa"}]})
    summary.hears("ws-1", "airgap.conda.runtime", {"release": "1-cc"})
    summary.hears("ws-1", "airgap.conda.preflight", {"work": True, "steps": STEPS})
    summary.hears("ws-1", "airgap.conda.fetch", {"bytes": 450_100_000, "seconds": 37.2})
    steps = {"demo": {"install": 20.26, "checks": 1.5}, "x": {"checks": 1}}
    summary.hears("ws-1", "airgap.conda.release", {"current": {"demo": "2-aa"}, "seconds": steps})
    summary.fails("ws-10", {"msg": "Connection\x1b[2J timed out"})
    summary.fails("ws-3", {"msg": "earlier"})
    summary.fails("ws-3", refused.as_result())
    summary.hears("ws-4", "ansible.builtin.copy", {"changed": True})
    assert list(summary.lines()) == [
        "ws-1  : demo 2-aa, runtime 1-cc; sent 450.1 MB in 37 s, 12 MB/s; install 20.3 s; checks 2.5 s",
        "ws-10 : failed: Connection [2J timed out",
        "ws-2  : demo 2-aa; nothing to do",
        "ws-3  : failed: It does not fit (none). Remedy: free some space",
    ]


def test_a_task_that_was_tried_again_did_not_fail() -> None:
    summary = Summary()
    summary.fails("h", {"msg": "cut"})
    summary.hears("h", "airgap.conda.release", {"current": {"demo": "2-aa"}})
    assert list(summary.lines()) == ["h : demo 2-aa"]


@pytest.mark.parametrize("odd", [None, 7, "x", [7], {"demo": 7}, {"demo": {"install": "long"}}, True])
def test_odd_results_are_no_end(odd: Any) -> None:
    summary = Summary()
    for action in ("runtime", "preflight", "fetch", "release"):
        names = ("release", "steps", "work", "bytes", "seconds", "current")
        summary.hears("h", f"airgap.conda.{action}", dict.fromkeys(names, odd))
    assert len(list(summary.lines())) == 1


@pytest.mark.parametrize(
    ("size", "seconds", "said"),
    [(0, 0.0, "0 bytes in 0 s"), (2_000_000_000, 100.0, "2.0 GB in 2 min, 20 MB/s"), (700, 0.0, "700 bytes in 0 s")],
)
def test_what_a_transfer_took(size: int, seconds: float, said: str) -> None:
    assert took(size, seconds) == said
