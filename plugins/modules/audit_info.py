#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_info
short_description: Read the audit chain of a host, a depot or a drive
version_added: 0.1.0
description:
  - Reads a chain and compares each line with the hash in the next one. A chain is C(.state/.audit.jsonl) below the root
    of a store, or C(.audit.jsonl) in a depot, also in one on a drive.
  - Does not fail because of what it found; M(airgap.conda.audit) does.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  root:
    description: Root of the store whose chain is read. Exactly one of O(root) and O(depot) is needed.
    type: path
  depot:
    description: Depot whose chain is read.
    type: path
  env:
    description: Environment whose lines are returned. The default is all.
    type: str
    default: ""
  release:
    description: Release whose lines are returned. The default is all.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details: It never changes anything.
seealso:
  - module: airgap.conda.audit
"""

EXAMPLES = r"""
- name: Read what was done with demo on this host
  airgap.conda.audit_info:
    root: /opt/conda-envs
    env: demo
"""

RETURN = r"""
path:
  description: Path of the chain.
  returned: success
  type: str
verdict:
  description: V(whole), V(cut) if an interrupted run left part of a line, or V(broken) if a line was changed, removed,
    added or moved. A chain that is not there is whole.
  returned: success
  type: str
lines:
  description: Number of its lines.
  returned: success
  type: int
head:
  description: Hash of its last line. Whoever writes it down can tell later whether lines are missing at the end.
  returned: success
  type: str
broken:
  description: Where it is broken.
  returned: success
  type: list
  elements: str
cut:
  description: Where a line was cut off.
  returned: success
  type: list
  elements: str
entries:
  description: Its lines, those of O(env) and O(release) if given.
  returned: success
  type: list
  elements: dict
  contains:
    n:
      description: Number of the line.
      type: int
    when:
      description: UTC time at which it was written, by the clock of its machine.
      type: str
    who:
      description: User who did it, and for whom if it was done with sudo.
      type: str
    what:
      description: What was done.
      type: str
    env:
      description: Name of the environment.
      type: str
    release:
      description: Id of the release.
      type: str
    manifest_sha256:
      description: Hash of its manifest, empty if unknown.
      type: str
    key:
      description: Fingerprint of the key that signed it, empty if unknown.
      type: str
    prev:
      description: Hash of the line before.
      type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import (
    DEPOT_CHAIN,
    HOST_CHAIN,
    as_result,
    read,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path"},
            "depot": {"type": "path"},
            "env": {"type": "str", "default": ""},
            "release": {"type": "str", "default": ""},
        },
        mutually_exclusive=[("root", "depot")],
        required_one_of=[("root", "depot")],
        supports_check_mode=True,
    )
    params = module.params

    def step() -> dict[str, Any]:
        root, depot = params["root"], params["depot"]
        chain = read(Path(root, ".state", HOST_CHAIN) if root else Path(depot, DEPOT_CHAIN))
        return {"changed": False, **as_result(chain, params["env"], params["release"])}

    run_module(module, step)


if __name__ == "__main__":
    main()
