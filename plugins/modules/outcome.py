#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: outcome
short_description: Fail for a host unless this run proves that it is right
version_added: 0.1.0
description:
  - The last task of the playbooks of this collection. It reads what their tasks registered for the host in this run. A
    host without such a result fails, with the known reason, no matter why the result is missing.
  - Runs on the controller.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  work:
    description: Purpose of the run.
    type: str
    choices: [deploy, site, refresh, verify, rollback, remove, repair, report]
    required: true
attributes:
  check_mode:
    support: full
    details: Reads the planned changes.
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details: It never changes anything.
seealso:
  - plugin: airgap.conda.outcomes
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Say what is not right
  airgap.conda.outcome:
    work: deploy
"""

RETURN = r""" # """
