# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare what a tree requires with the target that release.yml declares, before the release is signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.airgap.conda.plugins.module_utils import _cuda
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._release import ERROR, WARNING, Finding, Requirements
from ansible_collections.airgap.conda.plugins.module_utils._release_spec import Target
from ansible_collections.airgap.conda.plugins.module_utils._requirements import version_key

CUDA_UNSUPPORTED, CUDA_MINOR = "cuda-unsupported", "cuda-minor-version"


def compare(env: str, needs: Requirements, target: Target, allow: Mapping[str, str]) -> list[Finding]:
    """Return what is worth knowing of a tree that its target can run; raises AirgapError when it cannot.

    ``allow`` has reasons by the name of a finding. Nothing can allow what the hosts' own loader will refuse.
    """
    _require_glibc(env, needs, target)
    _require_cpu(env, needs, target)
    return [*_fit_cuda(env, needs, target, allow)]


def _require_glibc(env: str, needs: Requirements, target: Target) -> None:
    if target.glibc and version_key(needs.glibc) > version_key(target.glibc):
        symbol = f" for the symbol {needs.glibc_symbol}" if needs.glibc_symbol else ""
        raise AirgapError(
            f"{env} needs a newer glibc than its hosts have",
            wanted=f"glibc {target.glibc} or older, the target",
            found=f"glibc {needs.glibc}, needed by {needs.glibc_file}{symbol}",
            where=f"target.glibc of {env}",
            remedy="use an older build of the package with this file; if pip compiled it here, build on the hosts' own "
            "operating system or in a container of it (build_container); or raise target.glibc if all hosts have it",
        )


def _require_cpu(env: str, needs: Requirements, target: Target) -> None:
    # The names of the levels sort as the levels do: x86-64 < x86-64-v2 < x86-64-v3 < x86-64-v4.
    if target.cpu and needs.cpu > target.cpu:
        raise AirgapError(
            f"{env} needs a newer processor than its hosts have",
            wanted=f"{target.cpu} or older, the target",
            found=f"{needs.cpu}, needed by {needs.cpu_file}",
            where=f"target.cpu of {env}",
            remedy=f"use a build of this package for {target.cpu}, or raise target.cpu if all hosts have it",
        )


def _fit_cuda(env: str, needs: Requirements, target: Target, allow: Mapping[str, str]) -> Iterator[Finding]:
    """Compare with the driver; where only target.cuda is declared, with the oldest driver that supports that."""
    wanted = needs.cuda_runtime
    driver = target.driver or _cuda.oldest_driver(target.cuda or "")
    if not wanted or not driver:
        return
    level = _cuda.driver_fit(driver, wanted, target.cuda or "").level
    hosts = f"driver {target.driver}" if target.driver else f"CUDA {target.cuda}"
    where = f"target.{'driver' if target.driver else 'cuda'} of {env}"
    brings = f"CUDA {wanted} (by {needs.cuda_file})"
    if level == _cuda.MINOR:
        text = (
            f"{brings} runs on hosts with {hosts} by minor-version compatibility only: code that is compiled on the "
            f"host (PTX) may not run. All of it needs driver {needs.driver_full or 'of that CUDA'} or newer"
        )
        yield Finding(CUDA_MINOR, WARNING, text, allowed=allow.get(CUDA_MINOR, ""))
    if level == _cuda.UNSUPPORTED:
        reason = allow.get(CUDA_UNSUPPORTED, "")
        if not reason:
            raise AirgapError(
                f"{env} brings a CUDA that its hosts' driver does not run",
                wanted=f"a CUDA for hosts with {hosts}, the target",
                found=f"{brings}, which needs driver {needs.driver} or newer",
                where=where,
                remedy="ask for builds with an older CUDA in environment.yml, or raise the target if all hosts have a "
                f"newer driver; if only the CPU is used, add allow: {{{CUDA_UNSUPPORTED}: the reason}} to release.yml",
            )
        text = f"{brings} does not run on hosts with {hosts}: it needs driver {needs.driver} or newer"
        yield Finding(CUDA_UNSUPPORTED, ERROR, text, allowed=reason)
