# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Showing how far long work is, while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Seconds between two lines; what takes less than this says nothing.
INTERVAL = 5.0


@contextmanager
def shown(read: Callable[[], str], show: Callable[[str], None], interval: float = INTERVAL) -> Iterator[None]:
    """While the block runs, ``show`` every ``interval`` seconds what ``read`` gives and how long it has taken."""
    ended = threading.Event()
    began = time.monotonic()

    def watch() -> None:
        while not ended.wait(interval):
            try:
                text = read()
            except Exception:  # noqa: BLE001, S112 - no reason to disturb the work that it tells of
                continue
            if text and not ended.is_set():
                show(f"{text} ({time.monotonic() - began:.0f} s)")

    watcher = threading.Thread(target=watch, daemon=True)
    with suppress(RuntimeError):  # no thread is to be had; the work goes on without being shown
        watcher.start()
    try:
        yield
    finally:
        ended.set()
        if watcher.ident:
            watcher.join(interval)
