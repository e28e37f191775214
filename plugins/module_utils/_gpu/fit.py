# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks: does the driver run the CUDA of a release, and is there code for the GPUs of this host?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, DEGRADED, OK, UNKNOWN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._gpu.gpu import Gpu
from ansible_collections.airgap.conda.plugins.module_utils._gpu.seen import Seen
from ansible_collections.airgap.conda.plugins.module_utils._gpu.works import Trial
from ansible_collections.airgap.conda.plugins.module_utils._requirements import cuda as _cuda


def cuda(seen: Seen) -> Iterator[Finding]:
    """Compare the driver with the CUDA toolkit that counts, when both are known."""
    if seen.driver and seen.cuda:
        yield _fit_driver(seen.driver, seen.cuda, seen.answer.cuda, seen.source)


def architecture(seen: Seen) -> Iterator[Finding]:
    """Compare each GPU with what the frameworks of the environment, or the CUDA toolkit, have code for."""
    for gpu in seen.gpus:
        yield from _fit_architecture(gpu, seen.trials, seen.cuda)


def _fit_driver(driver: str, cuda: str, newest: str, source: str) -> Finding:
    fit = _cuda.driver_fit(driver, cuda, newest)
    build = f"build the release for CUDA {newest or _cuda.newest_cuda(driver) or 'of this driver'} or older"
    verdict, problem, says, remedy = {
        _cuda.FULL: (OK, "", "which supports it", ""),
        _cuda.MINOR: (
            DEGRADED,
            "The NVIDIA driver does not support all of the release",
            "which runs it by minor-version compatibility; code that is compiled on the host (PTX) may not run",
            f"update the driver to {fit.floor or 'a newer one'}, or {build}",
        ),
        _cuda.UNSUPPORTED: (
            BROKEN,
            "The NVIDIA driver does not run the release",
            "which does not run it",
            f"update the driver to {fit.floor or fit.minor_floor} or newer, or {build}",
        ),
        _cuda.UNKNOWN: (
            UNKNOWN,
            "Nobody knows whether the NVIDIA driver runs the release",
            "which this version of airgap.conda has no entry for",
            "update airgap.conda, or set cuda to the version that counts",
        ),
    }[fit.level]
    floor = fit.minor_floor if fit.level == _cuda.UNSUPPORTED else fit.floor
    wanted = f"a driver for CUDA {cuda}" + (f": {floor} or newer" if floor else "")
    return Finding("cuda", "", verdict, problem, wanted, f"driver {driver}, {says}", source, remedy)


def _fit_architecture(gpu: Gpu, trials: Sequence[Trial], cuda: str) -> list[Finding]:
    """Compare a GPU with what each framework was compiled for, or, when none says, with what the CUDA compiles for."""
    if not gpu.capability:
        return []
    findings = []
    for trial in trials:
        fit = _cuda.architecture_fit(gpu.capability, trial.architectures)
        if trial.gpu.index != gpu.index or fit == _cuda.UNKNOWN:
            continue
        verdict, says = {
            _cuda.BINARY: (OK, "it has code for it"),
            _cuda.PTX: (DEGRADED, "the driver has to compile for it at the first start"),
            _cuda.NONE: (BROKEN, "it has no code for it"),
        }[fit]
        name = f"{trial.framework} {trial.text('version')}"
        found = f"compiled for {', '.join(trial.architectures)}: {says}"
        findings.append(_architecture(gpu, verdict, f"{name} compiled for {gpu.capability}", found))
    if not findings and cuda:
        oldest = _cuda.OLDEST_CAPABILITY.get(version_key(cuda)[0], "")
        if oldest and version_key(gpu.capability) < version_key(oldest):
            wanted = f"compute capability {oldest} or newer, which CUDA {cuda} compiles for"
            findings.append(_architecture(gpu, BROKEN, wanted, f"compute capability {gpu.capability}"))
    return findings


def _architecture(gpu: Gpu, verdict: str, wanted: str, found: str) -> Finding:
    remedy = f"build the release with a framework compiled for compute capability {gpu.capability}, or an older CUDA"
    problem = "The release has no code made for this GPU"
    if verdict == OK:
        problem = remedy = ""
    return Finding("architecture", gpu.subject, verdict, problem, wanted, found, gpu.where, remedy)
