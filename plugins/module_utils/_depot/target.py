# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare what a tree requires with the target that release.yml declares, before the release is signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    ERROR,
    WARNING,
    Finding,
    Requirements,
)
from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import stop_for
from ansible_collections.airgap.conda.plugins.module_utils._requirements import cuda
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import RELEASE

GLIBC, CPU, CUDA_UNSUPPORTED, CUDA_MINOR = "glibc-too-new", "cpu-too-new", "cuda-unsupported", "cuda-minor-version"


def compare(env: str, needs: Requirements, target: Target, allow: Mapping[str, str]) -> list[Finding]:
    """Return what is worth knowing of a tree that its target can run; raises AirgapError when it cannot.

    ``allow`` has reasons by the name of a finding. All that is not allowed is told in one error.
    """
    errors = {**_glibc(env, needs, target), **_cpu(env, needs, target), **_cuda_of(env, needs, target)}
    stop_for([_with_way_out(name, error) for name, error in errors.items() if not allow.get(name)])
    found = [
        Finding(name, ERROR, f"{error.found}; wanted: {error.wanted}", allowed=allow[name])
        for name, error in errors.items()
    ]
    return [*found, *_minor(needs, target, allow)]


def as_allowed(needs: Requirements, target: Target, allow: Mapping[str, str]) -> Requirements:
    """Return what hosts are to be asked for: no more than the target where more is allowed."""
    if allow.get(GLIBC) and _glibc("", needs, target):
        needs = replace(needs, glibc=target.glibc or "", glibc_symbol="")
    if allow.get(CPU) and _cpu("", needs, target):
        needs = replace(needs, cpu=target.cpu or "")
    return needs


def _with_way_out(name: str, error: AirgapError) -> AirgapError:
    error.remedy += f'. If no host ever loads it, write into {RELEASE}: allow: {{{name}: "the reason"}}'
    return error


def _glibc(env: str, needs: Requirements, target: Target) -> dict[str, AirgapError]:
    if not target.glibc or version_key(needs.glibc) <= version_key(target.glibc):
        return {}
    symbol = f" for the symbol {needs.glibc_symbol}" if needs.glibc_symbol else ""
    error = AirgapError(
        f"{env} needs a newer glibc than its hosts have",
        code=GLIBC,
        wanted=f"glibc {target.glibc} or older, the target",
        found=f"glibc {needs.glibc}, needed by {needs.glibc_file}{symbol}",
        where=f"target.glibc of {env}",
        remedy="use an older build of the package with this file; if pip compiled it here, build on the hosts' own "
        "operating system or in a container of it (build_container); or raise target.glibc if all hosts have it",
    )
    return {GLIBC: error}


def _cpu(env: str, needs: Requirements, target: Target) -> dict[str, AirgapError]:
    # The names of the levels sort as the levels do: x86-64 < x86-64-v2 < x86-64-v3 < x86-64-v4.
    if not target.cpu or needs.cpu <= target.cpu:
        return {}
    error = AirgapError(
        f"{env} needs a newer processor than its hosts have",
        code=CPU,
        wanted=f"{target.cpu} or older, the target",
        found=f"{needs.cpu}, needed by {needs.cpu_file}",
        where=f"target.cpu of {env}",
        remedy=f"use a build of this package for {target.cpu}, or raise target.cpu if all hosts have it",
    )
    return {CPU: error}


def _cuda_of(env: str, needs: Requirements, target: Target) -> dict[str, AirgapError]:
    if _driver_level(needs, target) != cuda.UNSUPPORTED:
        return {}
    error = AirgapError(
        f"{env} brings a CUDA that its hosts' driver does not run",
        code=CUDA_UNSUPPORTED,
        wanted=f"a CUDA for hosts with {_hosts(target)}, the target",
        found=f"CUDA {needs.cuda_runtime} (by {needs.cuda_file}), which needs driver {needs.driver} or newer",
        where=f"target.{'driver' if target.driver else 'cuda'} of {env}",
        remedy="ask for builds with an older CUDA in environment.yml, or raise the target if all hosts have a newer "
        "driver",
    )
    return {CUDA_UNSUPPORTED: error}


def _minor(needs: Requirements, target: Target, allow: Mapping[str, str]) -> Iterator[Finding]:
    if _driver_level(needs, target) == cuda.MINOR:
        text = (
            f"CUDA {needs.cuda_runtime} (by {needs.cuda_file}) runs on hosts with {_hosts(target)} by minor-version "
            "compatibility only: code that is compiled on the host (PTX) may not run. All of it needs driver "
            f"{needs.driver_full or 'of that CUDA'} or newer"
        )
        yield Finding(CUDA_MINOR, WARNING, text, allowed=allow.get(CUDA_MINOR, ""))


def _driver_level(needs: Requirements, target: Target) -> str:
    """Compare with the driver; where only target.cuda is declared, with the oldest driver that supports that."""
    driver = target.driver or cuda.oldest_driver(target.cuda or "")
    if not needs.cuda_runtime or not driver:
        return ""
    return cuda.driver_fit(driver, needs.cuda_runtime, target.cuda or "").level


def _hosts(target: Target) -> str:
    return f"driver {target.driver}" if target.driver else f"CUDA {target.cuda}"
