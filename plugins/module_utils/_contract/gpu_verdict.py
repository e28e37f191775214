# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdicts on a GPU, how many become one, and which of them a release can live with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean

OK, DEGRADED, ABSENT, UNKNOWN, BROKEN = "ok", "degraded", "absent", "unknown", "broken"
# From the best to the worst; where several meet, the worst counts.
ORDER = (OK, DEGRADED, ABSENT, UNKNOWN, BROKEN)
USABLE = (OK, DEGRADED)
# What release.yml says of the GPU -> verdicts that pass. Optional: without a GPU the release runs on the CPU, and what
# could not be found out does not hold a release back; a GPU on which it is shown to fail does, since its users would
# run into it.
PASSES = {"required": USABLE, "optional": (*USABLE, ABSENT, UNKNOWN), "none": ORDER}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``gpu`` is the index of the GPU it concerns; None is the whole host."""

    check: str
    verdict: str
    wanted: str
    found: str
    where: str
    remedy: str = ""
    gpu: int | None = None

    def as_result(self) -> dict[str, Any]:
        """Return it for JSON, its texts on one line and of bounded length."""
        return {name: clean(value) if isinstance(value, str) else value for name, value in asdict(self).items()}


def worst(verdicts: Iterable[str]) -> str:
    """Return the worst verdict; ok when there is none."""
    return max(verdicts, key=ORDER.index, default=OK)


def verdict_of_gpu(findings: Iterable[Finding], gpu: int) -> str:
    """Return the verdict on one GPU."""
    return worst(finding.verdict for finding in findings if finding.gpu == gpu)


def overall(findings: Sequence[Finding]) -> str:
    """Return the one verdict on a host.

    A release runs when one GPU can run it: a host with a usable GPU beside an unusable one (an old card for the
    display, say) is degraded, not broken.
    """
    gpus = [verdict_of_gpu(findings, gpu) for gpu in {f.gpu for f in findings if f.gpu is not None}]
    devices = worst(gpus)
    if devices not in USABLE and any(verdict in USABLE for verdict in gpus):
        devices = DEGRADED
    return worst([devices, *(finding.verdict for finding in findings if finding.gpu is None)])


def culprit(findings: Sequence[Finding]) -> Finding:
    """Return the first finding that made the overall verdict; there must be a finding."""
    verdict = overall(findings)
    return max(findings, key=lambda finding: (finding.verdict == verdict, ORDER.index(finding.verdict)))
