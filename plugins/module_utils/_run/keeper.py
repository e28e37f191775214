# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program between a module and a program that it starts: nothing of that one outlives the module.

A module that is killed cannot end what it started. This one is told by the kernel: it holds the reading end of a pipe
whose writing end only the module has. All that the program starts is below it, also what left its session or its
parent (PR_SET_CHILD_SUBREAPER). It ends as the program does, with the same exit status or signal.

It is given to Python as text, so it imports nothing of this collection; nor what would take longer than its work: the
modules below ctypes and signal do the same without their classes, in half the time of a start.

A program can also be kept from writing into folders, whoever it runs as: it gets a view of the file systems of its own
(a mount namespace), in which these are read-only, or in which what it writes there lands in another folder.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import os
import select
import sys
import time

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
# The flags of a mount that a view of it has to keep, as statvfs has them, and as mount takes them.
MOUNT_FLAGS = ((2, 2), (4, 4), (8, 8), (1024, 1024), (2048, 2048), (4096, 1 << 21))
# What a program whose folders could not be shielded ends with, and writes, without having run.
UNSHIELDED = 125
NOT_SHIELDED = "its folders cannot be shielded: "
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# Seconds that a killed process gets to disappear before it is left behind.
GRACE = 2.0
# Seconds between two looks at what is left.
LOOK = 0.02
TOLD = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def call(function: str, *arguments: int | bytes | None) -> int:
    """Call a function of the C library; raises OSError where that fails, or cannot be."""
    try:
        import _ctypes

        result: int = _ctypes.call_function(_ctypes.dlsym(_ctypes.dlopen(None, 0), function), arguments)  # type: ignore[arg-type]
    except (ImportError, AttributeError) as error:
        raise OSError(f"{function}: {error}") from error
    if result < 0:
        raise OSError(function)
    return result


def prctl(option: int, value: int) -> None:
    """Ask the kernel for something; what it does not know is done without."""
    try:  # noqa: SIM105
        call("prctl", option, value, 0, 0, 0)
    except OSError:
        pass


def end_with_parent(parent: int) -> None:
    """Have this process killed when its parent, the process ``parent``, ends, however that comes about."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it has ended already


def own_mounts() -> bool:
    """Give this process mounts of its own; returns whether it took a user namespace, as an ordinary user needs.

    Not for root: in one it would have no right to files of others.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        call("unshare", CLONE_NEWNS)
        return False
    except OSError:
        if user == 0:
            raise
    call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as stream:
            stream.write(line)
    return True


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Call mount(2); raises OSError."""
    words = [os.fsencode(word) or None for word in (source, target, kind)]
    call("mount", *words, flags, os.fsencode(options) or None)


def shield(folders: list[str], catch: str) -> None:
    """Make the folders read-only for this process; with ``catch`` what it writes into the first lands there instead.

    ``catch`` is a folder with two empty ones in it, upper and work. Raises OSError where the system does not allow it.
    """
    as_user = own_mounts()
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    if catch:
        lower, upper, work = (
            path.replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")
            for path in (folders[0], f"{catch}/upper", f"{catch}/work")
        )
        options = f"lowerdir={lower},upperdir={upper},workdir={work}" + (",userxattr" if as_user else "")
        mount("overlay", folders[0], "overlay", 0, options)
        return
    for folder in folders:
        mount(folder, folder, "", MS_BIND)
        found = os.statvfs(folder).f_flag
        kept = sum(flag for bit, flag in MOUNT_FLAGS if found & bit)
        mount("none", folder, "", MS_REMOUNT | MS_BIND | MS_RDONLY | kept)
        if os.access(folder, os.W_OK):
            raise OSError("it can still be written")


def start(command: list[str], folders: list[str], catch: str) -> int:
    """Start the program; what keeps it from starting is written where its errors would be."""
    keeper = os.getpid()
    child = os.fork()
    if child:
        return child
    end_with_parent(keeper)
    if folders:
        try:
            shield(folders, catch)
        except OSError as error:
            os.write(2, f"{NOT_SHIELDED}{error}".encode())
            os._exit(UNSHIELDED)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a program would inherit that
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - a shell is what this is without
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}".encode())
    os._exit(127)


def below(root: int) -> list[int]:
    """Return the processes below ``root`` that are alive."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stream:
                    state, parent = stream.read().rpartition(b")")[2].split()[:2]
            except (OSError, ValueError):
                continue
            if state not in (b"Z", b"X"):
                parents[int(name)] = int(parent)
    found, todo = [], [root]
    while todo:
        todo = [process for process, parent in parents.items() if parent in todo]
        found += todo
    return found


def end(number: int) -> None:
    """Send a signal to all that is below this process until nothing is, for GRACE seconds at most."""
    last = time.monotonic() + GRACE
    sent: list[int] = []
    while time.monotonic() < last:
        alive = below(os.getpid()) if has_children() else []
        if not alive:
            return
        for process in alive:
            if number == signal.SIGKILL or process not in sent:
                try:  # noqa: SIM105
                    os.kill(process, number)
                except OSError:
                    pass
        sent = alive
        time.sleep(LOOK)
        reap(0)


def has_children() -> bool:
    """Return whether a process is below this one, without a look at each of the machine: an orphan is its child."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def reap(child: int) -> int | None:
    """Take leave of all processes that ended; returns how ``child`` did, if it was among them."""
    status = None
    while True:
        try:
            process, how = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if process == 0:
            return status
        if process == child:
            status = how


def main(handles: list[int], whole: bool, folders: list[str], catch: str, command: list[str]) -> None:
    """Run ``command`` until it ends or the module does; with ``whole`` nothing of it is left in the first case too.

    The first of ``handles`` is the pipe that the module has the other end of. The others are kept open: a program that
    says goodbye when the module is gone would be killed for writing where nobody reads. ``folders`` and ``catch`` as in
    ``shield``, no folders for none.
    """
    for handle in handles:
        os.set_inheritable(handle, False)
    lifeline = handles[0]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *TOLD):
        signal.signal(number, lambda _number, _frame: None)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    child = start(command, folders, catch)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)  # whoever waits for the end of what the program writes does not wait for this one
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    poll.register(reader, select.POLLIN)
    status, told = None, False
    while status is None and not told:
        ready = [handle for handle, _event in poll.poll()]
        seen = os.read(reader, 4096) if reader in ready else b""
        told = lifeline in ready or any(number in seen for number in TOLD)
        status = reap(child)
    if whole:
        end(signal.SIGKILL)
    elif told:
        end(signal.SIGTERM)  # a client of a container passes it on
        end(signal.SIGKILL)
    if status is None:
        os._exit(128 + signal.SIGKILL)
    if os.WIFSIGNALED(status):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if os.WTERMSIG(status) != signal.SIGKILL:
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    count = int(sys.argv[3])
    main(
        [int(handle) for handle in sys.argv[1].split(",")],
        sys.argv[2] == "whole",
        sys.argv[5 : 5 + count],
        sys.argv[4],
        sys.argv[5 + count :],
    )
