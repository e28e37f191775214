# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Showing how far long work is, while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar

# Seconds between two lines; what takes less than this says nothing.
INTERVAL = 5.0

T = TypeVar("T")


def shown(
    read: Callable[[], str], show: Callable[[str], None], interval: float = INTERVAL
) -> AbstractContextManager[None]:
    """While the block runs, ``show`` every ``interval`` seconds what ``read`` gives and how long it has taken."""
    began = time.monotonic()

    def shown_with_time(text: str) -> None:
        if text:
            show(f"{text} ({time.monotonic() - began:.0f} s)")

    return repeated(read, shown_with_time, interval)


@contextmanager
def repeated(read: Callable[[], T], show: Callable[[T], None], interval: float) -> Iterator[None]:
    """While the block runs, ``show`` every ``interval`` seconds what ``read`` gives."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(interval):
            try:
                found = read()
            except Exception:  # noqa: BLE001, S112 - no reason to disturb the work that it tells of
                continue
            if not ended.is_set():
                show(found)

    watcher = threading.Thread(target=watch, daemon=True)
    with suppress(RuntimeError):  # no thread is to be had; the work goes on without being shown
        watcher.start()
    try:
        yield
    finally:
        ended.set()
        if watcher.ident:
            watcher.join(interval)
