#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: refresh_lock
short_description: Prevent a second refresh while this one runs
version_added: 0.1.0
description:
  - Records the running process of C(ansible-playbook) in each depot, in the file C(.refresh), and fails if another
    recorded process still runs on this machine. Does not wait.
  - The lock needs no release. When the process ends, for whatever reason, its record becomes invalid.
  - Runs on the controller.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  depots:
    description: Folders of the depots that this run uses, on the controller. Missing folders are created.
    type: list
    elements: path
    required: true
attributes:
  check_mode:
    support: full
    details: Fails as usual, but writes nothing.
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
  description: Id of the process that holds the lock.
  returned: success
  type: int
"""
