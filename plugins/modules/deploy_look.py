#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_look
short_description: Look what role deploy has to do on a host, and bring the runtime first where it is not
version_added: 0.1.0
description:
  - The first step of role P(airgap.conda.deploy#role), three modules in one task, since each task costs the controller
    a process for each host. Checks the role's settings for this host as M(airgap.conda.settings) does, verifies the
    releases in its depot as M(airgap.conda.depot_info) does, and looks at the host as M(airgap.conda.preflight) does.
  - Brings the runtime to a host where it is not current or does not start.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  deltas:
    description:
      - Whether a release may be made out of an older one that the host has, if that needs fewer bytes.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: airgap.conda.settings
  - module: airgap.conda.depot_info
  - module: airgap.conda.preflight
"""

EXAMPLES = r"""
- name: Look what there is to do
  airgap.conda.deploy_look:
  register: look
  vars:
    ansible_python_interpreter: that of this collection
"""

RETURN = r"""
asked:
  description: Whether the host was asked. Not where its settings or its depot are refused, on the controller.
  returned: unless the host cannot be reached
  type: bool
settings:
  description: The settings of the role, as RV(airgap.conda.settings#module:settings) has them.
  returned: success
  type: dict
releases:
  description:
    - The releases to deploy, as RV(airgap.conda.depot_info#module:releases) has them; without their C(payloads) where
      there is nothing to do.
  returned: success
  type: list
  elements: dict
signers:
  description:
    - Whose releases the host takes when it serves itself, for O(airgap.conda.release#module:signers). Empty if the list
      on the host stays as it is.
  returned: success
  type: str
interpreter:
  description: Path of the runtime's Python, as RV(airgap.conda.preflight#module:interpreter) has it.
  returned: success
  type: str
  sample: /opt/conda-envs/runtime/1-1c0ffee5/bin/python
work:
  description: Whether there is anything to do.
  returned: success
  type: bool
steps:
  description: The step for each release, as RV(airgap.conda.preflight#module:steps) has it.
  returned: success
  type: list
  elements: dict
verdicts:
  description: One entry per check, as RV(airgap.conda.preflight#module:verdicts) has it.
  returned: if the host was asked
  type: list
  elements: dict
"""
