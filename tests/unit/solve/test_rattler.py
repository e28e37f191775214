# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting for a library whose threads outlive the call."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._solve import rattler
from ansible_collections.airgap.conda.plugins.module_utils._solve.rattler import load_rattler, wait_for
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

pytest.importorskip("rattler")


def hold(loop: asyncio.AbstractEventLoop, until: threading.Event) -> None:
    until.wait(60)
    assert loop


async def held(until: threading.Event, error: Exception | None = None) -> str:
    """Return while another thread still has the loop, as rattler's threads do."""
    threading.Thread(target=hold, args=(asyncio.get_running_loop(), until)).start()
    if error:
        raise error
    return "done"


@pytest.fixture
def soon() -> Iterator[threading.Event]:
    """Return an event that comes a moment later; what waits for it takes at least as long."""
    event = threading.Event()
    timer = threading.Timer(0.1, event.set)
    timer.start()
    yield event
    timer.join()


def test_it_waits_for_the_threads(soon: threading.Event) -> None:
    assert wait_for(held(soon)) == "done"
    assert soon.is_set()


def test_it_waits_for_the_threads_of_a_failed_call(soon: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rattler, "LONGEST_RELEASE", 60)
    start = time.monotonic()
    with pytest.raises(ValueError, match="no"):
        wait_for(held(soon, ValueError("no")))
    assert soon.is_set()
    assert time.monotonic() - start < 50, "it waited for more than the threads"


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rattler, "LONGEST_RELEASE", 0.05)
    never = threading.Event()
    wait_for(held(never))
    assert not never.is_set()
    never.set()


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rattler", None)
    with raised("library-missing") as caught:
        load_rattler()
    assert caught.value.where == sys.executable
    assert "py-rattler" in caught.value.remedy
