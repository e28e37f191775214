# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One refresh at a time: a file in the depot names the process that is at work; it counts while that process lives.

A task's own process ends with the task and cannot hold a lock for a whole run, so what is written down is the process
that runs the playbook. Nothing has to be released: when that process is gone, however it ended, its record is void.
"""

from __future__ import annotations

import json
import os
import pwd
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked

NAME = ".refresh"
PROC = Path("/proc")
# Seconds that one run waits until another has looked and written itself down.
WAIT = 60.0


@dataclass(frozen=True)
class Holder:
    """A process, so that no other is ever taken for it.

    ``boot`` is the kernel's id of the boot, ``started`` the process's start in clock ticks since then; ``since`` (UTC)
    and ``user`` are for people.
    """

    pid: int
    started: int
    boot: str
    since: str
    user: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user}, at work since {self.since}"


def holder(pid: int, proc: Path = PROC) -> Holder:
    """Describe the living process ``pid`` as the holder of a lock from now on."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"user {os.getuid()}"
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return Holder(pid, _started(pid, proc), _boot(proc), since, user)


def take(folder: Path, me: Holder, check_mode: bool = False, proc: Path = PROC) -> None:
    """Write ``me`` down in ``folder``; in check mode only look.

    Raises AirgapError while another process that is written down there lives.
    """
    # Nobody else may look and write at the same moment; who only looks sees the file before or after one rename.
    alone = nullcontext() if check_mode else locked(folder, "refresh", f"the depot {folder}", WAIT)
    with os_errors("Taking the lock of the refresh", folder), alone:
        other = _recorded(folder / NAME)
        mine = other and (other.pid, other.started, other.boot) == (me.pid, me.started, me.boot)
        if other and not mine and other.boot == me.boot and _started(other.pid, proc) == other.started:
            raise AirgapError(
                "Another refresh is at work",
                code="locked",
                wanted="one refresh of this depot at a time",
                found=str(other),
                where=str(folder / NAME),
                remedy="wait until it has ended, then run this again; if it hangs, end that process",
            )
        if not check_mode:
            replace_file(folder / NAME, json.dumps(asdict(me)).encode() + b"\n")


def _recorded(path: Path) -> Holder | None:
    """Return who is written down; what cannot be understood was not written by a refresh, and holds nothing."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8", errors="replace")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _started(pid: int, proc: Path) -> int:
    """Return when a process started, in clock ticks since the boot; -1 when there is none."""
    try:
        # The name, in parentheses, may hold anything; field 22 is the 20th after it.
        return int((proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return -1


def _boot(proc: Path) -> str:
    return (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
