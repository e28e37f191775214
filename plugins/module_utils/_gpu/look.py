# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verify the GPUs of this host: seen by the driver, fit for a release, and computing in the release's own Python.

Nothing here waits for a sick GPU: each probe has a deadline, is killed at it and left behind if it does not die. All of
it together returns after at most PROBES deadlines and 5 seconds; when nvidia-smi hangs, nothing else is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import ABSENT, OK, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.gpu_verdict import (
    PASSES,
    culprit,
    overall,
    verdict_of_gpu,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Manifest
from ansible_collections.airgap.conda.plugins.module_utils._gpu.checks import findings
from ansible_collections.airgap.conda.plugins.module_utils._gpu.driver import loaded_module
from ansible_collections.airgap.conda.plugins.module_utils._gpu.gpu import Gpu
from ansible_collections.airgap.conda.plugins.module_utils._gpu.seen import Seen
from ansible_collections.airgap.conda.plugins.module_utils._gpu.tools import PROBE_SPEC, Tools
from ansible_collections.airgap.conda.plugins.module_utils._requirements import cuda as _cuda

__all__ = ["PROBE_SPEC", "GpuError", "Report", "Tools", "loaded_module", "look", "require", "require_gpu"]


@dataclass(frozen=True)
class Report:
    """What was found. ``driver`` is the version of the loaded kernel module, ``cuda`` the newest that it supports."""

    driver: str
    cuda: str
    gpus: tuple[Gpu, ...]
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> str:
        """The one verdict on the host."""
        return overall(self.findings)

    def warnings(self) -> list[str]:
        """Return a line for each finding that is neither ok nor absent, for those who let it pass."""
        worrying = [finding for finding in self.findings if finding.verdict not in (OK, ABSENT)]
        return [f"GPU {f.verdict}: {clean(f.found)}. Where: {f.where}. Remedy: {f.remedy}." for f in worrying]

    def as_result(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "verdict": self.verdict,
            "driver": self.driver,
            "cuda": self.cuda,
            "gpus": [gpu.as_result(verdict_of_gpu(self.findings, gpu.index)) for gpu in self.gpus],
            "findings": [finding.as_result() for finding in self.findings],
        }


class GpuError(AirgapError):
    """The GPUs are not what a release requires; the module's failure carries the whole report as ``gpu``."""

    def __init__(self, problem: str, report: Report) -> None:
        super().__init__(**culprit(report.findings).as_error(problem).fields())
        self.report = report

    def as_result(self) -> dict[str, Any]:
        """Return the fields that every failure has, and the report."""
        return {**super().as_result(), "gpu": self.report.as_result()}


def look(prefix: Path | None = None, cuda: str = "", tools: Tools | None = None, must_compute: bool = True) -> Report:
    """Look at the GPUs; with an environment (``prefix``) also at whether they fit it and compute with it.

    ``cuda`` is the CUDA toolkit of the release; without it, the newest that the environment brings code for.
    ``must_compute`` says whether it is a finding that the environment has nothing to compute with on a GPU.
    Raises AirgapError when ``prefix`` is no directory.
    """
    tools = tools or Tools()
    if prefix is not None and not prefix.is_dir():
        raise AirgapError(
            "There is no environment to test the GPU with",
            code="prefix-missing",
            wanted="the directory of an environment",
            found="no such directory",
            where=str(prefix),
            remedy="install the environment first, or leave prefix out",
        )
    source = "the CUDA that was asked for"
    if prefix is not None and not cuda:
        cuda, source = _cuda.cuda_of_prefix(prefix)
    seen = Seen(prefix, cuda, source, tools, must_compute)
    found = tuple(findings(seen))
    return Report(seen.driver, seen.answer.cuda or _cuda.newest_cuda(seen.driver), seen.gpus, found)


def require(report: Report, need: str, who: str) -> None:
    """Raise GpuError when ``need`` (required, optional or none) does not pass with the verdict of ``report``.

    ``who`` says who needs it and what follows: "and the task says require: required".
    """
    if report.verdict not in PASSES[need]:
        raise GpuError(f"The GPU of this host is {report.verdict}, {who}", report)


def require_gpu(prefix: Path, manifest: Manifest, consequence: str, tools: Tools | None = None) -> Report | None:
    """Look at the GPUs for a release that is installed at ``prefix`` and hold them to what its release.yml says.

    Returns None, and does nothing, for a release that says gpu: none. Raises GpuError, a kind of AirgapError.
    """
    if manifest.gpu == "none":
        return None
    report = look(prefix, tools=tools, must_compute=manifest.gpu == "required")
    require(report, manifest.gpu, f"and {manifest.env} {manifest.id} says gpu: {manifest.gpu}; {consequence}")
    return report
