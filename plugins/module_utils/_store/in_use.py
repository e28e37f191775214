# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which releases do running processes use?"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

CAP_SYS_PTRACE = 19
# Seconds that a look at all processes may take: one may have its files on a server that does not answer.
DEADLINE = 30.0

# Device and inode.
Identity = tuple[int, int]


def unused(root: Path, prefixes: Iterable[Path], concerns: list[str]) -> list[Path]:
    """Return those prefixes that no process uses.

    Where that cannot be known of the processes of the host, there are none, and ``concerns`` gets the reason.
    """
    wanted = list(prefixes)
    if not wanted:
        return []
    try:
        used = in_use(wanted)
        found = unseen(root)
    except AirgapError as error:
        found = error.found
    if not found:
        return [prefix for prefix in wanted if prefix not in used]
    names = ", ".join(sorted(f"{prefix.parent.name} {prefix.name}" for prefix in wanted))
    concerns.append(f"No old release was removed ({names}), since a process may use it: {found}")
    return []


def in_use(prefixes: Iterable[Path]) -> dict[Path, list[int]]:
    """Return those prefixes that running processes use or know of, with their numbers; see ``unseen``.

    Raises AirgapError when the look takes too long.

    What a process has open, mapped or as a folder is compared by device and inode: it may see the store under another
    name, as a container does. Names are compared as well: they also tell of a file that was replaced since, they are
    all that an environment and arguments have, and of a file that releases share they tell which one is used.
    """
    results: list[dict[Path, list[int]]] = []
    look = Thread(target=lambda wanted: results.append(_in_use(wanted)), args=(list(prefixes),), daemon=True)
    with suppress(RuntimeError):  # there may be no more threads to have
        look.start()
        look.join(DEADLINE)
    if not results:
        raise AirgapError(
            "It cannot be found out which processes use a release",
            code="use-unknown",
            wanted="a look at all processes of the host",
            found=f"no end of it after {DEADLINE:.0f} s" if look.is_alive() else "it failed",
            where="/proc",
            remedy="look for a process whose files are on a server that does not answer, then run again",
        )
    return results[0]


def _in_use(prefixes: list[Path]) -> dict[Path, list[int]]:
    # /proc shows real paths, the environment of a process shows what its user wrote.
    names = {name: prefix for prefix in prefixes for name in (str(prefix), os.path.realpath(prefix))}
    owners: dict[Identity, set[Path]] = {}
    for prefix in dict.fromkeys(names.values()):
        for identity in _identities(prefix):
            owners.setdefault(identity, set()).add(prefix)
    roots = {os.path.dirname(os.path.dirname(name)) for name in names}
    used: dict[Path, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*") if names else []:
        paths, files = _seen(process)
        found = {p for name, p in names.items() if any(s == name or s.startswith(f"{name}/") for s in paths)}
        identities = {identity for identity, name in files if identity in owners and not _named(identity, name, roots)}
        for prefix in found.union(*(owners.get(identity, ()) for identity in identities)):
            used.setdefault(prefix, []).append(int(process.name))
    return used


def _named(identity: Identity, name: str, roots: Collection[str]) -> bool:
    """Tell whether releases share a file, so that its name in a process says which of them that uses.

    That name leads to the file on this host as well. One that does not is from elsewhere, and says nothing.
    """
    if not any(name.startswith(f"{root}/") for root in roots):
        return False
    with suppress(OSError):
        status = os.lstat(name)
        return stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and status.st_ino == identity[1]
    return False


def unseen(root: Path) -> str:
    """Say why ``in_use`` may miss processes that use the store ``root``; empty when it sees all that can.

    An ordinary user sees no more than the own ones. That is enough where nobody else may enter the store.
    """
    if os.geteuid() != 0:
        return "" if _is_private(root) else "an ordinary user cannot see what processes of others use"
    if _may_trace():
        return ""
    if _hidepid():
        return "/proc hides processes (hidepid), and this root may not trace"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            os.readlink(process / "cwd")
        except PermissionError:
            return f"process {process.name} cannot be looked into, since this root may not trace"
        except OSError:
            continue  # it has just ended
    return ""


def _identities(prefix: Path) -> Iterator[Identity]:
    """Give all that is in a tree. A directory's list has the inodes, so that files need not be looked at."""
    try:
        status, todo = prefix.stat(), [str(prefix)]
        devices = {status.st_dev, _device_of_mount(prefix)}
    except OSError:
        return  # it has just gone
    yield from ((device, status.st_ino) for device in devices)
    while todo:
        with suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                yield from ((device, entry.inode()) for device in devices)
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)


def _device_of_mount(path: Path) -> int:
    """Return the device as /proc/PID/maps has it: on btrfs and overlayfs another one than ``stat`` says."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        text = Path(f"/proc/self/fdinfo/{handle}").read_text(encoding="ascii")
        number = next(line.split()[1] for line in text.splitlines() if line.startswith("mnt_id:"))
        for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
            fields = line.split()  # 36 35 98:0 /mnt1 /mnt2 rw,noatime ...
            if fields[0] == number:
                major, minor = fields[2].split(":")
                return os.makedev(int(major), int(minor))
    finally:
        os.close(handle)
    return os.stat(path).st_dev


def _seen(process: Path) -> tuple[set[str], set[tuple[Identity, str]]]:
    """Return the paths of what a process has: program, folders, what is open, mapped or named.

    What is there comes with its identity as well.
    """
    paths: set[str] = set()
    identities: set[tuple[Identity, str]] = set()
    links = [process / name for name in ("exe", "cwd", "root")]
    with suppress(OSError):
        links += (process / "fd").iterdir()
    # What cannot be read belongs to a kernel thread, to a process that just ended, or to another user.
    for link in links:
        with suppress(OSError):
            path = os.readlink(link)
            if path.startswith("/"):  # and not a socket or a pipe
                paths.add(path)
                status = link.stat()
                identities.add(((status.st_dev, status.st_ino), path))
    with suppress(OSError):
        for line in (process / "maps").read_text(errors="replace").splitlines():
            fields = line.split(maxsplit=5)  # 7f0c-7f0d r-xp 00000000 fe:00 131 /usr/lib/libz.so.1
            if len(fields) == 6 and fields[4] != "0":
                major, minor = fields[3].split(":")
                identities.add(((os.makedev(int(major, 16), int(minor, 16)), int(fields[4])), fields[5]))
                paths.add(fields[5])
    for name in ("environ", "cmdline"):
        with suppress(OSError):
            paths.update(re.split("[\0:=]", (process / name).read_text(errors="replace")))
    return paths, identities


def _is_private(root: Path) -> bool:
    """Tell whether a folder on the way to the store keeps all others out."""
    real = Path(os.path.realpath(root))
    modes = [folder.stat().st_mode for folder in (real, *real.parents) if folder.is_dir()]
    return any(not mode & (stat.S_IXGRP | stat.S_IXOTH) for mode in modes)


def _hidepid() -> bool:
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
            place, _dash, options = line.partition(" - ")
            if place.split()[4] == "/proc" and re.search(r"[ ,]hidepid=(?!0|off)", options):
                return True
    return False


def _may_trace() -> bool:
    """Tell whether this process has the right that hidepid asks for: CAP_SYS_PTRACE."""
    with suppress(OSError):
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        found = re.search(r"^CapEff:\s*([0-9a-f]+)$", text, re.MULTILINE)
        return bool(found and int(found[1], 16) >> CAP_SYS_PTRACE & 1)
    return False
