#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: fetch
short_description: Bring the parts of releases that a host is missing
version_added: 0.1.0
description:
  - Brings parts into the host's store, in the way that O(transport) names. Parts that arrived before are not brought
    again. Nothing is unpacked.
  - A host that asks for anything but parts of O(releases) is refused, and gets nothing.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes, airgap.conda.store]
options:
  releases:
    description: The releases that M(airgap.conda.depot_info) verified.
    type: list
    elements: dict
    required: true
  steps:
    description: What M(airgap.conda.preflight) found to do.
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
  description: How many bytes were brought.
  returned: when something was brought
  type: int
seconds:
  description: How long that took, in seconds.
  returned: when something was brought
  type: float
"""
