#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: remove
short_description: Remove a release or a whole environment from a host
version_added: 0.1.0
description:
  - Removes one release that is not current, or an environment with all its releases, its activate scripts and its
    Jupyter kernel. One rename hides everything that is removed.
  - Refuses to remove a release that a process uses.
  - Keeps the highest serial that the environment had here, so that an old release is still refused later.
  - Adds a line to the audit chain C(.state/.audit.jsonl) below O(root) for each release that it changes, and writes a
    signed receipt of the host to C(.state/.receipts). What cannot be written there causes a warning.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store]
options:
  env:
    description: Environment to remove, or whose release to remove. Removing the whole runtime is refused.
    type: str
    required: true
  release:
    description: Release to remove. The default is the whole environment.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Remove an environment that nobody needs any more
  airgap.conda.remove:
    env: demo
"""

RETURN = r"""
removed:
  description: The removed releases.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import noted
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall


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
    env, store = params["env"], Store(Path(params["root"]))

    def step() -> dict[str, Any]:
        before = store.releases(env)
        concerns: list[str] = []
        with noted(store, "remove", module.warn, dry=module.check_mode) as note:
            deeds = {release: note.deed("removed", env, release) for release in before}
            removed = uninstall(store, env, params["release"], module.check_mode, concerns)
            note.deeds += [deeds[release] for release in removed]
        for text in concerns:
            module.warn(text)
        left = [release for release in before if release not in removed]
        diff = {"before": "".join(f"{env} {r}\n" for r in before), "after": "".join(f"{env} {r}\n" for r in left)}
        return {"changed": bool(removed), "removed": removed, "diff": diff}

    run_module(module, step)


if __name__ == "__main__":
    main()
