# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor on channels: packages that should have come from one place, and places that ask for an agreement."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeVar

from ansible_collections.airgap.conda.plugins.module_utils._doctor.case import Case, Complained, complain, named, some
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import CondaPackage
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import DEFAULTS

T = TypeVar("T")

# Packages that are compiled against each other. Each list has a reason:
# PyTorch's extensions are bound to the C++ ABI and the build of one libtorch; the parts of CUDA's toolkit are released
# together and load each other; what computes with numpy shares one BLAS and one OpenMP runtime in a process;
# TensorFlow's packages are one source cut into pieces.
STACKS = {
    "PyTorch": r"(lib)?torch|pytorch(-cpu|-gpu|-cuda|-mutex)?|torch(vision|audio|text|data)",
    "CUDA": r"cudatoolkit|cuda-(?!version$).*|"
    r"lib(cublas|cufft|cufile|curand|cusolver|cusparse|npp|nvjitlink|nvjpeg)(-.*)?",
    "numpy and BLAS": r"numpy(-base)?|scipy|scikit-learn|(lib|open|libopen)?blas|lib(cblas|lapack|lapacke)|"
    r"mkl(-service)?|intel-openmp",
    "TensorFlow": r"(lib)?tensorflow(-base|-estimator|-cpu|-gpu|-cc|_cc)?",
}
# Libraries of CUDA's toolkit and those that come with it, by the start of their file names. A wheel may add a hash to
# the name: libcudart-d0da41ae.so.11.0.
_CUDA_LIBRARY = re.compile(
    r"(lib(?:cublas|cublasLt|cudart|cudnn\w*|cufft|cufftw|cupti|curand|cusolver|cusolverMg|cusparse|cusparseLt|nccl|"
    r"nvJitLink|nvrtc|nvToolsExt))(?:-[0-9a-f]+)?\.so(?:[.\d]*)"
)


def mixed_channels(case: Case) -> Iterator[Complained]:
    """Find stacks whose packages come from more than one channel."""
    for stack, pattern in STACKS.items():
        members = [package for package in case.tree.conda if re.fullmatch(pattern, package.package.name)]
        addresses = Counter(_channel(case, package) for package in members)
        if len(addresses) < 2:
            continue
        most = addresses.most_common(1)[0][0]
        strays = [package for package in members if _channel(case, package) != most]
        channel = next((package.package.channel for package in members if package not in strays), most)
        # The line of a package that the author chose says more than one that a solver brought.
        stray = next((package for package in strays if package.package.name in case.conda_lines), strays[0])
        version = stray.package.version
        where, change = case.conda_change(stray.package.name, f"{channel}::{stray.package.name}={version}")
        packages = tuple(package.package for package in members)
        yield complain("mixed-channels", f"{stack}: {named(packages)}", packages, change, where)


def _channel(case: Case, package: CondaPackage) -> str:
    """Return what tells channels apart: all of defaults is one, all labels of a channel are one."""
    return "defaults" if _from_defaults(case, package) else re.sub(r"/label/.*", "", package.address)


def _from_defaults(case: Case, package: CondaPackage) -> bool:
    """Tell whether a package is of the group defaults, whose channels lie below a mirror under their bare names."""
    bare = DEFAULTS if {"defaults", *DEFAULTS} & set(case.spec.channels) else ()
    return package.package.channel in ("defaults", *bare)


def cuda_from_conda_and_pip(case: Case) -> Iterator[Complained]:
    """Find CUDA libraries that conda packages and pip wheels both bring."""
    by_conda = _cuda({path: claimed[0][0].package for path, claimed in case.tree.claims.items()})
    by_pip = _cuda({path: owners[0].package for path, owners in case.tree.pip_files.items()})
    libraries = sorted(by_conda.keys() & by_pip.keys())
    if not libraries:
        return
    conda = sorted({by_conda[library] for library in libraries}, key=str)
    pip = sorted({by_pip[library] for library in libraries}, key=str)
    lines = [case.conda_lines[package.name] for package in conda if package.name in case.conda_lines]
    change = f"remove the conda package that requires CUDA, or the pip package that requires {pip[0].name}"
    yield complain(
        "cuda-from-conda-and-pip",
        f"{some(libraries)} from {named(conda)} and from {named(pip)}",
        (*conda, *pip),
        case.removal(lines[0]) if lines else change,
        lines[0].where if lines else str(case.file),
    )


def _cuda(files: Mapping[str, T]) -> dict[str, T]:
    matches = ((_CUDA_LIBRARY.fullmatch(path.rpartition("/")[2]), package) for path, package in files.items())
    return {match[1]: package for match, package in matches if match}


def defaults_terms(case: Case) -> Iterator[Complained]:
    """Find packages from the channel defaults."""
    packages = tuple(package.package for package in case.tree.conda if _from_defaults(case, package))
    if not packages:
        return
    channels = [name for name in case.spec.channels if name not in ("defaults", *DEFAULTS)] or ["conda-forge"]
    yield complain(
        "defaults-terms",
        some(str(package) for package in packages),
        packages,
        f"write `channels: [{', '.join(channels)}, nodefaults]`",
        str(case.file),
    )
