# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option of every module that also checks GPUs; ``_gpu.PROBE_SPEC`` is the matching argument spec."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  gpu_probe:
    description: How to check the GPU, for releases that require one. See M(airgap.conda.gpu).
    type: dict
    default: {}
    suboptions:
      deadline:
        description: Timeout of each probe in seconds.
        type: float
        default: 60.0
      nvidia_smi:
        description: Name or path of nvidia-smi.
        type: str
        default: nvidia-smi
      proc:
        description: Mount point of the kernel's proc file system.
        type: path
        default: /proc
"""
