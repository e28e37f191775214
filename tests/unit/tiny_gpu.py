# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts with GPUs, without GPUs: stand-ins for nvidia-smi, for /proc and for the frameworks of an environment."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

DATA = Path(__file__).resolve().parent / "data/nvidia"
MODULE = """\
NVRM version: NVIDIA UNIX x86_64 Kernel Module  {driver}  Thu May  2 14:37:44 UTC 2024
GCC version:  gcc version 7.5.0 (Ubuntu 7.5.0-3ubuntu1~18.04)
"""
OPEN_MODULE = """\
NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {driver}  Release Build  (builder@host)  Thu Feb 22 01:25:25 UTC 2024
GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
"""  # noqa: E501
PCI = "0000\t80861237\t0\t\t 0\n{card}0200\t10ec8168\t1e\t\te0000004\tr8169\n"
CARD = "0100\t10de1c31\t1f\t\tfd000000\tnvidia\n"
CAPABILITIES = {"NVIDIA RTX A4000": "8.6", "NVIDIA A100 80GB PCIe": "8.0", "NVIDIA H200": "9.0"}


@dataclass(frozen=True)
class Host:
    """The folder of a host that the probes are pointed at; ``deadline`` in seconds."""

    folder: Path
    deadline: float = 20.0

    @property
    def tools(self) -> Tools:
        return Tools(self.deadline, str(self.folder / "bin/nvidia-smi"), self.folder / "proc")

    def with_module(self, driver: str, text: str = MODULE) -> Host:
        """Load a kernel module, which the card comes with."""
        proc = {"driver/nvidia/version": text.format(driver=driver), "bus/pci/devices": PCI.format(card=CARD)}
        write_tree(self.folder / "proc", proc)
        return self

    def with_smi(self, script: str) -> Host:
        """Install a shell script as nvidia-smi."""
        write_tree(self.folder, {"bin/nvidia-smi": f"#!/bin/sh\n{script}\n"})
        return self

    def with_answer(self, fixture: str, *edits: tuple[str, str]) -> Host:
        """Install the stand-in that answers with a fixture, after some edits of its text."""
        text = (DATA / fixture).read_text(encoding="utf-8")
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        gpus = re.findall(r"<product_name>(.*?)</product_name>.*?<uuid>(.*?)</uuid>", text, re.DOTALL)
        rows = "".join(f"{uuid}, {CAPABILITIES[name]}\n" for name, uuid in gpus if name in CAPABILITIES)
        write_tree(self.folder, {"bin/answer.xml": text, **({"bin/compute_cap.csv": rows} if rows else {})})
        shutil.copy(DATA / "nvidia-smi", self.folder / "bin/nvidia-smi")
        return self


def bare(folder: Path, card: bool = False, deadline: float = 20.0) -> Host:
    """Make a host without a driver, with or without an NVIDIA card."""
    write_tree(folder, {"proc/bus/pci/devices": PCI.format(card=CARD if card else "")})
    return Host(folder, deadline)


def by_check(findings: tuple[Finding, ...], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


# A matrix is one number that all its elements have, and a device. What a test wants to go wrong is put in as LIKE.
_TENSOR = """
import os, signal, time
LIKE = {like!r}
GPU = os.environ.get("CUDA_VISIBLE_DEVICES", "")

def at(step):
    for name, action in LIKE.items():
        place, _, gpu = name.partition(" on ")
        if place == step and (not gpu or gpu == GPU):
            exec(action)

class Tensor:
    def __init__(self, value, device="cpu"):
        self.value, self.device = value, device
    def _with(self, value):
        return Tensor(value, self.device)
    def to(self, device):
        at("copy")
        return Tensor(self.value, device)
    def astype(self, kind):
        return self
    double = numpy = lambda self: self
    def __sub__(self, other):
        return self._with(self.value - getattr(other, "value", other))
    def __add__(self, other):
        if self.device != "cpu":
            at("add")
        return self._with(self.value + other.value)
    def __matmul__(self, other):
        value = 512 * self.value * other.value
        if self.device != "cpu":
            at("matmul")
            value *= 1 + float(LIKE.get("error", 1e-6))
        return self._with(value)
    def __truediv__(self, other):
        return self._with(self.value / other.value)
    def __rmul__(self, other):
        return self._with(self.value * other)
    def __abs__(self):
        return self._with(abs(self.value))
    abs = __abs__
    def max(self):
        return self
    def __float__(self):
        return float(self.value)
"""
_TORCH = (
    _TENSOR
    + """
at("import")
__version__ = {version!r}
def rand(*shape):
    return Tensor(0.7)
def manual_seed(seed):
    pass
def set_float32_matmul_precision(name):
    assert name == "highest" and os.environ["NVIDIA_TF32_OVERRIDE"] == "0"
class version:
    cuda = {cuda!r}
class cuda:
    def init():
        assert version.cuda, "Torch not compiled with CUDA enabled"
        at("init")
    def get_arch_list():
        return {architectures!r}
    def get_device_name(index):
        return "a GPU"
    def get_device_capability(index):
        return tuple(int(n) for n in {capability!r}.split("."))
"""
)
_TENSORFLOW = (
    _TENSOR
    + """
import contextlib
at("import")
__version__ = {version!r}
class sysconfig:
    def get_build_info():
        if not {cuda!r}:
            return {{"is_cuda_build": False}}
        names = {architectures!r}
        return {{"is_cuda_build": True, "cuda_version": {cuda!r}, "cuda_compute_capabilities": names}}
class config:
    def list_physical_devices(kind):
        return LIKE.get("devices", ["GPU:0"])
    def set_soft_device_placement(enabled):
        assert not enabled
    class experimental:
        def get_device_details(device):
            return {{"device_name": "a GPU", "compute_capability": tuple(int(n) for n in {capability!r}.split("."))}}
        def enable_tensor_float_32_execution(enabled):
            assert not enabled
_device = []
@contextlib.contextmanager
def device(name):
    _device.append(name)
    yield
    _device.pop()
def constant(value):
    return Tensor(value.value, _device[-1])
class linalg:
    def matmul(a, b):
        return a @ b
"""
)
_NUMPY = (
    _TENSOR
    + """
float32 = float
class random:
    class RandomState:
        def __init__(self, seed):
            pass
        def random_sample(self, shape):
            return Tensor(0.7)
"""
)


def environment(
    folder: Path,
    framework: str = "torch",
    *,
    cuda: str | None = "11.8",
    architectures: tuple[str, ...] = ("sm_50", "sm_60", "sm_70", "sm_80", "sm_90"),
    capability: str = "8.6",
    version: str = "2.1.0",
    like: Mapping[str, object] | None = None,
) -> Path:
    """Make an environment with a stand-in for a framework.

    ``like`` says what it does at a step (import, init, copy, matmul, add), or at a step on one GPU ("init on GPU-1"),
    as Python code; and by which part a product is off ("error"), and which devices TensorFlow finds ("devices").
    """
    template = {"torch": _TORCH, "tensorflow": _TENSORFLOW}[framework]
    code = template.format(
        like=dict(like or {}), cuda=cuda, architectures=list(architectures), capability=capability, version=version
    )
    site = folder / f"lib/python3.{sys.version_info[1]}/site-packages"
    write_tree(
        folder,
        {
            f"{site.relative_to(folder)}/{framework}/__init__.py": code,
            f"{site.relative_to(folder)}/numpy.py": _NUMPY.format(like={}),
            "bin/python": f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(site))} exec {sys.executable} -S "$@"\n',
        },
    )
    if framework == "torch":
        build = f"from typing import Optional\n__version__ = '2.1.0'\ncuda: Optional[str] = {cuda!r}\nhip = None\n"
        write_tree(site, {"torch/version.py": build})
    return folder
