# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which processes are still there, and what may they be kept from?"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._run import process


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


def can_shield() -> bool:
    """Tell whether this system lets a program see a folder read-only."""
    folder = str(Path(__file__).parent)
    return process.run(["/bin/true"], deadline=20, shielded=[folder]).ok
