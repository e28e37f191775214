#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: current_info
short_description: Return the current releases of a host that may have no Python
version_added: 0.1.0
description:
  - Reads the links of the store with shell commands only, whatever the user's login shell is, and whatever it prints.
  - The role P(airgap.conda.report#role) starts with this module, because the runtime of a host may be broken.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store]
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
- name: Ask which releases are current
  airgap.conda.current_info:
  register: current

- name: Show them
  ansible.builtin.debug:
    msg: "{{ current.links | items2dict(key_name='env', value_name='release') }}"
"""

RETURN = r"""
root:
  description: Root of the store, as given.
  returned: success
  type: str
  sample: /opt/conda-envs
interpreter:
  description: Path of the Python that the host has from this collection, empty where it has no runtime.
  returned: success
  type: str
  sample: /opt/conda-envs/runtime/current/bin/python
envs:
  description:
    - Names of the environments that have a link to a current release, 100 at most. A question mark replaces each
      character that is invalid in a name.
  returned: success
  type: list
  elements: str
  sample: [demo, runtime]
links:
  description: The links to releases. C(since) is the time when the link was created, in seconds since 1970.
  returned: success
  type: list
  elements: dict
  sample: [{env: demo, release: 1-1c0ffee5, since: 1769860800}]
  contains:
    env:
      description: Name of the environment.
      type: str
    release:
      description: Id of its current release.
      type: str
    since:
      description: Time when the link was created, in seconds since 1970.
      type: int
"""
