# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ctrl-C while an action is at work: what it has on a host is taken away before it ends.

Ansible ends its workers by a signal, and they die of it where they are. Here the signal becomes an exception, so that
every ``finally`` is done: ours, and Ansible's own that removes its temporary folder.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds for tidying up. Ansible itself waits 10 for its workers.
TIDY_LIMIT = 20
# The signal that ends this process.
_stopping: list[int] = []


class Stopped(BaseException):
    """The run was ended by a signal; nothing may take this for a failure of its task."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Let the first signal end the block by ``Stopped``; those after it, and after ``TIDY_LIMIT`` seconds nothing."""
    if _stopping or threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can have handlers
        return
    before: dict[signal.Signals, Any] = {}
    try:
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                before[number] = signal.signal(number, _stop)
        yield
    finally:
        if not _stopping:  # else what is finally done after this block is done in peace as well
            for number, handler in before.items():
                signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> None:
    _stopping.append(number)
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    # A host that does not answer any more keeps nobody.
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(TIDY_LIMIT)
    if os.getpgrp() == os.getpid():  # a worker that leads its own group: ssh and sftp are in it
        with suppress(OSError):
            os.killpg(os.getpid(), number)
    raise Stopped
