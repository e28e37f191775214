# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the environment's own Python without the settings of machine and user that would leak into the result."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._environment.container import Container
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._run.process import ANSWER_LIMIT

# Settings that would put packages elsewhere than into the environment, or make it use what is outside of it. All
# other PIP_ settings stay: that is how institutions name their mirrors.
UNWANTED = re.compile(
    r"PYTHON.*|CONDA_.*|VIRTUAL_ENV|LD_LIBRARY_PATH|LD_PRELOAD"
    r"|PIP_(TARGET|PREFIX|ROOT|USER|REPORT|DRY_RUN|REQUIREMENT|PYTHON|LOG|QUIET|VERBOSE|COMPILE|NO_COMPILE)"
)
# Run by the environment's Python, which may be 2.7 or PyPy: it knows where its modules lie. With ddir the path of this
# machine stays out of the byte code; Python puts the true one in when it imports.
# Seconds: the byte code of 100,000 files takes some minutes.
LIMIT = 3600
_COMPILE = """
import compileall, os, sys, sysconfig
prefix = os.path.realpath(sys.argv[1]) + os.sep
found = set(os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
found = sorted(path for path in found if path.startswith(prefix) and os.path.isdir(path))
for path in found:
    if not any(path.startswith(other + os.sep) for other in found):
        compileall.compile_dir(path, maxlevels=50, ddir=path[len(prefix):], quiet=1)
"""


def python_of(prefix: Path) -> Path:
    """Return where the environment's Python is, if it has one."""
    return prefix / "bin" / "python"


def clean_variables(prefix: Path, machine: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to run the environment's programs with, made from those of the machine."""
    kept = {name: value for name, value in machine.items() if not UNWANTED.fullmatch(name)}
    kept.update(
        PATH=f"{prefix / 'bin'}{os.pathsep}{machine.get('PATH', os.defpath)}",
        CONDA_PREFIX=str(prefix),
        PYTHONNOUSERSITE="1",
        PYTHONUTF8="1",
        PYTHONDONTWRITEBYTECODE="1",
    )
    return kept


def compile_missing(prefix: Path, container: Container | None = None) -> None:
    """Compile the Python files that have no byte code yet: the users of a host cannot write it there.

    Files that are not valid Python (templates, tests of old syntax) are skipped, as compileall does.
    """
    _run(prefix, container, ["-c", _COMPILE, str(prefix)])


def _run(prefix: Path, container: Container | None, arguments: Sequence[str]) -> str:
    # A fixed seed: the order of a set of words is written into byte code.
    variables = {**clean_variables(prefix, os.environ), "PYTHONHASHSEED": "0"}
    words = [str(python_of(prefix)), *arguments]
    if container:
        words = container.command(words, variables, prefix)
    done = process.run(words, deadline=LIMIT, env=variables, apart=True, limit=ANSWER_LIMIT, whole=False)
    if done.returncode is None:
        raise _cannot_run(prefix, done.explain())
    if not done.ok:
        raise _cannot_run(prefix, "; ".join((done.error or done.output).strip().splitlines()[-3:]))
    return done.output


def _cannot_run(prefix: Path, found: str) -> AirgapError:
    return AirgapError(
        "The environment's own Python does not run on the bastion",
        code="python-broken",
        wanted="a bastion that can run programs for the target",
        found=found or "no output",
        where=str(python_of(prefix)),
        remedy="build on a machine or in a container of the target's platform with the same or a newer glibc",
    )
