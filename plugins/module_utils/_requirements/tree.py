# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a built tree requires of a host: glibc and CPU from its ELF files, CPU and CUDA from its packages."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._activation.script import activate_script
from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import shell
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Requirements
from ansible_collections.airgap.conda.plugins.module_utils._requirements import cuda as _cuda
from ansible_collections.airgap.conda.plugins.module_utils._requirements import elf, torch_child
from ansible_collections.airgap.conda.plugins.module_utils._run.process import ENVIRONMENT
from ansible_collections.airgap.conda.plugins.module_utils._run.shield import run_over

# Seconds for the import of PyTorch, which takes 10 to 30 s from a cold disk.
DEADLINE = 120.0
# No loader takes these for ELF files, and they are most of an environment.
NO_ELF = (".py", ".pyc", ".pyi", ".h", ".txt", ".json")
# Microarchitectures by the names that __archspec has for them, up to those that the levels do not tell apart.
_LEVELS = {
    "x86-64-v2": ("x86_64_v2", "nehalem", "westmere", "sandybridge", "ivybridge"),
    "x86-64-v3": ("x86_64_v3", "haswell", "broadwell", "skylake", "zen", "zen2", "zen3"),
    "x86-64-v4": ("x86_64_v4", "skylake_avx512", "cascadelake", "icelake", "sapphirerapids", "zen4", "zen5"),
}
_LEVEL_OF = {name: level for level, names in _LEVELS.items() for name in names}
_LEVEL_PACKAGE = "_x86_64-microarch-level"
_ARCHSPEC = re.compile(r"__archspec\s+\S+\s+(?P<name>\w+)")


def requirements_of(
    tree: Path, prefix: Path, paths: Iterable[str], records: Mapping[str, Mapping[str, Any]]
) -> Requirements:
    """Return what the tree requires; ``paths`` are its regular files.

    ``prefix`` is the environment that the tree was made from: its Python is asked what PyTorch was compiled for.
    ``records`` are the tree's conda packages by path of their record. Takes 0.4 s for 10,000 files with 270 ELF files.
    """
    files = elf.elf_files(tree, (path for path in paths if not path.endswith(NO_ELF)))
    glibc, glibc_file, version = elf.newest_need(files, elf.GLIBC)
    glibcxx, glibcxx_file, _name = elf.newest_need(files, elf.GLIBCXX)
    cpu, cpu_file = max(elf.newest_isa(files), cpu_of_packages(records), key=lambda found: found[0])
    cuda, cuda_file = _cuda.cuda_of_prefix(tree)
    fit = _cuda.driver_fit("1", cuda)  # older than any: only the floors are of interest
    return Requirements(
        glibc=glibc,
        glibc_file=glibc_file,
        glibc_symbol=elf.needed_symbol(tree / glibc_file, version) if glibc else "",
        glibcxx=glibcxx,
        glibcxx_file=glibcxx_file,
        glibcxx_own=elf.own_glibcxx(files),
        cpu=cpu,
        cpu_file=cpu_file,
        cuda_runtime=cuda,
        cuda_file=str(Path(cuda_file).relative_to(tree)) if cuda_file else "",
        driver=fit.minor_floor,
        driver_full=fit.floor,
        gpu_architectures=gpu_architectures(tree, prefix),
    )


def cpu_of_packages(records: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Return the highest CPU level that a conda package asks for (``x86-64-v3``), and its record; empty for none."""
    found = [("", "")]
    for path, record in records.items():
        depends = [str(item) for item in record.get("depends") or ()]
        names = [match["name"] for match in map(_ARCHSPEC.match, depends) if match]
        levels = [_LEVEL_OF[name] for name in names if name in _LEVEL_OF]
        # The package that others depend on for a level has it as its version.
        if record.get("name") == _LEVEL_PACKAGE:
            levels += [level for level in _LEVELS if level.endswith(f"v{record.get('version')}")]
        found += [(level, path) for level in levels]
    return max(found, key=lambda item: item[0])


def gpu_architectures(tree: Path, prefix: Path, deadline: float = DEADLINE) -> dict[str, list[str]]:
    """Return for each framework with CUDA what it was compiled for (``sm_80``, ``compute_90``), as it says itself.

    TensorFlow has it in a file. PyTorch has it in a library, so the environment's own Python is asked; that needs no
    GPU. A framework that cannot be asked by ``deadline`` (seconds) is left out.
    """
    found = {"tensorflow": _cuda.tensorflow_architectures(tree)}
    if _cuda.has_torch_cuda(tree):
        found["torch"] = _ask_torch(prefix, deadline)
    return {name: names for name, names in sorted(found.items()) if names}


def _ask_torch(prefix: Path, deadline: float) -> list[str]:
    child = shlex.quote(inspect.getsource(torch_child))
    script = f'{activate_script("build", prefix)}\nexec "$CONDA_PREFIX/bin/python" -c {child}'
    variables = {**ENVIRONMENT, "PYTHONNOUSERSITE": "1"}  # what is in the builder's home says nothing about the release
    outcome = run_over(prefix, [*shell(), "-c", script], deadline=deadline, env=variables)
    for line in reversed(outcome.output.splitlines()):
        if line.startswith(torch_child.MARK):
            return _names(line[len(torch_child.MARK) :])
    return []


def _names(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
