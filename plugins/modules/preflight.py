#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Inspect a host and return what a deploy has to do there
version_added: 0.1.0
description:
  - Compares each release with the host and returns what is missing. Runs all checks, and lists in one message
    everything that prevents a release here. Writes nothing and sends no part of a release, unless O(bring_runtime).
  - Checks serial, path, platform, glibc, level of the processor, NVIDIA driver, payload format, kernel, permissions,
    mount options, owners and modes of the folders above the store, free space, free inodes and the clock.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store, airgap.conda.gpu_probe]
options:
  releases:
    description: The releases that M(airgap.conda.depot_info) verified.
    type: list
    elements: dict
    required: true
  bring_runtime:
    description:
      - Whether to run on the C(runtime) among O(releases), and to bring it first, as M(airgap.conda.runtime) does, to a
        host where it is not current or does not start. A host that has it executes one command only.
      - V(false) runs on the Python that the task has.
    type: bool
    default: false
  deltas:
    description:
      - Whether a release may be made out of an older one that the host has, if that needs fewer bytes.
    type: bool
    default: true
  keep:
    description: How many releases of an environment to keep on the host.
    type: int
    default: 2
  allow_downgrade:
    description: Whether a release may be older than one that this host has had.
    type: bool
    default: false
  jupyter_kernels:
    description: Folder on the host where Jupyter looks for kernels. Empty for no kernels.
    type: path
    default: ""
  facts:
    description: Whether to install a program in C(/etc/ansible/facts.d) that provides C(ansible_local.conda_envs).
    type: bool
    default: false
  signers:
    description:
      - Whose releases the host takes when it serves itself with C(airgap-envs install),
        as RV(airgap.conda.depot_info#module:allowed_signers) has it. Empty to leave the list on the host as it is.
      - Root's list is C(/etc/airgap-conda/allowed_signers), that of another user
        C(~/.config/airgap-conda/allowed_signers). A list that the collection did not write is not replaced.
    type: str
    default: ""
  command:
    description: The sha256 of the C(bin/airgap-envs) that the controller side wants there. Not for playbooks.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: There is a difference only if O(bring_runtime).
  idempotent:
    support: full
    details: Without O(bring_runtime) it never changes anything.
"""

EXAMPLES = r"""
- name: Look what there is to do
  airgap.conda.preflight:
    releases: "{{ depot.releases }}"
  register: preflight
"""

RETURN = r"""
interpreter:
  description:
    - Path of the runtime's Python. Empty in check mode on a host without a working runtime, which then has no steps.
  returned: if O(bring_runtime)
  type: str
  sample: /opt/conda-envs/runtime/1-1c0ffee5/bin/python
work:
  description: Whether there is anything to do.
  returned: success
  type: bool
steps:
  description: The step for each release, with the names of the parts that this host lacks.
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
      description: Id of the current release, or empty.
      type: str
    format:
      description: Format of the payload that the host can unpack.
      type: str
    missing:
      description: Names of the parts that the host lacks.
      type: list
      elements: str
    prune:
      description: Ids of the releases to remove afterwards.
      type: list
      elements: str
    kernels:
      description: Folder of Jupyter's kernels, or empty.
      type: str
    kernel:
      description: The final C(kernel.json), or empty.
      type: str
verdicts:
  description:
    - One entry per check, with C(check), C(subject) (an environment, empty for the whole host), C(verdict) (ok,
      degraded or broken), C(wanted) and C(found), and for those that are not ok C(problem), C(where) and C(remedy).
    - Empty if there is nothing to install or switch.
  returned: always
  type: list
  elements: dict
  contains:
    check:
      description: Name of the check.
      type: str
    subject:
      description: Name of the environment, empty for the whole host.
      type: str
    verdict:
      description: V(ok), V(degraded) for a warning, or V(broken) if it refuses the release.
      type: str
    wanted:
      description: What the release needs.
      type: str
    found:
      description: What the host has.
      type: str
    problem:
      description: What is wrong, empty if the verdict is ok.
      type: str
    where:
      description: Where it was found.
      type: str
    remedy:
      description: What to do about it.
      type: str
    code:
      description: The kind of what is wrong in one to three words, whatever the texts are; the check's name otherwise.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.airgap.conda.plugins.module_utils._base.module import run_module
from ansible_collections.airgap.conda.plugins.module_utils._cli.asked import OPTIONS, looked


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    run_module(module, lambda: looked(module.params, module.warn))


if __name__ == "__main__":
    main()
