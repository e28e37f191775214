#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: plan_info
short_description: Find out whether an environment needs a new release
version_added: 0.1.0
description:
  - Checks C(environment.yml) and C(release.yml) of an environment and compares them with its newest release.
  - Compares C(conda.lock) and C(pip.lock) with those of the release, if they exist next to C(environment.yml).
  - Changes nothing and needs no network.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  spec:
    description: Folder with C(environment.yml) and an optional C(release.yml). Its name is the environment's.
    type: path
    required: true
  depot:
    description: Folder of the depot. It may be missing.
    type: path
    required: true
  root:
    description: Root of the store on the hosts.
    type: path
    default: /opt/conda-envs
  channels:
    description: Channels to use instead of those of the spec.
    type: list
    elements: str
    default: []
  target:
    description: Keys that override those of C(target) in C(release.yml).
    type: dict
    default: {}
  channel_priority:
    description: Priority of the channels, as in M(airgap.conda.environment).
    type: str
    choices: [strict, disabled]
    default: strict
  container:
    description: Image in which the environment's programs run, as in M(airgap.conda.environment).
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
"""

EXAMPLES = r"""
- name: Look whether demo has to be built
  airgap.conda.plan_info:
    spec: envs/demo
    depot: /srv/depot
  register: plan
"""

RETURN = r"""
env:
  description: Name of the environment.
  returned: success
  type: str
  sample: demo
target:
  description: The target, including overridden keys of C(release.yml). Only keys that have a value.
  returned: success
  type: dict
  sample: {platform: linux-64, glibc: "2.31"}
serial:
  description: Serial that the next release would have.
  returned: success
  type: int
up_to_date:
  description: Whether the newest release was built from the same spec, target, root and list of channels.
  returned: success
  type: bool
latest:
  description: Id of the newest release, or empty.
  returned: success
  type: str
  sample: 3-1c0ffee5
latest_inputs_sha256:
  description: Hash of the inputs of the newest release.
  returned: success
  type: str
request_sha256:
  description: Hash of the request.
  returned: success
  type: str
formats:
  description: Payload formats that C(release.yml) requests.
  returned: success
  type: list
  elements: str
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.plan import plan
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import PRIORITIES
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import override_target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "spec": {"type": "path", "required": True},
            "depot": {"type": "path", "required": True},
            "root": {"type": "path", "default": "/opt/conda-envs"},
            "channels": {"type": "list", "elements": "str", "default": []},
            "target": {"type": "dict", "default": {}},
            "channel_priority": {"type": "str", "choices": list(PRIORITIES), "default": PRIORITIES[0]},
            "container": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params

    def step() -> dict[str, Any]:
        spec = load_spec(Path(params["spec"]))
        depot, priority = Depot(Path(params["depot"])), params["channel_priority"]
        image = params["container"]
        found = plan(depot, spec, params["root"], params["channels"], params["target"], priority, image)
        target = asdict(override_target(spec.release.target, params["target"], "target"))
        return {
            "changed": False,
            "env": spec.name,
            "target": {key: value for key, value in target.items() if value},
            "formats": list(spec.release.formats),
            **asdict(found),
        }

    run_module(module, step)


if __name__ == "__main__":
    main()
