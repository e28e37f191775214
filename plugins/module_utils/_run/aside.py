# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run Python code in parallel, in a second process, because threads would share one interpreter lock."""

from __future__ import annotations

import errno
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ansible_collections.airgap.conda.plugins.module_utils._run.keeper import end_with_parent

T = TypeVar("T")


@contextmanager
def aside(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Run ``work`` in a process of its own while the block runs. Calling the block's value waits for the result.

    What ``work`` raises is raised by that call. When the block or this process ends before, it is stopped.
    """
    context = multiprocessing.get_context("fork")  # so that work need not be something that can be sent
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(work, sender, os.getpid()), daemon=True)
    process.start()
    sender.close()

    def result() -> T:
        try:
            value, error = receiver.recv()
        except EOFError:
            raise OSError(errno.ECHILD, "a process ended early, perhaps because of too little memory") from None
        if error:
            raise error
        return value

    try:
        yield result
    finally:
        process.terminate()
        process.join()
        receiver.close()


def _answer(work: Callable[[], Any], sender: Any, parent: int) -> None:
    end_with_parent(parent)
    answer: tuple[Any, Exception | None]
    try:
        answer = (work(), None)
    except Exception as error:  # noqa: BLE001 - raised again by the process that waits
        answer = (None, error)
    sender.send(answer)
