# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts a run does not show to be right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.plugin_utils import _outcomes
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions

DOCUMENTATION = r"""
name: outcomes
short_description: Tell which hosts a run does not show to be right
version_added: 0.1.0
description:
  - Looks at what the tasks of a playbook of this collection registered for each host in this run. A host is right when
    that shows it, as M(airgap.conda.outcome) has it; that nothing is said against it is not enough.
  - The playbook deploy counts with it, since Ansible's own count leaves unreachable hosts out and ends the run with a
    batch of which no host is left.
author: airgap.conda contributors (@airgap-conda)
positional: _input, hostvars
options:
  _input:
    description: Names of hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  work:
    description: What the run was for.
    type: str
    choices: [deploy, site, refresh, verify, rollback, remove, repair, report]
    default: deploy
"""

EXAMPLES = r"""
- name: Show how it went
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts_all | airgap.conda.outcomes(hostvars) }}"
"""

RETURN = r"""
_value:
  description:
    - Under C(wrong), by its name, each host that is not right, with the message C(msg) and its parts C(problem),
      C(wanted), C(found), C(where) and C(remedy), and with its name and what was found in C(short). One that was not
      tried is there too.
    - Under C(failed_percent) the share of failed hosts among those on which it was tried and that answered.
  type: dict
"""


def outcomes(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], work: str = "deploy"
) -> dict[str, dict[str, Any] | int]:
    """Return the outcomes as RETURN says."""
    return _outcomes.outcomes(hosts, hostvars, work, RunOptions.of_this_run())


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"outcomes": outcomes}
