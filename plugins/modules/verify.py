#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
short_description: Check that the current releases of a host are complete and work
version_added: 0.1.0
description:
  - Compares every file of each current release with what the bastion signed, and runs the release's checks, including
    the GPU check for a release that requires a GPU.
  - Changes nothing; it writes a signed receipt of the host to C(.state/.receipts) below O(root), except in check mode.
    One that cannot be written causes a warning.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store, airgap.conda.gpu_probe]
options:
  envs:
    description: Environments to verify. An empty list means all environments on the host.
    type: list
    elements: str
    default: []
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
- name: Check everything
  airgap.conda.verify:
"""

RETURN = r"""
envs:
  description:
    - One entry for each environment, with its current release, the other installed releases, and the result of the GPU
      check if the release requires a GPU.
  returned: success
  type: list
  elements: dict
  contains:
    env:
      description: Name of the environment.
      type: str
    release:
      description: Id of its current release.
      type: str
    installed:
      description: Ids of all its releases on the host.
      type: list
      elements: str
    previous:
      description: Id of the previous release, or empty.
      type: str
    gpu:
      description: Result of the GPU check, as M(airgap.conda.gpu) returns it; null if the release requires no GPU.
      type: dict
receipt:
  description: The receipt that was written, empty without one. M(airgap.conda.report) keeps it.
  returned: success
  type: dict
  contains:
    name:
      description: Name of its file.
      type: str
    content:
      description: Its content, as JSON.
      type: str
    signature:
      description: Its signature by the host's key, empty without one.
      type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import PROBE_SPEC, Tools
from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import noted
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.verify import verify


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "envs": {"type": "list", "elements": "str", "default": []},
            "root": {"type": "path", "default": "/opt/conda-envs"},
            "gpu_probe": PROBE_SPEC,
        },
        supports_check_mode=True,
    )
    store = Store(Path(module.params["root"]))
    tools = Tools.from_params(module.params["gpu_probe"])

    def step() -> dict[str, Any]:
        envs = module.params["envs"] or store.envs()
        with noted(store, "verify", module.warn, dry=module.check_mode, always=True, tools=tools) as note:
            found = [verify(store, env, tools) for env in envs]
            for env in found:
                note.saw_gpu(env["env"], env["gpu"])
        for text in [text for env in found for text in env.pop("warnings")]:
            module.warn(text)
        receipt = note.written.as_result() if note.written else {}
        return {"changed": False, "envs": found, "receipt": receipt}

    run_module(module, step)


if __name__ == "__main__":
    main()
