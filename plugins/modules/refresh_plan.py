#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: refresh_plan
short_description: Look what a refresh works on
version_added: 0.1.0
description:
  - Looks at C(refresh_side) and at the variables of localhost and of the workstations that decide what is done, before
    anything is. Fails with all that is wrong with them.
  - Runs on the controller.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details: It only reads.
"""

EXAMPLES = r"""
- name: Look what this refresh works on
  airgap.conda.refresh_plan:
  register: plan
"""

RETURN = r"""
side:
  description: Which side of the refresh this is, V(bastion), V(controller) or V(both).
  returned: success
  type: str
depots:
  description: Folders of the depots on this machine that the refresh uses.
  returned: success
  type: list
  elements: str
imports:
  description: Names of the environments that are imported from a drive, the runtime and all that a workstation gets.
  returned: success
  type: list
  elements: str
"""
