#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: runtime
short_description: Install a Python of known version on a host that may have none
version_added: 0.1.0
description:
  - Installs the C(runtime) environment using only sh, coreutils, tar and gzip of the host, and makes it current.
    Every other module of this collection then runs on its interpreter.
  - If it is installed already, the module runs only one command on the host.
  - Without O(release), the module changes nothing, and fails on a host without a working runtime.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store]
options:
  release:
    description: The runtime's release, as M(airgap.conda.depot_info) verified it.
    type: dict
  allow_downgrade:
    description: Whether the release may be older than one that this host has had.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Bring Python to the host
  airgap.conda.runtime:
    release: "{{ depot.releases | selectattr('env', 'equalto', 'runtime') | first }}"
  register: runtime

- name: Look for the Python of an earlier deploy
  airgap.conda.runtime:
  register: runtime

- name: Use it
  ansible.builtin.setup:
  vars:
    ansible_python_interpreter: "{{ runtime.interpreter }}"
"""

RETURN = r"""
interpreter:
  description:
    - Path of the runtime's Python. Empty in check mode on a host without a working runtime.
  returned: success
  type: str
  sample: /opt/conda-envs/runtime/1-1c0ffee5/bin/python
release:
  description: Id of the runtime's release.
  returned: success
  type: str
verdicts:
  description:
    - One entry per check, with C(check), C(subject) (an environment, empty for the whole host), C(verdict) (ok,
      degraded or broken), C(wanted) and C(found), and for those that are not ok C(problem), C(where) and C(remedy).
  returned: when a release is refused
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
      description: What is wrong, empty where the verdict is ok.
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
