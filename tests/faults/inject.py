# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a function in a child whose system calls strace watches, kills at, or lets fail.

The child stops itself first; strace attaches; then it goes on. So calls are counted from the function's first one, and
no start of an interpreter has to be traced or waited for.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import signal
import socket
import subprocess
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

# What changes a file system or makes a change last. A name that a machine's strace does not know is left out (?).
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
CALL = re.compile(r"(?P<name>[a-z0-9_]+)\((?P<args>.*)")
# Seconds after which a child that neither ends nor dies counts as hung.
PATIENCE = 60


@dataclass(frozen=True)
class Call:
    """The ``number``-th call of this name, counted from 1, as strace wrote it.

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


def trace(act: Callable[[], object], log: Path, again: bool = False) -> tuple[Outcome, list[Call]]:
    """Run ``act`` undisturbed; returns how it ended and its calls that change something, in their order.

    Names that are random elsewhere are the same in each child, so that a call is found again by its path; ``again``
    gives others, for a run after one that was killed and left some.
    """
    names = ",".join(f"?{name}" for name in MUTATING)
    outcome = watched(_named(act, again), ["-e", f"trace={names}", "-s", "8", "-o", str(log)])
    seen: Counter[tuple[str, str]] = Counter()
    calls = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        match = CALL.match(line)
        if not match:
            continue
        name, path = match["name"], ""
        if name in OPENS:
            path = re.sub(r'^[^"]*"([^"]*)".*', r"\1", match["args"]).replace("\\\\", "\\")
        seen[name, path] += 1
        if name not in OPENS or re.search(r"O_(CREAT|WRONLY|RDWR|TRUNC)", match["args"]):
            calls.append(Call(name, seen[name, path], line, path))
    return outcome, calls


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
    return watched(_named(act, again), _inject(call, f"signal=SIGKILL:when={call.number}"))


def fail_at(act: Callable[[], object], call: Call, error: str) -> Outcome:
    """Run ``act`` and let ``call`` fail once with ``error`` (ENOSPC)."""
    return watched(_named(act, again=False), _inject(call, f"error={error}:when={call.number}"))


def fail_from(act: Callable[[], None], calls: list[Call], call: Call, error: str) -> Outcome:
    """Run ``act`` and let ``call`` fail, and from then on every call that the same fault would hit.

    A full disk hits what needs room. A disk that is broken or read-only hits everything. Files can be opened all the
    same, since most are opened to read; what is written to them fails.
    """
    done = {c.name: c.number for c in calls[: calls.index(call)]}
    options: list[str] = []
    for name in (*MAKES, *LASTS) if error == "ENOSPC" else MUTATING:
        if name not in OPENS:
            options += _inject(Call(name, 0, ""), f"error={error}:when={done.get(name, 0) + 1}+")
    return watched(_named(act, again=False), options)


def _inject(call: Call, what: str) -> list[str]:
    only = ["-P", call.path] if call.path else []
    return [*only, "-e", f"trace=?{call.name}", "-e", f"inject=?{call.name}:{what}"]


def watched(act: Callable[[], None], options: list[str]) -> Outcome:
    """Run ``act`` in a child under strace with ``options`` and return how it ended."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    child = os.fork()
    if child == 0:
        ours.close()
        os.kill(os.getpid(), signal.SIGSTOP)
        end_with(act, its)
    its.close()
    with ours:
        os.waitpid(child, os.WUNTRACED)
        command = ["strace", "-qqq", "-p", str(child), *options]
        if "-o" not in options:
            command += ["-o", os.devnull]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as strace:
            _wait_for_tracer(child, strace)
            os.kill(child, signal.SIGCONT)
            how, text = _wait(child, ours)
            assert strace.stderr is not None
            said = strace.stderr.read()
            if said.strip():
                raise RuntimeError(f"{' '.join(command)}: {said}")
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


def _wait_for_tracer(child: int, strace: subprocess.Popen[str]) -> None:
    status = Path(f"/proc/{child}/status")
    end = time.monotonic() + PATIENCE
    while "TracerPid:\t0\n" in status.read_text(encoding="ascii", errors="replace"):
        if strace.poll() is not None or time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise RuntimeError(f"strace cannot attach: {strace.stderr.read() if strace.stderr else ''}")
        time.sleep(0.0005)


def _wait(child: int, sock: socket.socket) -> tuple[str, str]:
    """Wait for the end of the child; one that does not end in time is killed and counts as hung."""
    end = time.monotonic() + PATIENCE
    sock.settimeout(0)
    pause = 0.0005
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hung", f"no end after {PATIENCE} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.01)
    if os.WIFSIGNALED(status):
        return "killed", f"signal {os.WTERMSIG(status)}"
    how, _space, text = sock.recv(65_536).decode("utf-8", "replace").partition(" ")
    return how, text
