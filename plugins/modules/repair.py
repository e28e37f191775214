#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: repair
short_description: Repair damaged releases on a host, path by path
version_added: 0.1.0
description:
  - Compares every file of each current release with what the bastion signed, and restores those that differ. The
    content comes from another release on the host that has it, otherwise from the payload, once M(airgap.conda.fetch)
    has sent it again.
  - Each file is hashed outside the release and then put in place by one rename. Correct files are not touched, and
    running programs keep their open files. Files that do not belong to the release are removed.
  - Adds a line to the audit chain C(.state/.audit.jsonl) below O(root) for each release that it changes, and writes a
    signed receipt of the host to C(.state/.receipts). What cannot be written there causes a warning.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store]
options:
  envs:
    description: Environments to repair. An empty list means all environments on the host.
    type: list
    elements: str
    default: []
  releases:
    description:
      - The damaged releases, as M(airgap.conda.depot_info) verified them, after M(airgap.conda.fetch) has sent the
        parts of RV(steps). The task then fails if anything is left to repair.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Repair with what is on the host
  airgap.conda.repair:
    envs: [demo]
  register: repair
"""

RETURN = r"""
faults:
  description: The damaged paths, with environment, release, package, and what is wrong.
  returned: success
  type: list
  elements: dict
  contains:
    env:
      description: Name of the environment.
      type: str
    release:
      description: Id of the release.
      type: str
    path:
      description: The path in the release.
      type: str
    wanted:
      description: The signed state.
      type: str
    found:
      description: The actual state.
      type: str
    package:
      description: Name and version of the package that it belongs to, empty when unknown.
      type: str
steps:
  description: What M(airgap.conda.fetch) has to send, if the host itself does not have the content.
  returned: success
  type: list
  elements: dict
  contains:
    env:
      description: Name of the environment.
      type: str
    id:
      description: Id of the release.
      type: str
    action:
      description: V(none), V(install), V(switch), V(prune) or V(kernel).
      type: str
    current:
      description: Id of the release that is current now, empty without one.
      type: str
    format:
      description: Format of the payload that the host can unpack.
      type: str
    missing:
      description: Names of the parts that the host lacks.
      type: list
      elements: str
    prune:
      description: Ids of the releases that are removed afterwards.
      type: list
      elements: str
    kernels:
      description: Folder of Jupyter's kernels, empty without one.
      type: str
    kernel:
      description: The C(kernel.json) that is there afterwards, empty without one.
      type: str
damaged:
  description: The damaged releases, by name of their environment.
  returned: success
  type: dict
  sample: {demo: 2-1c0ffee5}
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.handed import each
from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import TREES, taken_here
from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import noted
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import Repaired, repair, require_repaired
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "envs": {"type": "list", "elements": "str", "default": []},
            "releases": {"type": "list", "elements": "dict", "default": []},
            "root": {"type": "path", "default": "/opt/conda-envs"},
        },
        supports_check_mode=True,
    )
    store = Store(Path(module.params["root"]))
    formats = taken_here(TREES)

    def step() -> dict[str, Any]:
        given = each(Release.from_dict, module.params["releases"], "releases of airgap.conda.repair")
        sent = {release.env: release for release in given}
        done = []
        with noted(store, "repair", module.warn, dry=module.check_mode) as note:
            for env in module.params["envs"] or list(sent) or store.envs():
                done.append(repair(store, env, formats, sent.get(env), module.check_mode))
                if env in sent and not module.check_mode:
                    require_repaired(store, done[-1])
            for item in done:
                if item.changed:
                    note.did("repaired", item.env, item.release)
        steps = [item.step for item in done if item.step]
        return {
            "changed": any(item.changed for item in done),
            "faults": [{"env": item.env, "release": item.release, **asdict(f)} for item in done for f in item.faults],
            "steps": [item.to_dict() for item in steps],
            "damaged": {item.env: item.id for item in steps},
            "diff": {
                "before": "".join(_lines(item, [str(fault) for fault in item.faults]) for item in done),
                "after": "".join(_lines(item, [str(f) for f in item.faults if f.path in item.left]) for item in done),
            },
        }

    run_module(module, step)


def _lines(item: Repaired, faults: list[str]) -> str:
    return "".join(f"{item.env} {item.release} {fault}\n" for fault in faults)


if __name__ == "__main__":
    main()
