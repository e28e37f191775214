# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a function in a child whose system calls are watched (watch.py), killed at, or made to fail.

Calls are counted from the function's first one, of the child's own thread alone.
"""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import socket
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watch import KILL, PATIENCE, Asked, Decide, start, supervise

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

# What changes a file system or makes a change last. What a machine does not have is left out.
MAKES = (
    *("openat", "open", "creat", "mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "link", "linkat"),
    *("rename", "renameat", "renameat2", "write", "pwrite64", "writev", "pwritev", "copy_file_range", "sendfile"),
    *("fallocate", "truncate", "ftruncate", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown"),
    *("fchownat", "utimensat", "setxattr", "fsetxattr"),
)
LASTS = ("fsync", "fdatasync", "syncfs", "sync_file_range", "msync")
REMOVES = ("unlink", "unlinkat", "rmdir")
OPENS = ("open", "openat")
MUTATING = (*MAKES, *LASTS, *REMOVES)
# Of a call that opens: which argument says how, and what of it makes a change.
FLAGS = {"open": 1, "openat": 2}
CHANGES = os.O_CREAT | os.O_WRONLY | os.O_RDWR | os.O_TRUNC


@dataclass(frozen=True)
class Call:
    """The ``number``-th call of this name, counted from 1; ``text`` says with what it was made.

    What opens a file is counted by its ``path``: how many others are read, the processes on this machine among them,
    differs from run to run.
    """

    name: str
    number: int
    text: str
    path: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a child ended: done, refused (one AirgapError, its text), killed, or crashed (anything else)."""

    how: str
    text: str = ""


class _Count:
    """Counts calls as they are made."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str]] = Counter()

    def __call__(self, asked: Asked) -> Call:
        path = asked.paths[0] if asked.name in OPENS else ""
        self._seen[asked.name, path] += 1
        text = f"{asked.name}({', '.join(asked.paths)})"
        return Call(asked.name, self._seen[asked.name, path], text, path)


def trace(act: Callable[[], object], again: bool = False) -> tuple[Outcome, list[Call]]:
    """Run ``act`` undisturbed; returns how it ended and its calls that change something, in their order.

    Names that are random elsewhere are the same in each child, so that a call is found again by its path; ``again``
    gives others, for a run after one that was killed and left some.
    """
    count, calls = _Count(), list[Call]()

    def note(asked: Asked) -> None:
        call = count(asked)
        if asked.name not in FLAGS or asked.arguments[FLAGS[asked.name]] & CHANGES:
            calls.append(call)

    return watched(_named(act, again), note, MUTATING), calls


def _named(act: Callable[[], object], again: bool) -> Callable[[], None]:
    def run() -> None:
        numbers = itertools.count((1 << 32) * again)

        def token_hex(nbytes: int | None = None) -> str:
            return f"{next(numbers):0{2 * (nbytes or 32)}x}"

        secrets.token_hex = token_hex
        act()

    return run


def kill_at(act: Callable[[], object], call: Call, again: bool = False) -> Outcome:
    """Run ``act`` and kill it as it makes ``call``, which does not happen any more; ``again`` as in ``trace``."""
    return watched(_named(act, again), _at(call, KILL), (call.name,))


def fail_at(act: Callable[[], object], call: Call, error: str) -> Outcome:
    """Run ``act`` and let ``call`` fail once with ``error`` (ENOSPC)."""
    return watched(_named(act, again=False), _at(call, getattr(errno, error)), (call.name,))


def fail_from(act: Callable[[], None], calls: list[Call], call: Call, error: str) -> Outcome:
    """Run ``act`` and let ``call`` fail, and from then on every call that the same fault would hit.

    A full disk hits what needs room. A disk that is broken or read-only hits everything. Files can be opened all the
    same, since most are opened to read; what is written to them fails.
    """
    done = {c.name: c.number for c in calls[: calls.index(call)]}
    count, number = _Count(), getattr(errno, error)
    names = [name for name in ((*MAKES, *LASTS) if error == "ENOSPC" else MUTATING) if name not in OPENS]

    def decide(asked: Asked) -> int | None:
        return number if count(asked).number > done.get(asked.name, 0) else None

    return watched(_named(act, again=False), decide, names)


def _at(call: Call, what: int) -> Decide:
    count = _Count()

    def decide(asked: Asked) -> int | None:
        seen = count(asked)
        return what if (seen.path, seen.number) == (call.path, call.number) else None

    return decide


def watched(act: Callable[[], None], decide: Decide = lambda _asked: None, names: Sequence[str] = ()) -> Outcome:
    """Run ``act`` in a child whose calls of these ``names`` are decided on, and return how it ended."""
    child, ours, handle = start(lambda its: end_with(act, its), names)
    with ours:
        status = supervise(child, handle, decide, names)
        if status is None:
            return Outcome("hung", f"no end after {PATIENCE} s")
        if os.WIFSIGNALED(status):
            return Outcome("killed", f"signal {os.WTERMSIG(status)}")
        how, _space, text = ours.recv(65_536).decode("utf-8", "replace").partition(" ")
        return Outcome(how, text)


def end_with(act: Callable[[], None], sock: socket.socket) -> None:
    """Run ``act`` and tell how it ended by a call that is never made to fail (sendto), then end at once."""
    how, text = "done", ""
    try:
        act()
    except AirgapError as error:
        how, text = "refused", str(error)
    except BaseException:  # noqa: BLE001 - whatever it is, a user would see a traceback
        how, text = "crashed", traceback.format_exc()
    sock.send(f"{how} {text}".encode("utf-8", "replace")[:60_000])
    os._exit(0)
