#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: outcome
short_description: Fail for a host of which this run does not show that it is right
version_added: 0.1.0
description:
  - The last task of the playbooks of this collection. It looks at what their tasks registered for the host in this run.
    A host without such a result fails, with what is known of the reason, however the run came not to have it.
  - Runs on the controller.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  work:
    description: What the run was for.
    type: str
    choices: [deploy, site, refresh, verify, rollback, remove, repair, report]
    required: true
attributes:
  check_mode:
    support: full
    details: Looks at what would be done.
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details: It only reads.
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
