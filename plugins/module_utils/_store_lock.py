# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock of an environment on a host: one run at a time, and the next one is told which process holds it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from ansible_collections.airgap.conda.plugins.module_utils._disk import make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._in_use import lock_holder

# Seconds after which a lock is refused although nobody is seen to hold it: a process of another container does.
HOLDER_UNSEEN = 1.0


@contextmanager
def locked(path: Path, env: str) -> Iterator[None]:
    """Hold the lock of ``env`` in the file ``path``, or fail at once naming the process that holds it."""
    with ExitStack() as stack:
        with os_errors(f"Locking {env}", path):
            make_folder(path.parent)
            stream = stack.enter_context(open(path, "a", encoding="utf-8"))
        end = time.monotonic() + HOLDER_UNSEEN
        while not _lock_now(stream):
            holder = lock_holder(path)
            if holder or time.monotonic() > end:
                raise AirgapError(
                    f"Another run is at work on {env}",
                    wanted="one run at a time",
                    found=f"process {holder or '(unknown)'} holds the lock",
                    where=str(path),
                    remedy="wait for it to end, then run again",
                )
            time.sleep(0.01)  # it ended between the two looks
        with suppress(OSError):  # a full disk keeps nobody from a rollback
            os.ftruncate(stream.fileno(), 0)
            os.write(stream.fileno(), str(os.getpid()).encode())  # for whoever looks into the file
        yield


def _lock_now(stream: TextIO) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
