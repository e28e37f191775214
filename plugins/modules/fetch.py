#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: fetch
short_description: Bring the parts of releases that a host lacks
version_added: 0.1.0
description:
  - Brings parts to the host's store by the given O(transport). Does not send parts again that arrived before. Does not
    unpack anything.
  - If a host requests anything except parts of O(releases), it gets nothing and the task fails.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store]
options:
  releases:
    description: The releases that M(airgap.conda.depot_info) verified.
    type: list
    elements: dict
    required: true
  steps:
    description: The steps that M(airgap.conda.preflight) returned.
    type: list
    elements: dict
    required: true
  transport:
    description:
      - How the parts get there. With V(push), the controller sends them over the connection that Ansible has. With
        V(http), the host fetches them from O(url) by the Python of its runtime.
      - V(auto) is V(http) when there is an O(url), and V(push) for what does not arrive by that, otherwise V(push).
    type: str
    default: auto
  url:
    description: URL of the depot on a web server that the hosts reach, with http or https.
    type: str
    default: ""
  ca:
    description: File on the hosts with the certificates that the server is known by; the default is the system's.
    type: str
    default: ""
  missing:
    description: What the controller side tells the host to fetch. Not for playbooks.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Send what is missing
  airgap.conda.fetch:
    releases: "{{ depot.releases }}"
    steps: "{{ preflight.steps }}"
"""

RETURN = r"""
parts:
  description: Names of the parts that were brought.
  returned: success
  type: list
  elements: str
bytes:
  description: Number of bytes that were sent.
  returned: when something was sent
  type: int
seconds:
  description: Duration in seconds.
  returned: when something was sent
  type: float
arrived:
  description: What the host fetched, as environment, release and name of the file; for the controller side.
  returned: by the host side
  type: list
  elements: list
failure:
  description: Why the host did not fetch all of it, empty when it did; for the controller side.
  returned: by the host side
  type: dict
  contains:
    code:
      description: The kind of the error, in one to three words.
      type: str
    problem:
      description: What is wrong.
      type: str
    wanted:
      description: What was expected.
      type: str
    found:
      description: What was there.
      type: str
    where:
      description: The URL or the path.
      type: str
    remedy:
      description: What to do about it.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._source.told import fetch


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "releases": {"type": "list", "elements": "dict", "required": True},
            "steps": {"type": "list", "elements": "dict", "required": True},
            "root": {"type": "path", "default": "/opt/conda-envs"},
            "transport": {"type": "str", "default": "auto"},
            "url": {"type": "str", "default": ""},
            "ca": {"type": "str", "default": ""},
            "missing": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    run_module(module, lambda: fetch(params["url"], params["ca"], params["missing"]))


if __name__ == "__main__":
    main()
