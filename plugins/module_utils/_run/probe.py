# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a program under a deadline: kill it, then abandon it, but never wait for it.

``subprocess.run(timeout=)`` kills and then waits, and a process in uninterruptible sleep never ends.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.airgap.conda.plugins.module_utils._run.kept import kept, stop

# What a check sees of the outside: not the caller's Python settings, and no byte code written into the release. All
# else comes from the activation, as it does for users: also whether Python takes packages from their homes.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}

# Bytes of output that are kept: the end, where programs say why they stop.
OUTPUT_LIMIT = 16 << 10
# What a pipe holds on Linux, in bytes.
PIPE_SIZE = 64 << 10
# Seconds between two looks at whether the program ended while its output is still open.
LOOK = 0.05


@dataclass(frozen=True)
class Outcome:
    """How a program ended: ``returncode`` is None when the deadline passed; ``output`` is its end, both streams."""

    returncode: int | None
    output: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the program ended by itself with exit status 0."""
        return self.returncode == 0

    def explain(self) -> str:
        """Describe briefly how it ended, with the last lines of its output."""
        if self.returncode is None:
            how = f"no end after {self.seconds:.0f} s"
        elif self.returncode < 0:
            how = f"killed by signal {-self.returncode}"
        else:
            how = f"exit status {self.returncode}"
        tail = "\n".join(self.output.strip().splitlines()[-12:])
        return f"{how}: {tail}" if tail else how


def run(
    command: Sequence[str],
    *,
    deadline: float,
    env: Mapping[str, str] | None = None,
    shielded: Sequence[str] = (),
    catch: str = "",
) -> Outcome:
    """Run ``command`` for at most ``deadline`` seconds, and a few more to die; nothing it started is left.

    Nor when this process ends before, in whatever way. ``shielded`` and ``catch`` as in ``_keeper.shield``.
    """
    start = time.monotonic()
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0), kept(command, shielded=shielded, catch=catch) as (words, lifeline):
        try:
            # pylint: disable-next=ansible-bad-function  # run_command has no deadline
            process = subprocess.Popen(
                words,
                pass_fds=(lifeline,),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                env=dict(env) if env is not None else None,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return Outcome(127, f"{command[0]}: {error.strerror}", 0.0)
        finally:
            os.close(writer)
        tail = _Tail(reader)
        returncode = _wait(process, tail, start + deadline)
        stop(process)
        tail.take()
    return Outcome(returncode, tail.text(), time.monotonic() - start)


class _Tail:
    """The end of what comes out of a pipe; never waits for longer than it is told to."""

    def __init__(self, handle: int) -> None:
        self._handle, self._kept, self.ended = handle, b"", False
        self._poll = select.poll()
        self._poll.register(handle, select.POLLIN)

    def take(self, seconds: float = 0.0) -> None:
        """Wait up to ``seconds`` for output and keep the end of what is there; one pipe full at most."""
        if not self.ended and self._poll.poll(seconds * 1000):
            block = os.read(self._handle, PIPE_SIZE)
            self.ended = not block
            self._kept = (self._kept + block)[-OUTPUT_LIMIT:]

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")


def _wait(process: subprocess.Popen[bytes], tail: _Tail, end: float) -> int | None:
    """Read until the program ends, whose children may hold the pipe for longer; None when ``end`` comes first."""
    while not tail.ended and process.poll() is None:
        left = end - time.monotonic()
        if left <= 0:
            return None
        tail.take(min(left, LOOK))
    try:
        return process.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None
