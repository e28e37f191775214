# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting for a library whose threads outlive the call."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest

from ansible_collections.airgap.conda.plugins.module_utils import _rattler
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._rattler import load_rattler, wait_for

pytest.importorskip("rattler")


def hold(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    time.sleep(seconds)
    assert loop


async def held(seconds: float, error: Exception | None = None) -> str:
    """Return while another thread still has the loop, as rattler's threads do."""
    threading.Thread(target=hold, args=(asyncio.get_running_loop(), seconds)).start()
    if error:
        raise error
    return "done"


def test_it_waits_for_the_threads() -> None:
    start = time.monotonic()
    assert wait_for(held(0.1)) == "done"
    assert time.monotonic() - start >= 0.1


def test_it_waits_for_the_threads_of_a_failed_call() -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match="no"):
        wait_for(held(0.1, ValueError("no")))
    assert 0.1 <= time.monotonic() - start < 1


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rattler, "LONGEST_RELEASE", 0.05)
    start = time.monotonic()
    wait_for(held(0.4))
    assert time.monotonic() - start < 0.4


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rattler", None)
    with pytest.raises(AirgapError) as caught:
        load_rattler()
    assert caught.value.where == sys.executable
    assert "py-rattler" in caught.value.remedy
