# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a program under a deadline: kill it, then abandon it, but never wait for it; it ends when this process does.

``subprocess.run(timeout=)`` kills and then waits, and a process in uninterruptible sleep never ends. What the program
started is not ended at all. So a keeper is between this process and the program.
"""

from __future__ import annotations

import inspect
import marshal
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._run import keeper

# What a check sees of the outside: not the caller's Python settings, and no byte code written into the release. All
# else comes from the activation, as it does for users: also whether Python takes packages from their homes.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}

# Bytes of output that are kept: the end, where programs say why they stop.
OUTPUT_LIMIT = 16 << 10
# Bytes that are kept of a program whose whole answer is read: the solution of a large environment has some 5 MB.
ANSWER_LIMIT = 256 << 20
# What a pipe holds on Linux, in bytes.
PIPE_SIZE = 64 << 10
# Seconds between two looks at whether the program ended while its output is still open.
LOOK = 0.05
# Seconds that a keeper gets for its work before it is killed too.
GRACE = keeper.GRACE + 1.0


@dataclass(frozen=True)
class Outcome:
    """How a program ended: ``returncode`` is None when the deadline passed, 127 when it could not be started.

    ``output`` is the end of what it wrote, both streams as they came; ``error`` is the second one if it was kept apart.
    """

    returncode: int | None
    output: str
    seconds: float
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the program ended by itself with exit status 0."""
        return self.returncode == 0

    @property
    def how(self) -> str:
        """How it ended, in a few words."""
        if self.returncode is None:
            return f"no end after {self.seconds:.0f} s"
        if self.returncode < 0:
            return f"killed by signal {-self.returncode}"
        return f"exit status {self.returncode}"

    def explain(self) -> str:
        """Describe briefly how it ended, with the last lines of its output."""
        tail = "\n".join((self.error or self.output).strip().splitlines()[-12:])
        return f"{self.how}: {tail}" if tail else self.how


def run(
    command: Sequence[str],
    *,
    deadline: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | str = "/",
    data: bytes = b"",
    apart: bool = False,
    limit: int = OUTPUT_LIMIT,
    whole: bool = True,
    handles: Sequence[int] = (),
    shielded: Sequence[str] = (),
    catch: str = "",
) -> Outcome:
    """Run ``command`` for at most ``deadline`` seconds, and a few more to die; nothing it started is left.

    Nor when this process ends before, in whatever way. Without ``whole``, what it left behind when it ended by itself
    stays: a container's monitor is left by its client on purpose. ``data`` is its input. Of its output the last
    ``limit`` bytes are kept, of each stream if they are to be kept ``apart``. ``handles`` are descriptors that it gets
    as well. ``shielded`` and ``catch`` as in ``keeper.shield``.
    """
    start = time.monotonic()
    with ExitStack() as stack:
        lifeline, ours = os.pipe()
        tails, writers = [], []
        for _stream in range(2 if apart else 1):
            reader, writer = os.pipe()
            tails.append(_Tail(stack.enter_context(open(reader, "rb", buffering=0)).fileno(), limit))
            writers.append(writer)
        kept = (lifeline, *([] if whole else [tail.handle for tail in tails]))
        words = [sys.executable, "-IBSc", _keeper()]
        words += [",".join(map(str, kept)), "whole" if whole else "told"]
        words += [str(len(shielded)), catch, *shielded, *command]
        try:
            # pylint: disable-next=ansible-bad-function  # run_command has no deadline
            process = subprocess.Popen(
                words,
                pass_fds=(*kept, *handles),
                stdin=stack.enter_context(os.fdopen(in_memory(data), "rb")) if data else subprocess.DEVNULL,
                stdout=writers[0],
                stderr=writers[-1],
                env=dict(env) if env is not None else None,
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            os.close(ours)
            return Outcome(127, f"{command[0]}: {error.strerror}", 0.0)
        finally:
            for handle in (lifeline, *writers):
                os.close(handle)
        try:
            returncode = _wait(process, tails, start + deadline)
            _stop(process, whole or returncode is None)
        finally:
            os.close(ours)
        for tail in tails:
            tail.take()
    return Outcome(returncode, tails[0].text(), time.monotonic() - start, tails[1].text() if apart else "")


@lru_cache(maxsize=1)
def _keeper() -> str:
    """Return the keeper as text for Python, compiled: each start of it would take a tenth longer."""
    code = compile(inspect.getsource(keeper), "keeper", "exec", optimize=2)
    return f"import marshal; exec(marshal.loads(bytes.fromhex('{marshal.dumps(code).hex()}')))"


def in_memory(data: bytes) -> int:
    """Return a descriptor from which a program reads ``data``, which is on no disk."""
    handle = os.memfd_create("airgap-conda")
    with open(handle, "wb", closefd=False) as stream:
        stream.write(data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


class _Tail:
    """The end of what comes out of a pipe."""

    def __init__(self, handle: int, limit: int) -> None:
        self.handle, self.ended, self._kept, self._limit = handle, False, bytearray(), limit
        os.set_blocking(handle, False)

    def take(self) -> None:
        """Keep the end of what is there; one pipe full at most."""
        with suppress(BlockingIOError):
            block = os.read(self.handle, PIPE_SIZE)
            self.ended = not block
            self._kept += block
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def text(self) -> str:
        return self._kept[-self._limit :].decode("utf-8", "replace")


def _wait(process: subprocess.Popen[bytes], tails: Sequence[_Tail], end: float) -> int | None:
    """Read until the program ends, whose children may hold a pipe for longer; None when ``end`` comes first."""
    poll = select.poll()
    by_handle = {tail.handle: tail for tail in tails}
    for handle in by_handle:
        poll.register(handle, select.POLLIN)
    while by_handle and process.poll() is None:
        left = end - time.monotonic()
        if left <= 0:
            return None
        for handle, _event in poll.poll(min(left, LOOK) * 1000):
            by_handle[handle].take()
            if by_handle[handle].ended:
                poll.unregister(handle)
                del by_handle[handle]
    try:
        return process.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None


def _stop(process: subprocess.Popen[bytes], whole: bool) -> None:
    """End a keeper with all that it started, and never wait for what cannot be ended; not ``whole``: it has ended."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    if process.poll() is None:  # a keeper that was stopped: what it started is still below it, in whatever session
        for below in keeper.below(process.pid):
            with suppress(OSError):
                os.kill(below, signal.SIGKILL)
    if whole:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # a keeper that was stopped; what a killed one left
    try:
        process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.returncode = -signal.SIGKILL  # abandoned: keeps Popen from waiting for it at exit
