# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compute on each GPU with the frameworks of an environment, in its own Python, and say what the result means."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._activation.script import activate_script
from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import shell
from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import ABSENT, BROKEN, OK, UNKNOWN, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import site_folders
from ansible_collections.airgap.conda.plugins.module_utils._gpu import child
from ansible_collections.airgap.conda.plugins.module_utils._gpu.gpu import Gpu
from ansible_collections.airgap.conda.plugins.module_utils._gpu.smi import Clock
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._run.process import ENVIRONMENT
from ansible_collections.airgap.conda.plugins.module_utils._run.shield import run_over

FRAMEWORKS = ("torch", "tensorflow")
# GPUs that are tried at the same time: a GPU that hangs costs its neighbours nothing.
AT_ONCE = 8
# Bytes of what the child writes that are read.
ANSWER_LIMIT = 64 << 10

_BUSY = "wait until its other users are done, or run this again later"
_REBUILD = "build the release with a framework compiled for this GPU"
# What frameworks say -> verdict and remedy. The first pattern that matches counts.
ERRORS = [
    (r"out of memory|ALLOC_FAILED|OOM|ResourceExhausted", UNKNOWN, f"the GPU's memory is in use: {_BUSY}"),
    (r"busy or unavailable", UNKNOWN, f"the GPU is in use by another program: {_BUSY}"),
    (r"no kernel image|not compatible with the current", BROKEN, _REBUILD),
    (r"unsupported toolchain|unsupported PTX", BROKEN, f"update the NVIDIA driver, or {_REBUILD}"),
    (r"driver.* (is )?(too old|insufficient)|forward compatibility was attempted", BROKEN,
     "update the NVIDIA driver, or build the release for an older CUDA"),
    (r"system not yet initialized", BROKEN, "start nvidia-fabricmanager, which GPUs with NVSwitch need"),
    (r"uncorrectable ECC|fallen off the bus|GPU is lost", BROKEN, "reboot; if it comes back, have the GPU replaced"),
    (r"No CUDA GPUs|no CUDA-capable device|finds no GPU", BROKEN,
     "look at the permissions of /dev/nvidia*, and whether the CUDA libraries of the environment are complete"),
    (r"cannot open shared object|ImportError|ModuleNotFoundError", BROKEN,
     "build the release again with the missing library, or set LD_LIBRARY_PATH in activation.variables"),
]  # fmt: skip
_PROBLEMS = {
    OK: "",
    UNKNOWN: "Nobody knows whether this GPU computes",
    BROKEN: "This GPU does not compute as it should",
}
_OTHERWISE = "run the same by hand in the environment; look for Xid messages in the kernel log"


@dataclass(frozen=True)
class Trial:
    """What one framework did on one GPU: ``learnt`` is what ``child`` wrote, ``outcome`` how it ended.

    ``limit`` are the seconds that it had.
    """

    framework: str
    gpu: Gpu
    limit: float
    outcome: process.Outcome
    learnt: dict[str, Any] = field(default_factory=dict)

    @property
    def architectures(self) -> list[str]:
        """The architectures that the framework has code for, as it says itself; empty when it did not say."""
        names = self.learnt.get("architectures")
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    @property
    def is_without_cuda(self) -> bool:
        """Whether the framework was built for the CPU only."""
        return self.outcome.ok and self.learnt.get("cuda") == ""

    def text(self, name: str) -> str:
        """Return one thing learnt as text; empty when it was not."""
        value = self.learnt.get(name)
        return clean(value) if isinstance(value, str) else ""


def frameworks_of(prefix: Path) -> list[str]:
    """Return which of FRAMEWORKS an environment has, without importing them."""
    return [name for name in FRAMEWORKS if any((s / name / "__init__.py").is_file() for s in site_folders(prefix))]


def try_all(prefix: Path, gpus: Sequence[Gpu], clock: Clock) -> list[Trial]:
    """Run every framework of an environment on every GPU: GPUs side by side, frameworks one after the other.

    Frameworks side by side would meet on a GPU that takes one process at a time (compute mode EXCLUSIVE_PROCESS).
    """
    trials: list[Trial] = []
    for framework in frameworks_of(prefix):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            trials += pool.map(lambda gpu, name=framework: _try(prefix, name, gpu, clock), gpus)
    return trials


def _try(prefix: Path, framework: str, gpu: Gpu, clock: Clock) -> Trial:
    home = tempfile.mkdtemp(prefix="airgap-conda-")
    try:
        answer = Path(home, "answer")
        arguments = [inspect.getsource(child), framework, gpu.uuid, str(answer)]
        python = f'exec "$CONDA_PREFIX/bin/python" -c {" ".join(shlex.quote(argument) for argument in arguments)}'
        # The name of any folder is nothing to put into a script; nobody sees this one.
        script = [*shell(), "-c", f"{activate_script('gpu', prefix)}\n{python}"]
        limit = clock.take()
        outcome = run_over(prefix, script, deadline=limit, env={**ENVIRONMENT, "HOME": home})
        return Trial(framework, gpu, limit, outcome, _read(answer))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _read(path: Path) -> dict[str, Any]:
    """Read what the child wrote: a JSON object a line, the last of which may be half written."""
    learnt: dict[str, Any] = {}
    try:
        with open(path, "rb") as stream:
            lines = stream.read(ANSWER_LIMIT).decode("utf-8", "replace").splitlines()
    except OSError:
        return learnt
    for line in lines:
        try:
            learnt.update(json.loads(line))
        except (ValueError, TypeError):
            break
    return learnt


def judge(trials: Sequence[Trial], prefix: Path) -> list[Finding]:
    """Return a finding for each trial; those of frameworks without CUDA make one, unless there is one with CUDA."""
    without = [trial for trial in trials if trial.is_without_cuda]
    findings = [_judge(trial) for trial in trials if not trial.is_without_cuda]
    if without and not findings:
        names = {f"{trial.framework} {trial.text('version')}": None for trial in without}
        return [
            Finding(
                "matmul",
                "",
                ABSENT,
                "The release does not compute on a GPU",
                "a framework that computes on the GPU",
                f"{' and '.join(names)}, built without CUDA",
                str(prefix),
                "build the release on a bastion that is told of the GPU: set target.cuda in release.yml, ask for the "
                "CUDA build of the framework in environment.yml",
            )
        ]
    return findings


def _judge(trial: Trial) -> Finding:
    name = f"{trial.framework} {trial.text('version')}".strip()
    verdict, found, remedy = _meaning(trial)
    return Finding(
        "matmul",
        trial.gpu.subject,
        verdict,
        _PROBLEMS[verdict],
        f"{name} multiplies {child.N} x {child.N} float32 matrices on the GPU as the CPU does",
        found,
        trial.gpu.where,
        remedy,
    )


def _meaning(trial: Trial) -> tuple[str, str, str]:
    """Return verdict, what was found and the remedy."""
    outcome, ratio, error = trial.outcome, trial.learnt.get("ratio"), trial.text("error")
    if outcome.returncode is None:
        found = f"no end within {trial.limit:.3g} s, while {_doing(trial)}; it was left behind"
        return UNKNOWN, found, f"run it again with a longer deadline; if it hangs again, {_OTHERWISE}; reboot"
    if outcome.ok and isinstance(ratio, (int, float)):
        if ratio <= 1:  # not a number is no success
            return OK, f"the largest difference is {ratio:.2g} of what rounding explains", ""
        found = f"wrong results: the largest difference is {ratio:.3g} times what rounding explains"
        return BROKEN, found, "stop using this GPU for results that matter; test its memory, cooling and power"
    found = error or outcome.explain()
    for pattern, verdict, remedy in ERRORS:
        if re.search(pattern, f"{error} {outcome.output}", re.IGNORECASE):
            return verdict, f"{found} (while {_doing(trial)})", remedy
    return BROKEN, f"{found} (while {_doing(trial)})", _OTHERWISE


def _doing(trial: Trial) -> str:
    if "version" not in trial.learnt:
        return f"importing {trial.framework}"
    return "computing" if "device" in trial.learnt else "starting CUDA"
