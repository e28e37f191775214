# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run another program to its end or to a deadline, and keep all that it writes."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.airgap.conda.plugins.module_utils._run.kept import kept, stop


@dataclass(frozen=True)
class Done:
    """How it ended: ``returncode`` is None when the deadline passed, 127 when it could not be started."""

    returncode: int | None
    stdout: str
    stderr: str


def run(command: Sequence[str], variables: Mapping[str, str], deadline: float) -> Done:
    """Run ``command`` for at most ``deadline`` seconds; nothing it started outlives that, or this process."""
    # Files and not pipes: whoever holds a pipe open, a grandchild perhaps, would be waited for.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr, kept(command) as (words, lifeline):
        try:
            # pylint: disable-next=ansible-bad-function  # this library knows no module
            process = subprocess.Popen(
                words,
                pass_fds=(lifeline,),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=dict(variables),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return Done(127, "", f"{command[0]}: {error.strerror}")
        returncode: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            returncode = process.wait(deadline)
        stop(process)
        stdout.seek(0)
        stderr.seek(0)
        return Done(returncode, stdout.read().decode("utf-8", "replace"), stderr.read().decode("utf-8", "replace"))
