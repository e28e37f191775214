#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: audit
short_description: Check audit chains, and join them into the story of a release
version_added: 0.1.0
description:
  - Joins what M(airgap.conda.audit_info) read in several places, in the order of their times.
  - Fails if a chain is broken, or if two places had different manifests of one release.
  - Runs on the controller.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  chains:
    description: The results of M(airgap.conda.audit_info), by the names of their places. One that failed is named in
      RV(unread).
    type: dict
    required: true
  env:
    description: Environment whose story is told. The default is all.
    type: str
    default: ""
  release:
    description: Release whose story is told. The default is all.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details: It never changes anything.
seealso:
  - module: airgap.conda.audit_info
"""

EXAMPLES = r"""
- name: Tell the story of a release
  airgap.conda.audit:
    chains:
      depot: "{{ depot_chain }}"
      drive: "{{ drive_chain }}"
    env: demo
    release: 1-1c0ffee5
"""

RETURN = r"""
story:
  description: The lines of all chains in the order of their times, each with its place.
  returned: always
  type: list
  elements: dict
  contains:
    place:
      description: Name of the place, as in O(chains).
      type: str
    n:
      description: Number of the line in its chain.
      type: int
    when:
      description: UTC time at which it was written, by the clock of its machine.
      type: str
    who:
      description: User who did it, and for whom if it was done with sudo.
      type: str
    what:
      description: What was done.
      type: str
    env:
      description: Name of the environment.
      type: str
    release:
      description: Id of the release.
      type: str
    manifest_sha256:
      description: Hash of its manifest, empty if unknown.
      type: str
    key:
      description: Fingerprint of the key that signed it, empty if unknown.
      type: str
    prev:
      description: Hash of the line before.
      type: str
table:
  description: The same for people, one line each.
  returned: always
  type: list
  elements: str
verdicts:
  description: Verdict on each chain by its place, V(whole), V(cut) or V(broken).
  returned: always
  type: dict
unread:
  description: Places whose chain could not be read.
  returned: always
  type: list
  elements: str
"""
