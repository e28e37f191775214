# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a program under a deadline: kill it, then abandon it, but never wait for it.

``subprocess.run(timeout=)`` kills and then waits, and a process in uninterruptible sleep never ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import Mapping, Optional, Sequence

# Seconds that a killed process gets to disappear before it is left behind.
GRACE = 3.0
# Bytes of output that are kept: the end, where programs say why they stop.
OUTPUT_LIMIT = 16 << 10


@dataclass(frozen=True)
class Outcome:
    """How a program ended: ``returncode`` is None when the deadline passed; ``output`` is its end, both streams."""

    returncode: Optional[int]
    output: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the program ended by itself with exit status 0."""
        return self.returncode == 0

    def explain(self) -> str:
        """Say in a few words how it ended, with the last lines of its own output."""
        if self.returncode is None:
            how = f"no end after {self.seconds:.0f} s"
        elif self.returncode < 0:
            how = f"killed by signal {-self.returncode}"
        else:
            how = f"exit status {self.returncode}"
        tail = "\n".join(self.output.strip().splitlines()[-12:])
        return f"{how}: {tail}" if tail else how


def run(command: Sequence[str], *, deadline: float, env: Optional[Mapping[str, str]] = None) -> Outcome:
    """Run ``command`` for at most ``deadline`` seconds (and ``GRACE`` more to die)."""
    start = time.monotonic()
    # A file, not a pipe: a program that floods its output or leaves children behind cannot block us.
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return Outcome(127, f"{command[0]}: {error.strerror}", 0.0)
        try:
            returncode: Optional[int] = process.wait(deadline)
        except subprocess.TimeoutExpired:
            returncode = None
            _kill(process)
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - OUTPUT_LIMIT))
        text = output.read(OUTPUT_LIMIT).decode("utf-8", "replace")
    return Outcome(returncode, text, time.monotonic() - start)


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.returncode = -signal.SIGKILL  # abandoned: keeps Popen from waiting for it at exit
