# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of a host before anything is done there, whoever looked.

Two look: sh, on a host that may have no Python (``plugin_utils/_bootstrap``), and Python (``gather``). The rules judge
what both of them fill in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Owned:
    """A folder or link on the way to the store, or in it (``is_inside``): owner, group and mode as stat has them."""

    path: str
    uid: int
    gid: int
    mode: int
    is_inside: bool = False


@dataclass(frozen=True)
class HostFacts:
    """One look at a host. None is what this look does not tell: no verdict is given on that.

    ``name`` is what messages call the host, ``root`` the store's, ``folder`` the nearest folder to it that is there.
    All paths are the host's.
    """

    name: str
    root: str
    folder: str

    # Environment -> highest serial that ever became current here; one that is not in it had none.
    high_water: Mapping[str, int] | None = None
    # Formats of payload that the host can unpack, best first.
    formats: tuple[str, ...] | None = None
    # Format that it cannot unpack -> what it lacks for that; a format that the collection does not know is not in it.
    lacks: Mapping[str, str] = field(default_factory=dict)
    # Prefixes of releases that are to be installed, in whose place is something unknown.
    in_the_way: frozenset[str] | None = None

    # As ``uname -m`` and ``uname -r`` say it: x86_64, 5.4.0-150-generic.
    machine: str | None = None
    kernel: str | None = None
    # Version (2.31), empty where there is no glibc.
    glibc: str | None = None
    # Flags in /proc/cpuinfo, empty where it has none (not x86-64), and where /proc is.
    cpu_flags: frozenset[str] | None = None
    proc: str = "/proc"
    # Version of the loaded NVIDIA driver, empty without one; and whether there is an nvidia-smi to ask later.
    driver: str | None = None
    has_smi: bool | None = None
    # Seconds since 1970, UTC.
    time: float | None = None

    # Number of the user who deploys, and whether that user can make something in ``folder``.
    user: int | None = None
    writable: bool | None = None
    # Options of the mount that ``folder`` is on. Of those only ro and noexec are asked for.
    mount_options: frozenset[str] | None = None
    # Folders of the store that are mount points themselves.
    mounts_inside: tuple[str, ...] | None = None
    # The way to the store from the top, links as they are followed, then folders in the store.
    owned: tuple[Owned, ...] | None = None
    # What this user can still have on the file system of ``folder``; inodes are -1 where their number has no limit.
    free_bytes: int | None = None
    free_inodes: int | None = None
