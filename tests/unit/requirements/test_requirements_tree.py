# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a whole tree requires, and how that compares with the target: each mismatch with its own words."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Several
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Finding, Requirements
from ansible_collections.airgap.conda.plugins.module_utils._depot.target import as_allowed, compare
from ansible_collections.airgap.conda.plugins.module_utils._requirements.tree import (
    cpu_of_packages,
    gpu_architectures,
    requirements_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target
from ansible_collections.airgap.conda.tests.unit.tiny_elf import make_elf
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

SITE = "lib/python3.11/site-packages"
BUILD_INFO = f"{SITE}/tensorflow/python/platform/build_info.py"


def of(tree: Path, content: dict[str, Any], records: dict[str, Any] | None = None) -> Requirements:
    write_tree(tree, content)
    paths = sorted(name for name in content if (tree / name).is_file())
    return requirements_of(tree, tree, paths, records or {})


def test_a_tree_says_all_that_it_needs(tmp_path: Path) -> None:
    content = {
        "bin/tool": make_elf(["GLIBC_2.34", "GLIBCXX_3.4.29"], {"dlopen": "GLIBC_2.34"}, isa=2),
        "lib/libstdc++.so.6.0.33": make_elf(["GLIBC_2.17"], defines=["libstdc++.so.6", "GLIBCXX_3.4.33"]),
        "lib/hidden.py": make_elf(["GLIBC_2.99"]),  # no loader loads a file of this name
        f"{SITE}/nvidia_cuda_runtime_cu12-12.6.77.dist-info": None,
        BUILD_INFO: "build_info = {'cuda_version': '12.5', 'cuda_compute_capabilities': ['sm_60', 'compute_90']}",
    }
    found = of(tmp_path, content, {"conda-meta/x.json": {"depends": ["__archspec 1 x86_64_v3"]}})
    assert found == Requirements(
        glibc="2.34",
        glibc_file="bin/tool",
        glibc_symbol="dlopen",
        glibcxx="3.4.29",
        glibcxx_file="bin/tool",
        glibcxx_own="3.4.33",
        cpu="x86-64-v3",
        cpu_file="conda-meta/x.json",
        cuda_runtime="12.6",
        cuda_file=f"{SITE}/nvidia_cuda_runtime_cu12-12.6.77.dist-info",
        driver="525.60.13",
        driver_full="560.28.03",
        gpu_architectures={"tensorflow": ["sm_60", "compute_90"]},
    )


def test_a_tree_that_needs_nothing_says_so(tmp_path: Path) -> None:
    assert of(tmp_path, {"share/text": "x", "conda-meta/history": ""}) == Requirements()


@pytest.mark.parametrize(
    ("record", "level"),
    [
        ({"depends": ["__archspec 1 x86_64_v3", "__glibc >=2.17"]}, "x86-64-v3"),
        ({"depends": ["__archspec 1 haswell"]}, "x86-64-v3"),
        ({"depends": ["__archspec 1 skylake_avx512"]}, "x86-64-v4"),
        ({"depends": ["__archspec 1 x86_64"]}, ""),
        ({"depends": ["__archspec"]}, ""),
        ({"name": "_x86_64-microarch-level", "version": "2"}, "x86-64-v2"),
        ({"name": "_x86_64-microarch-level", "version": "1"}, ""),
        ({"name": "other", "version": "3", "depends": None}, ""),
    ],
)
def test_conda_packages_tell_their_cpu(record: dict[str, Any], level: str) -> None:
    records = {"conda-meta/a.json": {"name": "a"}, "conda-meta/b.json": record}
    assert cpu_of_packages(records) == (level, "conda-meta/b.json" if level else "")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("'cuda_compute_capabilities': ['sm_60', 'sm_70', 'compute_80']", ["sm_60", "sm_70", "compute_80"]),
        ("([('cuda_compute_capabilities', ['sm_35', 'compute_70'])])", ["sm_35", "compute_70"]),
        ("'cuda_compute_capabilities': []", []),
        ("'is_cuda_build': False", []),
    ],
)
def test_tensorflow_has_its_list_in_a_file(tmp_path: Path, text: str, names: list[str]) -> None:
    write_tree(tmp_path, {BUILD_INFO: text})
    assert gpu_architectures(tmp_path, tmp_path) == ({"tensorflow": names} if names else {})


def torch(folder: Path, program: str, version: str = "cuda: Optional[str] = '12.6'\n") -> Path:
    return write_tree(folder, {f"{SITE}/torch/version.py": version, "bin/python": f"#!/bin/sh\n{program}\n"})


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ('echo warning; echo \'airgap.conda architectures ["sm_80", "sm_90"]\'', ["sm_80", "sm_90"]),
        ("echo 'airgap.conda architectures []'", []),
        ("echo 'airgap.conda architectures {\"a\": 1}'", []),
        ("echo 'airgap.conda architectures nonsense'", []),
        ("echo ImportError >&2; exit 1", []),
    ],
)
def test_torch_is_asked_in_its_own_python(tmp_path: Path, program: str, names: list[str]) -> None:
    prefix = torch(tmp_path, program)
    assert gpu_architectures(prefix, prefix) == ({"torch": names} if names else {})


def test_a_torch_without_cuda_is_not_started(tmp_path: Path) -> None:
    prefix = torch(tmp_path, f"touch {tmp_path}/started", "cuda: Optional[str] = None\n")
    assert gpu_architectures(prefix, prefix) == {}
    assert not (tmp_path / "started").exists()


def test_a_torch_that_hangs_is_left_behind(tmp_path: Path) -> None:
    prefix = torch(tmp_path, "sleep 60")
    start = time.monotonic()
    assert gpu_architectures(prefix, prefix, deadline=0.5) == {}
    assert time.monotonic() - start < 30


def test_the_program_that_asks_torch_runs(tmp_path: Path) -> None:
    fake = "class _C:\n    @staticmethod\n    def _cuda_getArchFlags():\n        return 'sm_80 compute_90'\n"
    write_tree(tmp_path, {"modules/torch.py": fake})
    prefix = torch(tmp_path / "env", f'PYTHONPATH={tmp_path}/modules exec python3 "$@"')
    assert gpu_architectures(prefix, prefix) == {"torch": ["sm_80", "compute_90"]}


# --- against the target ----------------------------------------------------------------------------------------------


def refused(needs: Requirements, target: Target, **allow: str) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        compare("demo", needs, target, allow)
    assert all((caught.value.problem, caught.value.wanted, caught.value.found, caught.value.where, caught.value.remedy))
    return caught.value


def test_a_newer_glibc_than_the_target_stops_the_build_with_file_and_symbol() -> None:
    needs = Requirements(glibc="2.34", glibc_file="lib/a.so", glibc_symbol="dlopen")
    error = refused(needs, Target(glibc="2.31"), **{"cuda-unsupported": "x"})
    assert error.code == "glibc-too-new"
    assert (error.wanted, error.where) == ("glibc 2.31 or older, the target", "target.glibc of demo")
    assert error.found == "glibc 2.34, needed by lib/a.so for the symbol dlopen"
    assert compare("demo", needs, Target(glibc="2.34"), {}) == []
    assert compare("demo", needs, Target(), {}) == []
    assert compare("demo", Requirements(glibc="2.4"), Target(glibc="2.31"), {}) == []


def test_what_the_hosts_do_not_have_can_be_allowed_with_a_reason() -> None:
    needs = Requirements(glibc="2.34", glibc_file="lib/a.so", glibc_symbol="dlopen", cpu="x86-64-v3", cpu_file="b.so")
    target = Target(glibc="2.31", cpu="x86-64")
    allow = {"glibc-too-new": "a plugin that no host loads", "cpu-too-new": "it asks the CPU first"}
    found = compare("demo", needs, target, allow)
    assert [(item.name, item.level, item.allowed) for item in found] == [
        ("glibc-too-new", "error", "a plugin that no host loads"),
        ("cpu-too-new", "error", "it asks the CPU first"),
    ]
    assert as_allowed(needs, target, allow) == replace(needs, glibc="2.31", glibc_symbol="", cpu="x86-64")
    assert as_allowed(needs, target, {}) == needs
    assert as_allowed(needs, Target(), allow) == needs
    assert "allow: {glibc-too-new: " in refused(needs, Target(glibc="2.31")).remedy


def test_all_that_the_hosts_do_not_have_is_told_at_once() -> None:
    needs = replace(CUDA, glibc="2.34", glibc_file="lib/a.so", cpu="x86-64-v3", cpu_file="lib/b.so")
    error = refused(needs, Target(glibc="2.31", cpu="x86-64", cuda="11.4"))
    assert isinstance(error, Several)
    assert [one.code for one in error.errors] == ["glibc-too-new", "cpu-too-new", "cuda-unsupported"]
    assert all(name in error.found for name in ("lib/a.so", "lib/b.so", "conda-meta/cuda.json"))


@pytest.mark.parametrize(
    ("needs", "target", "fits"),
    [
        ("x86-64-v3", "x86-64-v2", False),
        ("x86-64-v2", "x86-64", False),
        ("x86-64-v4", "x86-64-v3", False),
        ("x86-64-v2", "x86-64-v2", True),
        ("x86-64-v2", "x86-64-v4", True),
        ("x86-64-v4", None, True),
        ("", "x86-64", True),
    ],
)
def test_a_newer_processor_than_the_target_stops_the_build(needs: str, target: str | None, fits: bool) -> None:
    found = Requirements(cpu=needs, cpu_file="lib/fast.so")
    if fits:
        assert compare("demo", found, Target(cpu=target), {}) == []
        return
    error = refused(found, Target(cpu=target))
    assert (error.wanted, error.found) == (f"{target} or older, the target", f"{needs}, needed by lib/fast.so")


CUDA = Requirements(cuda_runtime="12.6", cuda_file="conda-meta/cuda.json", driver="525.60.13", driver_full="560.28.03")


@pytest.mark.parametrize(
    ("target", "level"),
    [
        (Target(), "full"),
        (Target(cuda="12.6"), "full"),
        (Target(cuda="12.9"), "full"),
        (Target(cuda="13.0"), "full"),
        (Target(cuda="14.5"), "full"),  # newer than the table
        (Target(cuda="12.2"), "minor"),
        (Target(cuda="12"), "minor"),
        (Target(cuda="11.8"), "unsupported"),
        (Target(driver="560.28.03"), "full"),
        (Target(driver="535.183.01"), "minor"),
        (Target(driver="470.256.02"), "unsupported"),
        (Target(driver="470.256.02", cuda="11.4"), "unsupported"),
    ],
)
def test_cuda_and_the_driver_of_the_target(target: Target, level: str) -> None:
    if level == "unsupported":
        error = refused(CUDA, target)
        assert error.found == "CUDA 12.6 (by conda-meta/cuda.json), which needs driver 525.60.13 or newer"
        assert error.where == f"target.{'driver' if target.driver else 'cuda'} of demo"
        allowed = compare("demo", CUDA, target, {"cuda-unsupported": "the CPU is enough"})
        assert [(item.name, item.level, item.allowed) for item in allowed] == [
            ("cuda-unsupported", "error", "the CPU is enough")
        ]
        return
    found = compare("demo", CUDA, target, {})
    assert [(item.name, item.level) for item in found] == (
        [("cuda-minor-version", "warning")] if level == "minor" else []
    )
    assert all("560.28.03" in item.what for item in found)


def test_a_release_without_cuda_fits_every_driver() -> None:
    assert compare("demo", Requirements(), Target(driver="390.1", cuda="9.0"), {}) == []


def test_a_finding_is_one_of_the_manifest() -> None:
    (finding,) = compare("demo", CUDA, Target(cuda="12.2"), {"cuda-minor-version": "known"})
    assert isinstance(finding, Finding)
    assert finding.allowed == "known"
    assert finding.what.startswith("CUDA 12.6 (by conda-meta/cuda.json) runs on hosts with CUDA 12.2")
