#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: refresh_lock
short_description: Keep a second refresh out while this one runs
version_added: 0.1.0
description:
  - Writes the running process of C(ansible-playbook) down in each depot, in the file C(.refresh), and fails when
    another that is written down there still runs on this machine. Waits for nobody.
  - Nothing has to be released. When the process is gone, however it ended, what it wrote counts no more.
  - Runs on the controller.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  depots:
    description: Folders of the depots that this run uses, on the controller. They are made if they are not there.
    type: list
    elements: path
    required: true
attributes:
  check_mode:
    support: full
    details: Fails as it does otherwise, and writes nothing.
  diff_mode:
    support: N/A
  idempotent:
    support: full
    details: It holds a lock until the end of the run, and changes nothing.
"""

EXAMPLES = r"""
- name: Keep other refreshes away
  airgap.conda.refresh_lock:
    depots: [/srv/depot]
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
pid:
  description: Id of the process that the lock counts for.
  returned: success
  type: int
"""
