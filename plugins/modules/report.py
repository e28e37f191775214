#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write the fleet page from what the hosts answered
version_added: 0.1.0
description:
  - Writes one JSON file a host, and of all of them C(index.html), which needs no network, C(report.json) and
    C(report.csv). Role report collects the answers.
  - Runs on the controller, in whatever way the inventory reaches hosts, and once however many hosts a task is for.
  - A host that did not answer, or answered nonsense, becomes one row with the verdict unknown and its reason.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  path:
    description: Folder for the report.
    type: path
    required: true
  hosts:
    description: Names of the hosts that the page shows.
    type: list
    elements: str
    required: true
  seen:
    description:
      - What was registered of each of O(hosts), in their order, when its current links were listed; an empty one for a
        host that was not asked.
      - Without it, the page is made of the files of an earlier run.
    type: list
    elements: raw
    default: []
  verified:
    description: What was registered of each of O(hosts), in their order, when M(airgap.conda.verify) ran in a loop.
    type: list
    elements: raw
    default: []
  failures:
    description:
      - What failed on hosts earlier in this run, by their name, a dictionary with C(problem), C(wanted), C(found),
        C(where) and C(remedy) each, as the filter P(airgap.conda.outcomes#filter) gives it.
      - Such a host has at best the verdict degraded.
    type: dict
    default: {}
  time:
    description: UTC time of the report, like C(2026-01-31T12:00:00Z). The present when missing.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Make the page again of the reports that are there
  airgap.conda.report:
    path: /srv/conda/report
    hosts: "{{ groups['workstations'] }}"
  run_once: true
"""

RETURN = r"""
changed:
  description: Whether anything but a time is other than in the report that was there.
  returned: always
  type: bool
page:
  description: Path of the page.
  returned: success
  type: str
summary:
  description: The sentence at the top of the page.
  returned: success
  type: str
counts:
  description: Number of hosts by verdict.
  returned: success
  type: dict
writer:
  description: The host of the play whose task wrote it. The same result is given to others that come to the same task.
  returned: success
  type: str
wrong:
  description: For each host that is not right, a line with its name, its verdict and what is wrong.
  returned: success
  type: list
  elements: str
"""
