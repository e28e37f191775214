#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Switch to an older release that is still on the host
version_added: 0.1.0
description:
  - Switches C(current) by one rename. Copies nothing and needs neither depot nor network.
  - Writes or removes the environment's Jupyter kernel to match the release, in the folder of the last deploy.
  - Adds a line to the audit chain C(.state/.audit.jsonl) below O(root) for each release that it changes, and writes a
    signed receipt of the host to C(.state/.receipts). What cannot be written there causes a warning.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store]
options:
  env:
    description: Environment to roll back.
    type: str
    required: true
  release:
    description: Target release. The default is the newest one that is older than the current release, so that each run
      goes back one more release.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(release). Without it, each run goes back one more release.
"""

EXAMPLES = r"""
- name: Go back to the release before
  airgap.conda.rollback:
    env: demo
"""

RETURN = r"""
before:
  description: The previously current release.
  returned: success
  type: str
current:
  description: The now current release.
  returned: success
  type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import noted
from ansible_collections.airgap.conda.plugins.module_utils._store.activated import Activated
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.state_line import state_line, state_now


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "env": {"type": "str", "required": True},
            "release": {"type": "str", "default": ""},
            "root": {"type": "path", "default": "/opt/conda-envs"},
        },
        supports_check_mode=True,
    )
    params = module.params
    env = params["env"]
    store = Activated(Path(params["root"]))

    def step() -> dict[str, Any]:
        before = store.current(env)
        now = state_now(store, env)
        with noted(store, "rollback", module.warn, dry=module.check_mode) as note:
            back = rollback(store, env, params["release"], module.check_mode)
            if back.release != before:
                note.did("rolled back", env, back.release)
        for text in back.warnings:
            module.warn(text)
        changed = back.release != before
        diff = {"before": now, "after": state_line(env, back.release, back.kernel) if changed else now}
        return {"changed": changed, "before": before, "current": back.release, "diff": diff}

    run_module(module, step)


if __name__ == "__main__":
    main()
