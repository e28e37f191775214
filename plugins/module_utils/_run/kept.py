# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start other programs so that they end with this one, even when it is killed."""

from __future__ import annotations

import contextlib
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._run import keeper

# Seconds that a keeper gets for its work before it is killed too.
GRACE = keeper.GRACE + 1.0


@contextlib.contextmanager
def kept(
    command: Sequence[str], whole: bool = True, shielded: Sequence[str] = (), catch: str = ""
) -> Iterator[tuple[list[str], int]]:
    """Give the words to start instead of ``command``, and a descriptor to pass on (``pass_fds``).

    All that the program started ends when this process does, or the block. With ``whole`` also when the program ends;
    without, what it leaves behind stays: a container's monitor is left by its client on purpose. It cannot write into
    the folders ``shielded``, see ``_keeper.shield``.
    """
    reader, writer = os.pipe()
    words = [sys.executable, "-IBSc", inspect.getsource(keeper), str(reader), "whole" if whole else "told"]
    words += [str(len(shielded)), catch, *shielded, *command]
    try:
        yield words, reader
    finally:
        os.close(writer)
        os.close(reader)


def run_kept(command: Sequence[str], pass_fds: Sequence[int] = (), **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run a program without a deadline, as ``subprocess.run`` does with ``options``; it ends when this process does."""
    with kept(command, whole=False) as (words, lifeline):
        # pylint: disable-next=ansible-bad-function  # this library knows no module
        return subprocess.run(words, pass_fds=(lifeline, *pass_fds), start_new_session=True, check=False, **options)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End what ``kept`` gave, with all that it started, and never wait for what cannot be ended."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    if process.poll() is None:  # a keeper that was stopped: what it started is still below it, in whatever session
        for below in keeper.below(process.pid):
            with contextlib.suppress(OSError):
                os.kill(below, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)  # a keeper that was stopped; what a killed one left
    try:
        process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.returncode = -signal.SIGKILL  # abandoned: keeps Popen from waiting for it at exit
