# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of a GPU: a line for each, in the order in which they are made and told.

A new check is a file next to this one, a line in ``CHECKS``, and a test. It takes a ``Seen``, yields a ``Finding`` for
all that it looked at, also what is well, and raises nothing: what it cannot find out is a finding too. What it starts
takes its seconds from ``seen.clock``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding
from ansible_collections.airgap.conda.plugins.module_utils._gpu.fit import architecture, cuda
from ansible_collections.airgap.conda.plugins.module_utils._gpu.health import health
from ansible_collections.airgap.conda.plugins.module_utils._gpu.matmul import matmul
from ansible_collections.airgap.conda.plugins.module_utils._gpu.seen import Seen

CHECKS: dict[str, Callable[[Seen], Iterable[Finding]]] = {
    "driver": lambda seen: seen.answer.findings,
    "health": health,
    "cuda": cuda,
    "architecture": architecture,
    "matmul": matmul,
}


def findings(seen: Seen) -> list[Finding]:
    """Make all checks."""
    return [finding for check in CHECKS.values() for finding in check(seen)]
