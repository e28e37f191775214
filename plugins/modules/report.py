#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write the fleet page from the answers of hosts
version_added: 0.1.0
description:
  - Writes one JSON file per host, and for all of them C(index.html), which needs no network, C(report.json) and
    C(report.csv). The role report collects the answers.
  - Runs on the controller, whatever the inventory says about connections, and once for all hosts of a task.
  - A host with no answer or an invalid one becomes one row with the verdict unknown and the reason.
author: airgap.conda contributors (@airgap-conda)
extends_documentation_fragment: [airgap.conda.attributes]
options:
  path:
    description: Folder for the report.
    type: path
    required: true
  hosts:
    description: Names of the hosts on the page.
    type: list
    elements: str
    required: true
  seen:
    description:
      - The registered list of current links of each of O(hosts), in the same order; empty for a host that was not
        asked.
      - Without it, the page is made from the files of an earlier run.
    type: list
    elements: raw
    default: []
  verified:
    description: The registered results of M(airgap.conda.verify) in a loop, for each of O(hosts), in the same order.
    type: list
    elements: raw
    default: []
  failures:
    description:
      - Earlier failures of hosts in this run, by host name, each a dictionary with C(problem), C(wanted), C(found),
        C(where) and C(remedy), as the filter P(airgap.conda.outcomes#filter) returns them.
      - The best verdict of such a host is degraded.
    type: dict
    default: {}
  depot:
    description:
      - Depot on the controller, whose receipts of hosts are used. A host that is not among O(hosts), or that did not
        answer, is shown as its newest receipt has it, with its age and whether it is signed.
      - The receipts in O(verified) are kept there, each signed by the key that its host had when it was first seen. One
        that is not, or that has another name than its host in the inventory, is left out.
    type: path
  silent_days:
    description:
      - Days after which the verdict on a host that is known by its receipt only is unknown at best; V(0) for never.
    type: int
    default: 45
  rings_open:
    description:
      - Releases, each as C(environment id), that workstations of every ring may take, whatever the rings before them
        have reported. The others wait for that; what was reported is written to C(.rings.json) and
        C(index.json) in O(depot).
    type: list
    elements: str
    default: []
  time:
    description: UTC time of the report, such as C(2026-01-31T12:00:00Z). The default is the current time.
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

- name: Make a page of hosts that no controller reaches, on the bastion
  airgap.conda.report:
    path: /srv/conda/report
    hosts: []
    depot: /srv/depot
"""

RETURN = r"""
changed:
  description: Whether anything except times differs from the previous report.
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
  description: For each host that is not right, a line with its name, verdict and problem.
  returned: success
  type: list
  elements: str
"""
