#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: note
short_description: Keep what failed in a block whose run goes on
version_added: 0.1.0
description:
  - For a C(rescue). Reads C(ansible_failed_result), the result of the failed task, whatever a host answered there, and
    returns it within limits, to be registered.
  - The playbooks of this collection use it, so that one host that fails does not end the run for others. Their last
    task, M(airgap.conda.outcome), looks at what was registered.
  - In a loop over an include, whose results Ansible does not collect, each note keeps those before it.
  - Runs on the controller.
options:
  about:
    description: What the note is about, any keys and values. Without it, nothing is added to RV(notes).
    type: dict
  notes:
    description: RV(notes) of the task before, to be kept.
    type: list
    elements: dict
    default: []
  failed:
    description: Whether a task failed. V(false) is for the end of the C(block), and keeps O(about) alone.
    type: bool
    default: true
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
- name: Roll back, and go on with the other hosts where that fails
  block:
    - name: Roll back
      airgap.conda.rollback:
        env: demo
  rescue:
    - name: Note what failed
      airgap.conda.note:
      register: rollback_failure
"""

RETURN = r"""
failure:
  description: The result of the task that failed, as far as it is text and within the bounds.
  returned: if O(failed)
  type: dict
short:
  description: What is wrong and what was found, in one line of at most 600 characters.
  returned: if O(failed)
  type: str
  sample: The drive cannot be used (nothing is mounted there)
notes:
  description: O(notes), then O(about), with C(failure) if a task failed.
  returned: with O(about)
  type: list
  elements: dict
  contains:
    failure:
      description: RV(failure), if a task failed. The other keys are those of O(about).
      type: dict
"""
