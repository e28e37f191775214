# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""End a run that said nothing of any host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.plugin_utils._places import BASTION, LOCAL, REFRESH
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions

DOCUMENTATION = r"""
name: told
short_description: Fail when a run said nothing of any host
version_added: 0.1.0
description:
  - For the pattern of a play after the one with M(airgap.conda.outcome). That a play runs no task is no failure
    for Ansible, but a pattern is read whatever tags, first task or hosts a run is limited to.
author: airgap.conda contributors (@airgap-conda)
positional: _input
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  work:
    description: What the run was for, as in M(airgap.conda.outcome). A refresh of a bastion has no host to look at.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Nothing more
  hosts: "{{ hostvars | default({}) | airgap.conda.told }}"
"""

RETURN = r"""
_value:
  description: No pattern, so that Ansible skips the play.
  type: list
  elements: str
  sample: []
"""

# What the playbooks register of airgap.conda.outcome.
TOLD = "_airgap_outcome"
# What a refresh registers of airgap.conda.refresh_plan for localhost.
PLAN = "_refresh_plan"


def told(hostvars: Mapping[str, Mapping[str, Any]], work: str = "") -> list[str]:
    """Return no pattern, or fail as the description says."""
    plan = hostvars[LOCAL].get(PLAN) if work == REFRESH and LOCAL in hostvars else None
    if isinstance(plan, Mapping) and plan.get("side") == BASTION:
        return []
    if any(hostvars[host].get(TOLD) for host in hostvars):
        return []
    options = RunOptions.of_this_run()
    if options.listing or (options.partial and not options.direct):
        # Who imports the playbook may have asked for another part of all that he has.
        return []
    raise AirgapError(
        "This run has looked at no host",
        code="no-host",
        wanted="at least one host of the playbook, and all of its steps",
        found=f"no host of which anything is known{f'; {options.partial} leaves steps out' if options.partial else ''}",
        where="the inventory and the command line",
        remedy=f"run it again without {options.partial}" if options.partial else "look at the group and at --limit",
    )


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"told": told}
