#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: fetch
short_description: Bring the parts of releases that a host lacks
version_added: 0.1.0
description:
  - Brings parts to the host's store by the given O(transport). Does not send parts again that arrived before. Does not
    unpack anything.
  - If a host requests anything except parts of O(releases), it gets nothing and the task fails.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store]
options:
  releases:
    description: The releases that M(airgap.conda.depot_info) verified.
    type: list
    elements: dict
    required: true
  steps:
    description: The steps that M(airgap.conda.preflight) returned.
    type: list
    elements: dict
    required: true
  transport:
    description: How the parts get there. With V(push), the controller sends them over the connection that Ansible has.
    type: str
    default: push
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Send what is missing
  airgap.conda.fetch:
    releases: "{{ depot.releases }}"
    steps: "{{ preflight.steps }}"
"""

RETURN = r"""
parts:
  description: Names of the parts that were brought.
  returned: success
  type: list
  elements: str
bytes:
  description: Number of bytes that were sent.
  returned: when something was sent
  type: int
seconds:
  description: Duration in seconds.
  returned: when something was sent
  type: float
"""
