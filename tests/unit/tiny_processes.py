# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which processes are still there, and what may they be kept from?"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest


def alive(number: int) -> bool:
    """Tell whether a process runs. One that has ended stays in the table where nobody asks for its status."""
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text(encoding="ascii")
    return False


def left(numbers: list[int], seconds: float = 60) -> list[int]:
    """Return which processes are still there after so many seconds; back as soon as there is none."""
    end = time.monotonic() + seconds
    while any(map(alive, numbers)) and time.monotonic() < end:
        time.sleep(0.01)
    return [number for number in numbers if alive(number)]


@cache
def can_shield() -> bool:
    """Tell whether this system lets a program see a folder read-only; it is asked, and not what is tested."""
    folder, user = str(Path(__file__).parent), [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
    command = ["unshare", *user, "--mount", "sh", "-c", script, folder]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(os.geteuid() != 0 or not can_shield(), reason="no mounts of one's own here")
