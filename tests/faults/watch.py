# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have the kernel ask this process before a child makes certain system calls; all others cost the child nothing.

The child loads a filter (seccomp) that hands these calls over, with the library that containers use for theirs. This
process then lets each happen, lets it fail, or kills the child. What the child starts has the filter too, and is let
do everything. Run as a program, this tries whether that works here.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000
NO_NEW_PRIVILEGES = 3
CONTINUE = 1
# Seconds after which a child that neither ends nor dies counts as hung.
PATIENCE = 60
STRING_LIMIT = 4096
# Which arguments are paths, where they are; the first argument of any other call is a descriptor.
PATHS = {
    **dict.fromkeys(("open", "creat", "mkdir", "mknod", "truncate", "chmod", "chown", "lchown", "setxattr"), (0,)),
    **dict.fromkeys(("unlink", "rmdir"), (0,)),
    **dict.fromkeys(("openat", "mkdirat", "mknodat", "fchmodat", "fchmodat2", "fchownat", "utimensat"), (1,)),
    **dict.fromkeys(("unlinkat",), (1,)),
    **dict.fromkeys(("symlink", "link", "rename"), (0, 1)),
    **dict.fromkeys(("linkat", "renameat", "renameat2"), (1, 3)),
    "symlinkat": (0, 2),
}


class _Asked(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint64), ("pid", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("number", ctypes.c_int),
        ("arch", ctypes.c_uint32), ("pointer", ctypes.c_uint64), ("arguments", ctypes.c_uint64 * 6),
        ("room", ctypes.c_char * 128),  # of later kernels
    )  # fmt: skip


class _Answer(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint64), ("value", ctypes.c_int64), ("error", ctypes.c_int32), ("flags", ctypes.c_uint32),
        ("room", ctypes.c_char * 64),
    )  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A call that the child is about to make."""

    name: str
    arguments: Sequence[int]
    paths: tuple[str, ...]


# What is decided on a call: None lets it happen, a number is the error it fails with, and KILL ends the child.
KILL = -1
Decide = Callable[[Asked], int | None]


@cache
def _library() -> Any:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_api_get()  # it finds out, in each process that uses it, what the kernel can do
    return library


@cache
def _number(name: str) -> int:
    """Return the number of a call; a negative one where this machine has no such call."""
    return int(_library().seccomp_syscall_resolve_name(name.encode()))


def _hand_over(names: Sequence[str]) -> int:
    """Hand these calls of this process over; returns the descriptor where the other one is asked."""
    library = _library()
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ALLOW)))
    if os.geteuid() == 0:
        library.seccomp_attr_set(context, NO_NEW_PRIVILEGES, ctypes.c_uint32(0))
    for name in names:
        if _number(name) >= 0:
            library.seccomp_rule_add(context, ctypes.c_uint32(NOTIFY), _number(name), 0)
    status = library.seccomp_load(context)
    if status < 0:
        raise OSError(-status, "seccomp_load")
    return int(library.seccomp_notify_fd(context))


def start(act: Callable[[socket.socket], None], names: Sequence[str]) -> tuple[int, socket.socket, int]:
    """Start a child that hands these calls over and then does ``act`` with its end of a socket.

    Returns the child, the other end, and the descriptor where this process is asked; -1 where there are no ``names``.
    """
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    if names:
        for name in names:  # once for all children
            _number(name)
    child = os.fork()
    if child == 0:
        ours.close()
        try:
            if names:
                handle = _hand_over(names)
                socket.send_fds(its, [b"."], [handle])
                os.close(handle)
        except OSError as error:
            its.send(str(error).encode())
            os._exit(1)
        act(its)
        os._exit(0)
    its.close()
    if not names:
        return child, ours, -1
    text, handles, _flags, _address = socket.recv_fds(ours, 200, 1)
    if not handles:
        os.waitpid(child, 0)
        ours.close()
        raise OSError(f"its calls cannot be watched: {text.decode()}")
    return child, ours, handles[0]


def supervise(child: int, handle: int, decide: Decide, names: Sequence[str]) -> int | None:
    """Answer until the child has ended, with all that it started; returns how it did, None after PATIENCE."""
    numbers = {_number(name): name for name in names}
    status, end, memory = None, time.monotonic() + PATIENCE, -1
    with ExitStack() as stack:
        ended = os.pidfd_open(child)
        stack.callback(os.close, ended)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        left = {ended}
        if handle >= 0:
            stack.callback(os.close, handle)
            poll.register(handle, select.POLLIN)
            left.add(handle)
            with suppress(ProcessLookupError):  # it may have ended, without a call that is handed over
                memory = os.open(f"/proc/{child}/mem", os.O_RDONLY)
                stack.callback(os.close, memory)
        while left:
            ready = poll.poll(max(0.0, end - time.monotonic()) * 1000)
            if not ready:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                if status is None:
                    os.waitpid(child, 0)
                return None
            for one, event in ready:
                if one == handle and event & select.POLLIN:
                    _answer(child, handle, memory, numbers, decide)
                elif one == ended:
                    status = os.waitpid(child, 0)[1]
                    poll.unregister(one)
                    left.discard(one)
                elif event & select.POLLHUP:  # nobody is left who could ask
                    poll.unregister(one)
                    left.discard(one)
    return status


def _answer(child: int, handle: int, memory: int, numbers: dict[int, str], decide: Decide) -> None:
    asked = _Asked()
    if _library().seccomp_notify_receive(handle, ctypes.byref(asked)) != 0:
        return  # who asked has ended
    answer = _Answer(id=asked.id, flags=CONTINUE)
    if asked.pid == child:
        name, arguments = numbers[asked.number], list(asked.arguments)
        found = decide(Asked(name, arguments, _paths(child, memory, name, arguments)))
        if found == KILL:
            os.kill(child, signal.SIGKILL)
            return
        if found is not None:
            answer.flags, answer.error = 0, -found
    _library().seccomp_notify_respond(handle, ctypes.byref(answer))


def _paths(child: int, memory: int, name: str, arguments: Sequence[int]) -> tuple[str, ...]:
    try:
        if name not in PATHS:
            return (os.readlink(f"/proc/{child}/fd/{arguments[0]}"),)
        return tuple(
            os.fsdecode(os.pread(memory, STRING_LIMIT, arguments[place]).partition(b"\0")[0]) for place in PATHS[name]
        )
    except OSError:
        return ("",)


def _try() -> str:
    """Return what is wrong with watching calls here."""
    seen: list[str] = []

    def note(asked: Asked) -> None:
        seen.extend(asked.paths)

    def act(_its: socket.socket) -> None:
        with suppress(OSError):
            os.rmdir("/there is none")

    try:
        child, ours, handle = start(act, ("rmdir",))
        ours.close()
        supervise(child, handle, note, ("rmdir",))
    except (OSError, AttributeError) as error:
        return str(error)
    return "" if seen == ["/there is none"] else f"wanted a call of rmdir, found {seen}"


if __name__ == "__main__":
    sys.exit(_try() or 0)
