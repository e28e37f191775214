# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host's kernel and its nvidia-smi say of the driver."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import ABSENT, BROKEN, UNKNOWN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._gpu.smi import PATH, Answer, Clock, ask, find_smi
from ansible_collections.airgap.conda.plugins.module_utils._gpu.tools import Tools
from ansible_collections.airgap.conda.plugins.module_utils._requirements import cuda as _cuda

# What nvidia-smi exits with when the driver is not loaded.
_NOT_LOADED = 9


def loaded_module(proc: Path) -> str:
    """Return the version of the loaded kernel module (``535.183.01``), empty without one; this never hangs."""
    match = re.search(r"NVRM version:[^\n]*?\s(\d+\.\d+(?:\.\d+)?)\s", _head(proc / "driver/nvidia/version"))
    return match[1] if match else ""


def models(proc: Path) -> tuple[str, ...]:
    """Return what the loaded kernel module calls each GPU (``Quadro P2200``); this never hangs."""
    cards = sorted(proc.glob("driver/nvidia/gpus/*/information"))
    found = (re.search(r"^Model:[ \t]*(\S.*)$", _head(card), re.MULTILINE) for card in cards)
    return tuple(match[1].strip() for match in found if match)


def see(module: str, tools: Tools, cuda: str, clock: Clock) -> Answer:
    """Ask nvidia-smi, and judge its answer together with what the kernel says."""
    version = tools.proc / "driver/nvidia/version"
    card = _nvidia_card(tools.proc)
    program = find_smi(tools.nvidia_smi)
    if not program and not module:
        return Answer(findings=(_absent(card, cuda, str(version)),))
    if not program:
        found = f"driver {module} is loaded, and no {tools.nvidia_smi} in {PATH}"
        remedy = "install nvidia-smi of the same version (Debian: nvidia-smi, Ubuntu: nvidia-utils-<version>)"
        return Answer(
            findings=(_driver(UNKNOWN, "There is no nvidia-smi", "an nvidia-smi to ask", found, str(version), remedy),)
        )
    answer = ask(program, clock)
    if answer.code == _NOT_LOADED and not module and not card:
        return Answer(findings=(_absent(card, cuda, str(version)),))
    if module and answer.driver and answer.driver != module:
        mismatch = _driver(
            BROKEN,
            "The NVIDIA driver is of two versions",
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
    return _driver(ABSENT, "No NVIDIA driver is loaded", "a loaded NVIDIA driver", found, where, remedy)


def _driver(verdict: str, problem: str, wanted: str, found: str, where: str, remedy: str) -> Finding:
    return Finding("driver", "", verdict, problem, wanted, found, where, remedy)


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
