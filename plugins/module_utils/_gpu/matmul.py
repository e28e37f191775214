# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check: does the environment compute on the GPUs of this host?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import UNKNOWN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._gpu.seen import Seen
from ansible_collections.airgap.conda.plugins.module_utils._gpu.works import FRAMEWORKS, judge


def matmul(seen: Seen) -> Iterator[Finding]:
    """Yield a finding for each framework on each GPU, or one that there is nothing to compute with."""
    if seen.prefix is not None and seen.trials:
        yield from judge(seen.trials, seen.prefix)
    elif seen.prefix is not None and seen.gpus and seen.must_compute:
        yield _no_framework(seen.prefix)


def _no_framework(prefix: Path) -> Finding:
    return Finding(
        "matmul",
        "",
        UNKNOWN,
        "Nothing in the release shows whether the GPU computes",
        f"one of {', '.join(FRAMEWORKS)}, to compute with on the GPU",
        "neither of them in this environment",
        str(prefix),
        "test the GPU with a command under checks in release.yml, and set gpu to optional",
    )
