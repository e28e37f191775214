# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks look at: the host and the environment, each thing asked once, when the first check wants it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._gpu.driver import loaded_module, see
from ansible_collections.airgap.conda.plugins.module_utils._gpu.gpu import Gpu
from ansible_collections.airgap.conda.plugins.module_utils._gpu.smi import Answer, Clock
from ansible_collections.airgap.conda.plugins.module_utils._gpu.tools import Tools
from ansible_collections.airgap.conda.plugins.module_utils._gpu.works import Trial, try_all


@dataclass(frozen=True)
class Seen:
    """A host, and the environment at ``prefix`` when there is one.

    ``cuda`` is the CUDA toolkit that counts (empty for none) and ``source`` says where it is from. ``must_compute``
    says whether it is a finding that the environment has nothing to compute with on a GPU.
    """

    prefix: Path | None
    cuda: str
    source: str
    tools: Tools
    must_compute: bool

    @cached_property
    def clock(self) -> Clock:
        """The seconds that are left: every probe of every check takes its own from here."""
        return Clock(self.tools.deadline)

    @cached_property
    def module(self) -> str:
        """The version of the loaded kernel module; empty without one."""
        return loaded_module(self.tools.proc)

    @cached_property
    def answer(self) -> Answer:
        """What nvidia-smi said, judged together with what the kernel says."""
        return see(self.module, self.tools, self.cuda, self.clock)

    @property
    def driver(self) -> str:
        """The version of the driver; empty without one."""
        return self.module or self.answer.driver

    @cached_property
    def trials(self) -> list[Trial]:
        """What the frameworks of the environment did on each GPU."""
        if self.prefix is None or not self.answer.gpus:
            return []
        return try_all(self.prefix, self.answer.gpus, self.clock)

    @cached_property
    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs, each with the compute capability that is known best."""
        return tuple(_with_capability(gpu, self.trials) for gpu in self.answer.gpus)


def _with_capability(gpu: Gpu, trials: Sequence[Trial]) -> Gpu:
    """Let a framework's own answer stand above the table's."""
    told = [trial.text("capability") for trial in trials if trial.gpu.index == gpu.index]
    return replace(gpu, capability=next((item for item in told if re.fullmatch(r"\d+\.\d+", item)), gpu.capability))
