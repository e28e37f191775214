#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: settings
short_description: Check the settings of a role or a playbook of this collection before any change
version_added: 0.1.0
description:
  - Converts each variable of a role to the type of its option. The command line passes variables as strings.
  - Makes paths on the controller absolute. A relative path starts in the folder in which C(ansible-playbook) was
    called, C(~) is the caller's home. Paths on hosts must be absolute.
  - Fails with one message that lists all errors. Facts of a host are not accepted as settings.
  - Every role and playbook begins with this module. Runs on the controller.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  role:
    description: The role whose settings for this host to return.
    type: str
    choices: [build, deploy, media, report, runtime, schedule, verify]
  playbook:
    description: The playbook whose own settings on this host are wanted.
    type: str
    choices: [audit, build, deploy, export, import, refresh, remove, repair, report, rollback, schedule, site, verify]
  whole_run:
    description:
      - Whether to check the whole run of O(playbook) before any host, including variables passed with C(-e), the
        groups, and C(--limit).
    type: bool
    default: false
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
- name: Look at the settings
  airgap.conda.settings:
    role: deploy
  register: deploy_set
"""

RETURN = r"""
settings:
  description: The settings, by name without the prefix of the role.
  returned: success, without O(whole_run)
  type: dict
  sample: {depot: /srv/depot, envs: [demo], root: /opt/conda-envs}
"""
