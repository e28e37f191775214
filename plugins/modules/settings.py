#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: settings
short_description: Look at the settings of a role or a playbook of this collection before anything is done
version_added: 0.1.0
description:
  - Takes each variable of a role in the type that its option has, as the command line gives them too, as texts.
  - Makes paths on the controller absolute. A relative one is one from where C(ansible-playbook) was called, C(~) is the
    home of who called it. Paths on hosts have to be absolute.
  - Fails with all that is wrong in one message. What a host says of itself, in its facts, is no setting.
  - The roles and playbooks begin with it. Runs on the controller.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  role:
    description: The role whose settings on this host are wanted.
    type: str
    choices: [build, deploy, media, report, runtime, schedule, verify]
  playbook:
    description: The playbook whose own settings on this host are wanted.
    type: str
    choices: [build, deploy, export, import, refresh, remove, repair, report, rollback, schedule, site, verify]
  whole_run:
    description:
      - Whether the whole run of O(playbook) is looked at, before any host is, with what was given by C(-e), the groups,
        and C(--limit).
    type: bool
    default: false
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
- name: Look at the settings
  airgap.conda.settings:
    role: deploy
  register: deploy_set
"""

RETURN = r"""
settings:
  description: The settings, by their names without the name of the role before it.
  returned: success, without O(whole_run)
  type: dict
  sample: {depot: /srv/depot, envs: [demo], root: /opt/conda-envs}
"""
