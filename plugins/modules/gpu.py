#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu
short_description: Verify the NVIDIA GPUs of a host, alone or for one conda environment
version_added: 0.1.0
description:
  - Checks whether the driver responds and sees the GPUs, and whether they report faults (memory errors, throttling, a
    narrow PCIe link). With O(prefix), also checks whether driver and GPUs are compatible with the environment's CUDA
    and frameworks, and whether each GPU multiplies matrices as the CPU does, with PyTorch or TensorFlow in the
    environment's own Python.
  - Each probe has a deadline. A probe that does not end is killed and abandoned, so that a hanging driver does not
    block the task. The task ends within three deadlines plus 5 seconds; if one probe hangs, within one deadline plus 5
    seconds.
  - Each finding has a verdict. V(ok) means that it works, V(degraded) that it works with a fault or a limit, V(absent)
    that there is no usable GPU, V(broken) that it does not work, V(unknown) that the check gave no result.
  - A host with one working and one broken GPU is V(degraded).
  - Changes nothing. Each GPU holds matrices of 1 MB during the test.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  require:
    description:
      - Which verdicts are accepted.
      - V(required) accepts only V(ok) and V(degraded), V(optional) fails only with V(broken), V(none) never fails.
    type: str
    choices: [none, optional, required]
    default: optional
  prefix:
    description: An environment with which to test the GPUs. It is activated first. Without it, nothing is computed.
    type: path
  cuda:
    description: CUDA version that the driver must support. The default is the newest for which O(prefix) has code.
    type: str
    default: ""
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
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details: It never changes anything.
"""

EXAMPLES = r"""
- name: See what GPUs a host has and whether they are well
  airgap.conda.gpu:
    require: none
  register: result

- name: Make sure that an environment computes on every host's GPU
  airgap.conda.gpu:
    prefix: /opt/conda-envs/torch/current
    require: required
"""

RETURN = r"""
gpu:
  description: The results. A failed task returns them too.
  returned: always, unless the parameters are wrong
  type: dict
  contains:
    verdict:
      description: V(ok), V(degraded), V(absent), V(unknown) or V(broken).
      type: str
    driver:
      description: Version of the loaded driver, or empty.
      type: str
    cuda:
      description: Newest CUDA that the driver fully supports.
      type: str
    gpus:
      description: The GPUs. Unknown values are null.
      type: list
      elements: dict
      contains:
        index:
          description: Number in the order of the PCI bus, as nvidia-smi counts.
          type: int
        verdict:
          description: As above, for this GPU.
          type: str
        uuid:
          description: UUID of the GPU.
          type: str
        name:
          description: Name of the product.
          type: str
        capability:
          description: Compute capability, such as V(8.6).
          type: str
        memory_mib:
          description: Memory in MiB.
          type: int
        memory_used_mib:
          description: Memory in use in MiB.
          type: int
        temperature_c:
          description: Temperature in degrees Celsius.
          type: int
        persistence:
          description: Persistence mode.
          type: str
        ecc:
          description: ECC mode.
          type: str
        ecc_uncorrected:
          description: Uncorrected errors, C(volatile) since the last start and C(aggregate) in total.
          type: dict
        clocks_event_reasons:
          description: Reasons for reduced clocks.
          type: list
          elements: str
        pcie:
          description: The PCIe link, C(gen) and C(width), each a list of the current and the maximum value.
          type: dict
    findings:
      description: The checks.
      type: list
      elements: dict
      contains:
        check:
          description: V(driver), V(health), V(cuda), V(architecture) or V(matmul).
          type: str
        subject:
          description: The GPU, as V(GPU 0); empty for the host.
          type: str
        verdict:
          description: As above.
          type: str
        problem:
          description: What is wrong, empty where the verdict is ok.
          type: str
        wanted:
          description: What a healthy host would show.
          type: str
        found:
          description: What this one shows.
          type: str
        where:
          description: The GPU, file or program.
          type: str
        remedy:
          description: What to do, empty if there is nothing to do.
          type: str
        code:
          description: The check's name, whatever the texts are.
          type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools, look, require


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "require": {"type": "str", "choices": ["none", "optional", "required"], "default": "optional"},
            "prefix": {"type": "path"},
            "cuda": {"type": "str", "default": ""},
            "deadline": {"type": "float", "default": 60.0},
            "nvidia_smi": {"type": "str", "default": "nvidia-smi"},
            "proc": {"type": "path", "default": "/proc"},
        },
        supports_check_mode=True,
    )
    params = module.params

    def step() -> dict[str, Any]:
        tools = Tools.from_params(params)
        report = look(Path(params["prefix"]) if params["prefix"] else None, params["cuda"], tools)
        require(report, params["require"], f"and the task says require: {params['require']}")
        for text in report.warnings():
            module.warn(text)
        return {"changed": False, "gpu": report.as_result()}

    run_module(module, step)


if __name__ == "__main__":
    main()
