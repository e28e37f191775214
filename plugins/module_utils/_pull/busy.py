# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an environment computes on a GPU right now.

nvidia-smi is not asked: it may hang, and it does not tell a user's work from the desktop's. A process that uses a
release and has a GPU open is at work.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import in_use
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

PROC = Path("/proc")
# nvidia0 is a GPU; nvidiactl and nvidia-uvm are open in whatever has loaded the driver's libraries.
_GPU = re.compile(r"/dev/nvidia\d+")


def busy(store: Store, env: str, proc: Path = PROC) -> list[int]:
    """Return the processes that use a release of ``env`` and have a GPU open, by number.

    Raises AirgapError when the look takes too long.
    """
    used = in_use([store.release(env, release) for release in store.releases(env)])
    return sorted(pid for pid in {pid for pids in used.values() for pid in pids} if _has_gpu(proc, pid))


def _has_gpu(proc: Path, pid: int) -> bool:
    return any(_GPU.fullmatch(target) for target in _open_files(proc / str(pid) / "fd"))


def _open_files(folder: Path) -> Iterable[str]:
    found: list[str] = []
    with suppress(OSError):  # it has just ended
        for name in os.listdir(folder):
            with suppress(OSError):
                found.append(os.readlink(folder / name))
    return found
