# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which driver runs which CUDA, which code runs on which GPU, and which CUDA an environment brings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._requirements import cuda as _cuda
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree


@pytest.mark.parametrize(
    ("driver", "cuda", "level"),
    [
        ("470.42.01", "11.4", "full"),  # the very first that does
        ("470.42.00", "11.4", "minor"),
        ("470.256.02", "11.8", "minor"),  # the seed's workstation: a P2200 with driver 470 and cudatoolkit 11.8
        ("470.256.02", "11.8.89", "minor"),
        ("470.256.02", "11", "full"),
        ("450.80.02", "11.8", "minor"),
        ("450.80.01", "11.8", "unsupported"),
        ("450.51.05", "11.0", "full"),  # full by the table, below the floor of the other 11.x
        ("470.256.02", "12.1", "unsupported"),
        ("525.60.13", "12.9", "minor"),
        ("525.60.12", "12", "unsupported"),
        ("535.183.01", "12.1", "full"),
        ("535.183.01", "10.0", "full"),
        ("418.39", "10.2", "unsupported"),  # no minor-version compatibility before 11
        ("570.124.06", "13.0", "unsupported"),
        ("580.65.06", "13.2", "minor"),
        ("595.45.04", "13.2", "full"),
        ("595.45.04", "13.7", "minor"),  # younger than the table, of a major version that it knows
        ("700.1", "14.0", "unknown"),
        ("470.256.02", "9.2", "unknown"),
        ("", "11.8", "unknown"),
        ("535.183.01", "", "unknown"),
    ],
)
def test_drivers_and_toolkits(driver: str, cuda: str, level: str) -> None:
    assert _cuda.driver_fit(driver, cuda).level == level


def test_what_a_driver_says_itself_counts_beyond_the_table() -> None:
    assert _cuda.driver_fit("700.1", "14.0", newest="14.1").level == "full"
    assert _cuda.driver_fit("595.99", "13.7", newest="13.7").level == "full"
    assert _cuda.driver_fit("470.256.02", "11.8", newest="11.4").level == "minor"


def test_floors_are_named() -> None:
    assert _cuda.driver_fit("410.48", "11.8") == _cuda.DriverFit("unsupported", "520.61.05", "450.80.02")
    assert _cuda.driver_fit("410.48", "10.2") == _cuda.DriverFit("unsupported", "440.33", "440.33")
    assert _cuda.driver_fit("418.39", "12.7") == _cuda.DriverFit("unsupported", "", "525.60.13")  # never released


def test_the_tables_are_in_order() -> None:
    floors = [version_key(floor) for floor in _cuda.FLOORS.values()]
    assert floors == sorted(set(floors))
    assert list(_cuda.FLOORS) == sorted(_cuda.FLOORS, key=version_key)
    assert set(_cuda.MINOR_FLOORS) <= set(_cuda.OLDEST_CAPABILITY)


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [("470.256.02", "11.4"), ("470.42.00", "11.3"), ("535.54.03", "12.2"), ("600.1", "13.2"), ("390.1", ""), ("", "")],
)
def test_the_newest_cuda_of_a_driver(driver: str, cuda: str) -> None:
    assert _cuda.newest_cuda(driver) == cuda


TORCH_2_9 = {
    "cu126": "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90",
    "cu128": "sm_70 sm_75 sm_80 sm_86 sm_90 sm_100 sm_120",
    "cu130": "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120",
}


@pytest.mark.parametrize(
    ("capability", "architectures", "fit"),
    [
        ("6.1", "sm_60", "binary"),
        ("6.0", "sm_61", "none"),
        ("8.9", "sm_80", "binary"),
        ("7.5", "sm_80", "none"),
        ("9.0", "sm_80 sm_86", "none"),
        ("9.0", "sm_80 compute_80", "ptx"),
        ("9.0", "compute_80 sm_90", "binary"),
        ("8.0", "compute_90", "none"),
        ("9.0", "sm_90a", "binary"),
        ("10.0", "sm_90a compute_90a", "none"),
        ("10.3", "sm_100f", "binary"),
        ("10.3", "sm_100a", "none"),
        ("12.0", "sm_100f compute_100f", "none"),
        ("12.0", "sm_120", "binary"),
        ("12.1", "sm_120", "binary"),
        ("6.1", TORCH_2_9["cu126"], "binary"),
        ("6.1", TORCH_2_9["cu128"], "none"),
        ("7.0", TORCH_2_9["cu130"], "none"),
        ("7.5", TORCH_2_9["cu130"], "binary"),
        ("8.9", TORCH_2_9["cu130"], "binary"),
        ("12.0", TORCH_2_9["cu126"], "none"),
        ("8.6", "", "unknown"),
        ("8.6", "gfx90a sm_ nonsense", "unknown"),
        ("", "sm_80", "unknown"),
        ("8", "sm_80", "unknown"),
    ],
)
def test_code_and_gpus(capability: str, architectures: str, fit: str) -> None:
    assert _cuda.architecture_fit(capability, architectures.split()) == fit


@pytest.mark.parametrize(
    ("product", "capability"),
    [
        ("Quadro P2200", "6.1"),
        ("Quadro GP100", "6.0"),
        ("Tesla P100-PCIE-16GB", "6.0"),
        ("NVIDIA GeForce GTX 1080 Ti", "6.1"),
        ("Tesla P4", "6.1"),
        ("Tesla V100-SXM2-32GB", "7.0"),
        ("Tesla T4", "7.5"),
        ("Quadro RTX 4000", "7.5"),
        ("NVIDIA GeForce RTX 2080 Ti", "7.5"),
        ("NVIDIA T400 4GB", "7.5"),
        ("NVIDIA RTX A4000", "8.6"),
        ("NVIDIA GeForce RTX 3090", "8.6"),
        ("NVIDIA A100-SXM4-80GB", "8.0"),
        ("NVIDIA A10G", "8.6"),
        ("Tesla K80", "3.7"),
        ("NVIDIA GeForce RTX 4090", ""),  # its drivers say it themselves
        ("NVIDIA RTX 4000 SFF Ada Generation", ""),
        ("Quadro FX 4800", ""),
        ("", ""),
    ],
)
def test_capabilities_by_name(product: str, capability: str) -> None:
    assert _cuda.capability_of(product) == capability


SITE = "lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("tree", "cuda", "source"),
    [
        ({}, "", ""),
        ({"conda-meta/cudatoolkit-11.8.0-h37601d7_11.json": "{}"}, "11.8", "conda-meta/cudatoolkit-11.8.0"),
        ({"conda-meta/pytorch-cuda-11.7-h778d358_5.json": "{}"}, "11.7", "pytorch-cuda"),
        ({"conda-meta/cuda-version-12.6-h7480c83_3.json": "{}"}, "12.6", "cuda-version"),
        ({"conda-meta/cuda-nvcc-11.3.58-0.json": "{}"}, "", ""),
        ({"conda-meta/cudatoolkit-dev-11.8.0-0.json": "{}", "conda-meta/history": "x"}, "", ""),
        ({f"{SITE}/nvidia_cuda_runtime_cu12-12.6.77.dist-info": None}, "12.6", "cu12-12.6.77"),
        ({f"{SITE}/nvidia_cuda_runtime-13.0.48.dist-info": None}, "13.0", "13.0.48"),
        ({f"{SITE}/nvidia_cudnn_cu11-8.6.0.163.dist-info": None}, "11", "cudnn_cu11"),
        ({f"{SITE}/torch/version.py": "__version__ = '2.0.0'\ncuda = '11.7'\nhip = None\n"}, "11.7", "torch/version"),
        ({f"{SITE}/torch/version.py": "cuda: Optional[str] = '12.6'\n"}, "12.6", "torch/version.py"),
        ({f"{SITE}/torch/version.py": "cuda: Optional[str] = None\ndebug = '11.7'\n"}, "", ""),
        (
            {f"{SITE}/tensorflow/python/platform/build_info.py": "build_info = {'cuda_version': '11.8'}"},
            "11.8",
            "tensor",
        ),
        ({f"{SITE}/tensorflow/python/platform/build_info.py": "([('cuda_version', '11.8')])"}, "11.8", "build_info"),
        # What asks most of the driver counts, and a whole version before a major one.
        (
            {
                f"{SITE}/nvidia_cudnn_cu11-8.6.0.163.dist-info": None,
                f"{SITE}/torch/version.py": "cuda: Optional[str] = '9.2'\n",
                "conda-meta/cudatoolkit-11.8.0-h37601d7_11.json": "{}",
            },
            "11.8",
            "cudatoolkit",
        ),
        ({f"{SITE}/torch/version.py": b"\xff\xfe cuda"}, "", ""),
        ({f"{SITE}/torch/version.py": None}, "", ""),
    ],
)
def test_the_cuda_of_an_environment(tmp_path: Path, tree: dict[str, Any], cuda: str, source: str) -> None:
    found, path = _cuda.cuda_of_prefix(write_tree(tmp_path, tree))
    assert found == cuda
    assert source in path
    assert not path or Path(path).exists()
