# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What fits what: drivers and CUDA toolkits, architectures in a build and GPUs. Tables and rules; nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import site_folders

# Toolkit -> oldest Linux driver that supports all of it. NVIDIA, CUDA Toolkit Release Notes, "CUDA Toolkit and
# Corresponding Driver Versions"; where updates of a toolkit ask for newer drivers, the first release's.
FLOORS = {
    "10.0": "410.48", "10.1": "418.39", "10.2": "440.33",
    "11.0": "450.51.05", "11.1": "455.23", "11.2": "460.27.03", "11.3": "465.19.01", "11.4": "470.42.01",
    "11.5": "495.29.05", "11.6": "510.39.01", "11.7": "515.43.04", "11.8": "520.61.05",
    "12.0": "525.60.13", "12.1": "530.30.02", "12.2": "535.54.03", "12.3": "545.23.06", "12.4": "550.54.14",
    "12.5": "555.42.02", "12.6": "560.28.03", "12.8": "570.26", "12.9": "575.51.03",
    "13.0": "580.65.06", "13.1": "590.44.01", "13.2": "595.45.04",
}  # fmt: skip
# Major version -> oldest driver that runs every toolkit of it "with limited feature-set". NVIDIA, CUDA Compatibility,
# "Minor Version Compatibility"; before 11 there is none.
MINOR_FLOORS = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
# Major version -> oldest compute capability it still compiles for (release notes: Kepler left with 12.0; Maxwell,
# Pascal and Volta with 13.0).
OLDEST_CAPABILITY = {10: "3.0", 11: "3.5", 12: "5.0", 13: "7.5"}

# Compute capability by product name, for drivers before 510, whose nvidia-smi cannot be asked for it. NVIDIA, "CUDA
# GPUs". The first pattern that matches counts.
_CAPABILITIES = [
    (r"\b(A100|A30|A800)\b", "8.0"),
    (r"\b(A40|A16|A10G?|A2|RTX A\d{3,4}|RTX 30[5-9]0)\b", "8.6"),
    (r"\b(T4|RTX 20[678]0|GTX 16[356]0|Quadro RTX \d{4}|TITAN RTX|T[4-6]00|T1000)\b", "7.5"),
    (r"\b(V100\w*|TITAN V|GV100)\b", "7.0"),
    (r"\b(P100|GP100)\b", "6.0"),
    (r"\b(Quadro P\d{3,4}|GTX 10[5-8]0|GT 1030|P4|P6|P40|TITAN Xp?|MX[123]50)\b", "6.1"),
    (r"\b(Quadro M[2-6]000|GTX 9[5-8]0|M4|M40|M60)\b", "5.2"),
    (r"\b(M10|GTX 750|Quadro K620|Quadro K1200)\b", "5.0"),
    (r"\bK80\b", "3.7"),
    (r"\b(K40\w?|K20\w?|GTX 7[78]0|Quadro K6000)\b", "3.5"),
]

FULL, MINOR, UNSUPPORTED, UNKNOWN = "full", "minor", "unsupported", "unknown"
BINARY, PTX, NONE = "binary", "ptx", "none"


@dataclass(frozen=True)
class DriverFit:
    """How a driver fits a toolkit: ``level`` is full, minor, unsupported or unknown.

    ``floor`` is the oldest driver for all of the toolkit, ``minor_floor`` the oldest that runs it at all.
    """

    level: str
    floor: str
    minor_floor: str


def driver_fit(driver: str, cuda: str, newest: str = "") -> DriverFit:
    """Compare a driver (``535.183.01``) with a CUDA toolkit (``12.6``, ``12.6.77`` or only ``12``).

    ``newest`` is the newest CUDA that the driver says it supports; it counts for toolkits younger than the table.
    """
    have, wanted = version_key(driver), version_key(cuda)[:2]
    if not have or not wanted:
        return DriverFit(UNKNOWN, "", "")
    minor_floor = MINOR_FLOORS.get(wanted[0], "")
    floor = FLOORS.get(".".join(str(number) for number in wanted), "")
    if len(wanted) == 1:  # all of a major version is what every driver from its first on runs
        floor = minor_floor or FLOORS.get(f"{wanted[0]}.0", "")
    if (floor and have >= version_key(floor)) or (newest and version_key(newest) >= wanted):
        return DriverFit(FULL, floor, minor_floor or floor)
    if minor_floor and have >= version_key(minor_floor):
        return DriverFit(MINOR, floor, minor_floor)
    if minor_floor or floor:
        return DriverFit(UNSUPPORTED, floor, minor_floor or floor)
    return DriverFit(UNKNOWN, "", "")


def newest_cuda(driver: str) -> str:
    """Return the newest CUDA toolkit of the table that a driver supports in full (``11.4``); empty before 10.0."""
    have = version_key(driver)
    return next((cuda for cuda, floor in reversed(list(FLOORS.items())) if have >= version_key(floor)), "")


def oldest_driver(cuda: str) -> str:
    """Return the oldest driver that supports a CUDA toolkit (``11.4``) in full; empty before 10.0.

    For a toolkit that the table lacks (``12.7``) it is that of the newest before it.
    """
    wanted = version_key(cuda)
    return next((floor for name, floor in reversed(list(FLOORS.items())) if version_key(name) <= (*wanted, 0)[:2]), "")


def architecture_fit(capability: str, architectures: Iterable[str]) -> str:
    """Tell whether code for ``architectures`` (``sm_86``, ``compute_90``) runs on a GPU of ``capability`` (``8.9``).

    binary: compiled for it; ptx: compiled for it by the driver at the first start; none: "no kernel image is
    available"; unknown: nothing to compare. Rules from NVIDIA's CUDA C++ Programming Guide: binaries run on the same
    major version with an equal or higher minor; PTX runs on everything equal or newer; with suffix ``a`` both run on
    that very capability, with ``f`` within the same major version.
    """
    have, best = version_key(capability), UNKNOWN
    if len(have) != 2:
        return UNKNOWN
    for name in architectures:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", name)
        if not match:
            continue
        kind, suffix, built = match[1], match[4], (int(match[2]), int(match[3]))
        runs = built <= have and (built[0] == have[0] or (kind == "compute" and not suffix))
        if runs and (suffix != "a" or built == have):
            if kind == "sm":
                return BINARY
            best = PTX
        elif best == UNKNOWN:
            best = NONE
    return best


def capability_of(product: str) -> str:
    """Return the compute capability of a product (``Quadro P2200`` -> ``6.1``); empty when the table lacks it."""
    return next((capability for pattern, capability in _CAPABILITIES if re.search(pattern, product)), "")


# Conda packages whose version is that of the CUDA runtime in the environment. A compiler (cuda-nvcc) may be older.
_CONDA = ("cuda-version", "cudatoolkit", "pytorch-cuda", "cuda-runtime", "cuda-cudart")
# nvidia_cuda_runtime_cu12-12.6.77.dist-info carries the whole version, nvidia_cudnn_cu11-8.6.0.dist-info the major one.
_RUNTIME = re.compile(r"nvidia_cuda_runtime(_cu\d+)?-(?P<version>\d+\.\d+)[^/]*\.dist-info", re.IGNORECASE)
_MAJOR = re.compile(r"nvidia_\w+_cu(?P<version>\d{2})-[^/]*\.dist-info", re.IGNORECASE)
# torch/version.py: cuda = '11.7', later cuda: Optional[str] = '12.6'; TensorFlow's build_info.py:
# 'cuda_version': '11.8' as a dict, or ('cuda_version', '11.8').
_BUILD = {
    "torch/version.py": re.compile(r"^cuda\b[^=\n]*=\s*['\"](\d+\.\d+)", re.MULTILINE),
    "tensorflow/python/platform/build_info.py": re.compile(r"['\"]cuda_version['\"]\s*[:,]\s*['\"](\d+(?:\.\d+)?)"),
}
# The same file has the list of what it was compiled for, in the same two forms.
_TENSORFLOW_LIST = re.compile(r"['\"]cuda_compute_capabilities['\"]\s*[:,]\s*\[([^\]]*)\]")


def cuda_of_prefix(prefix: Path) -> tuple[str, str]:
    """Return the newest CUDA that an environment brings code for, and the file that says so; both empty for none.

    The newest, because it asks most of the driver. Only names and two small files are read; nothing is imported.
    """
    found = [*_conda_versions(prefix)]
    for folder in site_folders(prefix):
        names = [path.name for path in folder.glob("nvidia_*.dist-info")]
        matches = [(_RUNTIME.fullmatch(name) or _MAJOR.fullmatch(name), name) for name in names]
        found += [(match["version"], str(folder / name)) for match, name in matches if match]
        for name, pattern in _BUILD.items():
            build = pattern.search(_read(folder / name))
            if build:
                found.append((build[1], str(folder / name)))
    # 12 alone says less than 12.6, and sorts below it.
    return max(found, key=lambda item: (version_key(item[0]), item[1]), default=("", ""))


def has_torch_cuda(prefix: Path) -> bool:
    """Tell whether an environment has a PyTorch that was built with CUDA."""
    name = "torch/version.py"
    return any(_BUILD[name].search(_read(folder / name)) for folder in site_folders(prefix))


def tensorflow_architectures(prefix: Path) -> list[str]:
    """Return what the environment's TensorFlow was compiled for (``sm_60``, ``compute_80``); empty without CUDA."""
    texts = (_read(folder / "tensorflow/python/platform/build_info.py") for folder in site_folders(prefix))
    lists = [match[1] for match in map(_TENSORFLOW_LIST.search, texts) if match]
    return re.findall(r"\w+", " ".join(lists))


def _conda_versions(prefix: Path) -> Sequence[tuple[str, str]]:
    names = [path.name[: -len(".json")].rsplit("-", 2) for path in prefix.glob("conda-meta/*.json")]
    return [
        (".".join(parts[1].split(".")[:2]), str(prefix / "conda-meta" / ("-".join(parts) + ".json")))
        for parts in names
        if len(parts) == 3 and parts[0] in _CONDA and re.match(r"\d+\.\d+", parts[1])
    ]


def _read(path: Path) -> str:
    try:
        return path.read_bytes()[: 64 << 10].decode("utf-8", "replace")
    except OSError:
        return ""
