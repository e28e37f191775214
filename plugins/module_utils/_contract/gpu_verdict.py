# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdicts on a GPU, how many become one, and which of them a release can live with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import (
    ABSENT,
    DEGRADED,
    OK,
    ORDER,
    UNKNOWN,
    Finding,
    worst,
)

USABLE = (OK, DEGRADED)
# What release.yml says of the GPU -> verdicts that pass. Optional: without a GPU the release runs on the CPU, and what
# could not be found out does not hold a release back; a GPU on which it is shown to fail does, since its users would
# run into it.
PASSES = {"required": USABLE, "optional": (*USABLE, ABSENT, UNKNOWN), "none": ORDER}


def subject_of(gpu: int) -> str:
    """Return what a finding on one GPU has as its subject; that on the whole host has none."""
    return f"GPU {gpu}"


def verdict_of_gpu(findings: Iterable[Finding], gpu: int) -> str:
    """Return the verdict on one GPU."""
    return worst(finding.verdict for finding in findings if finding.subject == subject_of(gpu))


def overall(findings: Sequence[Finding]) -> str:
    """Return the one verdict on a host.

    A release runs when one GPU can run it: a host with a usable GPU and an unusable one (an old card for the
    display, say) is degraded, not broken.
    """
    subjects = {finding.subject for finding in findings if finding.subject}
    gpus = [worst(finding.verdict for finding in findings if finding.subject == subject) for subject in subjects]
    devices = worst(gpus)
    if devices not in USABLE and any(verdict in USABLE for verdict in gpus):
        devices = DEGRADED
    return worst([devices, *(finding.verdict for finding in findings if not finding.subject)])


def culprit(findings: Sequence[Finding]) -> Finding:
    """Return the first finding that made the overall verdict; there must be a finding."""
    verdict = overall(findings)
    return max(findings, key=lambda finding: (finding.verdict == verdict, ORDER.index(finding.verdict)))
