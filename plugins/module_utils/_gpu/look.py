# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verify the GPUs of this host: seen by the driver, fit for a release, and computing in the release's own Python.

Nothing here waits for a sick GPU: each probe has a deadline, is killed at it and left behind if it does not die. All of
it together returns after at most PROBES deadlines and 5 seconds; when nvidia-smi hangs, nothing else is tried.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._contract.gpu_verdict import (
    ABSENT,
    BROKEN,
    DEGRADED,
    OK,
    PASSES,
    UNKNOWN,
    Finding,
    culprit,
    overall,
    verdict_of_gpu,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Manifest
from ansible_collections.airgap.conda.plugins.module_utils._gpu.health import Gpu
from ansible_collections.airgap.conda.plugins.module_utils._gpu.smi import PATH, Answer, Clock, ask, find_smi
from ansible_collections.airgap.conda.plugins.module_utils._gpu.works import FRAMEWORKS, Trial, judge, try_all
from ansible_collections.airgap.conda.plugins.module_utils._requirements import cuda as _cuda

# Seconds for each probe. A framework of several GB takes 10 to 30 s to import from a cold disk.
DEADLINE = 60.0
# What nvidia-smi exits with when the driver is not loaded.
_NOT_LOADED = 9


PROBE_SPEC: dict[str, Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "deadline": {"type": "float", "default": DEADLINE},
        "nvidia_smi": {"type": "str", "default": "nvidia-smi"},
        "proc": {"type": "path", "default": "/proc"},
    },
}


@dataclass(frozen=True)
class Tools:
    """What the host is looked at with: seconds for each probe, the program nvidia-smi, where /proc is mounted."""

    deadline: float = DEADLINE
    nvidia_smi: str = "nvidia-smi"
    proc: Path = Path("/proc")

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Tools:
        """Make it from a module's parameters of ``PROBE_SPEC``."""
        return cls(params["deadline"], params["nvidia_smi"], Path(params["proc"]))


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
        finding = culprit(report.findings)
        super().__init__(
            problem, wanted=finding.wanted, found=finding.found, where=finding.where, remedy=finding.remedy
        )
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
            wanted="the directory of an environment",
            found="no such directory",
            where=str(prefix),
            remedy="install the environment first, or leave prefix out",
        )
    source = "the CUDA that was asked for"
    if prefix is not None and not cuda:
        cuda, source = _cuda.cuda_of_prefix(prefix)
    clock = Clock(tools.deadline)
    module = loaded_module(tools.proc)
    answer = _see(module, tools, cuda, clock)
    driver = module or answer.driver
    findings = [*answer.findings]
    if driver and cuda:
        findings.append(_fit_driver(driver, cuda, answer.cuda, source))
    trials = try_all(prefix, answer.gpus, clock) if prefix is not None and answer.gpus else []
    gpus = tuple(_with_capability(gpu, trials) for gpu in answer.gpus)
    findings += [finding for gpu in gpus for finding in _fit_architecture(gpu, trials, cuda)]
    if prefix is not None and trials:
        findings += judge(trials, prefix)
    elif prefix is not None and gpus and must_compute:
        findings.append(_no_framework(prefix))
    return Report(driver, answer.cuda or _cuda.newest_cuda(driver), gpus, tuple(findings))


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


def loaded_module(proc: Path) -> str:
    """Return the version of the loaded kernel module (``535.183.01``), empty without one; this never hangs."""
    match = re.search(r"NVRM version:[^\n]*?\s(\d+\.\d+(?:\.\d+)?)\s", _head(proc / "driver/nvidia/version"))
    return match[1] if match else ""


def _see(module: str, tools: Tools, cuda: str, clock: Clock) -> Answer:
    """Ask nvidia-smi, and judge its answer together with what the kernel says."""
    version = tools.proc / "driver/nvidia/version"
    card = _nvidia_card(tools.proc)
    program = find_smi(tools.nvidia_smi)
    if not program and not module:
        return Answer(findings=(_absent(card, cuda, str(version)),))
    if not program:
        found = f"driver {module} is loaded, and no {tools.nvidia_smi} in {PATH}"
        remedy = "install nvidia-smi of the same version (Debian: nvidia-smi, Ubuntu: nvidia-utils-<version>)"
        return Answer(findings=(Finding("driver", UNKNOWN, "an nvidia-smi to ask", found, str(version), remedy),))
    answer = ask(program, clock)
    if answer.code == _NOT_LOADED and not module and not card:
        return Answer(findings=(_absent(card, cuda, str(version)),))
    if module and answer.driver and answer.driver != module:
        mismatch = Finding(
            "driver",
            BROKEN,
            f"libraries of the loaded driver {module}",
            f"nvidia-smi speaks of driver {answer.driver}",
            str(version),
            "reboot, so that kernel module and libraries are of one version again",
        )
        return replace(answer, findings=(mismatch, *answer.findings))
    return answer


def _absent(card: str, cuda: str, where: str) -> Finding:
    floor = _cuda.driver_fit("1", cuda).floor if cuda else ""
    if card:
        found = f"none, but an NVIDIA card (PCI 10de:{card})"
        remedy = f"install the NVIDIA driver{f' {floor} or newer' if floor else ''}"
    else:
        found = "none, and no NVIDIA card"
        remedy = "give the release to hosts with an NVIDIA GPU, or build one for the CPU"
    return Finding("driver", ABSENT, "a loaded NVIDIA driver", found, where, remedy)


def _fit_driver(driver: str, cuda: str, newest: str, source: str) -> Finding:
    fit = _cuda.driver_fit(driver, cuda, newest)
    build = f"build the release for CUDA {newest or _cuda.newest_cuda(driver) or 'of this driver'} or older"
    verdict, says, remedy = {
        _cuda.FULL: (OK, "which supports it", ""),
        _cuda.MINOR: (
            DEGRADED,
            "which runs it by minor-version compatibility; code that is compiled on the host (PTX) may not run",
            f"update the driver to {fit.floor or 'a newer one'}, or {build}",
        ),
        _cuda.UNSUPPORTED: (
            BROKEN,
            "which does not run it",
            f"update the driver to {fit.floor or fit.minor_floor} or newer, or {build}",
        ),
        _cuda.UNKNOWN: (
            UNKNOWN,
            "which this version of airgap.conda has no entry for",
            "update airgap.conda, or set cuda to the version that counts",
        ),
    }[fit.level]
    floor = fit.minor_floor if fit.level == _cuda.UNSUPPORTED else fit.floor
    wanted = f"a driver for CUDA {cuda}" + (f": {floor} or newer" if floor else "")
    return Finding("cuda", verdict, wanted, f"driver {driver}, {says}", source, remedy)


def _with_capability(gpu: Gpu, trials: Sequence[Trial]) -> Gpu:
    """Let a framework's own answer stand above the table's."""
    told = [trial.text("capability") for trial in trials if trial.gpu.index == gpu.index]
    return replace(gpu, capability=next((item for item in told if re.fullmatch(r"\d+\.\d+", item)), gpu.capability))


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
    return Finding("architecture", verdict, wanted, found, gpu.where, "" if verdict == OK else remedy, gpu.index)


def _no_framework(prefix: Path) -> Finding:
    return Finding(
        "matmul",
        UNKNOWN,
        f"one of {', '.join(FRAMEWORKS)}, to compute with on the GPU",
        "neither of them in this environment",
        str(prefix),
        "test the GPU with a command under checks in release.yml, and set gpu to optional",
    )


def _nvidia_card(proc: Path) -> str:
    """Return the PCI device id of the first NVIDIA device (``1c31``), empty without one, from the kernel's table."""
    match = re.search(r"^\S+\s+10de([0-9a-f]{4})\s", _head(proc / "bus/pci/devices"), re.MULTILINE)
    return match[1] if match else ""


def _head(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            return stream.read(64 << 10).decode("utf-8", "replace")
    except OSError:
        return ""
