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
    install anything.
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
        V(http), the host fetches them from O(url) by the Python of its runtime. With V(swarm), hosts of the batch that
        want the same give it to each other, by libtorrent in their runtime, once a few of them have it.
      - V(auto) is V(swarm) for many hosts that want much, V(http) when there is an O(url), and otherwise V(push). What
        does not arrive by V(swarm) comes by V(http), and what does not by that, by V(push).
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
  swarm:
    description: >-
      How hosts take part in a swarm: C(port), C(upload) and C(linger), as
      O(airgap.conda.deploy#role:main:deploy_swarm_port) and the like have them. Empty for no swarm.
    type: dict
    default: {}
  unpack:
    description:
      - Whether the host unpacks a payload of many parts while it arrives, in a process that goes on for
        M(airgap.conda.release) to take over what it made. Each part is verified first. Nothing is made visible.
      - The process ends when nothing arrives for five minutes, or when nobody takes over what it made.
    type: bool
    default: false
  begin:
    description: Whether to return while hosts still give parts to each other; RV(begun) then says what has begun.
    type: bool
    default: false
  begun:
    description: RV(begun) of an earlier task, whose end this one waits for.
    type: list
    elements: dict
    default: []
  missing:
    description: What the controller side tells the host to fetch. Not for playbooks.
    type: list
    elements: dict
    default: []
  ahead:
    description: What the controller side tells the host to unpack while it arrives. Not for playbooks.
    type: list
    elements: dict
    default: []
  member:
    description: What the controller side tells the host to do in swarms. Not for playbooks.
    type: dict
    default: {}
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
by:
  description: Number of bytes by each transport.
  returned: when something was sent
  type: dict
seconds:
  description: Duration in seconds.
  returned: when something was sent
  type: float
begun:
  description: >-
    The swarms in which the host takes part by now, for O(begun) of a later task. Their bytes are not in RV(bytes).
  returned: when something was sent
  type: list
  elements: dict
  contains:
    env:
      description: The environment.
      type: str
    release:
      description: The release.
      type: str
    name:
      description: The hash of the torrent.
      type: str
pending:
  description: Whether more can still arrive by the swarm; for the controller side.
  returned: by the host side
  type: bool
done:
  description: Number of bytes that came by the swarm until now; for the controller side.
  returned: by the host side
  type: int
swarms:
  description: What came of each swarm; for the controller side.
  returned: by the host side
  type: list
  elements: dict
  contains:
    env:
      description: The environment.
      type: str
    release:
      description: The release.
      type: str
    received:
      description: Number of bytes that are there.
      type: int
    sent:
      description: Number of bytes that the host gave to others until then.
      type: int
    reason:
      description: Why it is not all, empty if it is.
      type: str
arrived:
  description: >-
    What the host fetched, or got by the swarm, as environment, release and name of the file; for the controller side.
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

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._source.told import fetch
from ansible_collections.airgap.conda.plugins.module_utils._swarm.told import take_part


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
            "swarm": {"type": "dict", "default": {}},
            "unpack": {"type": "bool", "default": False},
            "begin": {"type": "bool", "default": False},
            "begun": {"type": "list", "elements": "dict", "default": []},
            "missing": {"type": "list", "elements": "dict", "default": []},
            "ahead": {"type": "list", "elements": "dict", "default": []},
            "member": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    params = module.params

    def bring() -> dict[str, Any]:
        if params["member"]:
            return take_part(params["member"])
        if params["ahead"]:  # the store is not loaded for any other: a host has no byte code of it
            from ansible_collections.airgap.conda.plugins.module_utils._store.follow import follow

            begun = [follow(Path(params["root"]), one) for one in params["ahead"]]
            if not params["missing"]:
                return {"changed": any(begun)}
        return fetch(params["url"], params["ca"], params["missing"])

    run_module(module, bring)


if __name__ == "__main__":
    main()
