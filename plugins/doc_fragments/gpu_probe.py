# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option of every module that looks at GPUs on the way; ``_gpu.PROBE_SPEC`` is its other half."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  gpu_probe:
    description: How the GPU is looked at, for releases that want one. See M(airgap.conda.gpu).
    type: dict
    default: {}
    suboptions:
      deadline:
        description: Seconds for each probe.
        type: float
        default: 60.0
      nvidia_smi:
        description: Name or path of nvidia-smi.
        type: str
        default: nvidia-smi
      proc:
        description: Where the kernel's proc file system is mounted.
        type: path
        default: /proc
"""
