#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_gate
short_description: Tell whether a further batch of a deploy is to begin
version_added: 0.1.0
description:
  - Counts the hosts of the play on which the deploy failed in this run, as the filter P(airgap.conda.outcomes#filter)
    does, and compares their share with C(deploy_max_failed). Hosts that are off from the start do not count.
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
seealso:
  - plugin: airgap.conda.outcomes
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look whether too many failed
  airgap.conda.deploy_gate:
  register: gate
  run_once: true
"""

RETURN = r"""
stop:
  description: Whether more hosts failed than C(deploy_max_failed) allows.
  returned: success
  type: bool
failed_percent:
  description: The share of failed hosts among those on which it was tried and that answered.
  returned: success
  type: int
"""
