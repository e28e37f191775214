#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: refresh_outcome
short_description: Fail when a refresh is not complete
version_added: 0.1.0
description:
  - The last task of a refresh. Looks at what its plays registered on the bastion, on the controller and on the
    workstations, and fails with one message that names each step and each host of which that does not show that it went
    well.
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
  - module: airgap.conda.outcome
"""

EXAMPLES = r"""
- name: Say what is not right
  airgap.conda.refresh_outcome:
"""

RETURN = r"""
can_mail:
  description: Whether C(refresh_notify_mail_to) is set, and M(community.general.mail) is installed on the controller.
  returned: failure
  type: bool
"""
