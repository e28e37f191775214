# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts a play is for."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts
short_description: Tell which hosts a play of this collection is for
version_added: 0.1.0
description:
  - Gives the pattern of a place, for C(hosts) of a play. It is what C(airgap_bastion), C(airgap_controller) or
    C(airgap_workstations) says by C(-e), else V(localhost) for the first two and V(workstations) for the last.
  - In a refresh, a place that is not on the side that C(refresh_side) says has no pattern, and Ansible skips the play.
author: airgap.conda contributors (@airgap-conda)
options:
  _terms:
    description: The place. V(scheduled) is the bastion, the controller or the workstations, as C(schedule_side) says.
    type: str
    choices: [bastion, controller, workstations, scheduled]
    required: true
  work:
    description: What the play is a part of. Only V(refresh) makes a difference.
    type: str
    default: ""
  ended:
    description:
      - Whether to give only the workstations of which this run does not show that O(work) went well there, and one of
        which it does, so that Ansible goes on with later plays. It may still give all of them.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Work on the workstations
  hosts: "{{ query('airgap.conda.hosts', 'workstations') }}"
"""

RETURN = r"""
_list:
  description: One pattern, or none; if O(ended), it may be the names of hosts.
  type: list
  elements: str
"""

from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.airgap.conda.plugins.plugin_utils._ended import ended
from ansible_collections.airgap.conda.plugins.plugin_utils._outcomes import WORKS
from ansible_collections.airgap.conda.plugins.plugin_utils._places import Places
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions


class LookupModule(LookupBase):
    """What Ansible loads."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the pattern as RETURN says."""
        places, work = Places(variables or {}, self._templar.template), kwargs.get("work", "")
        if kwargs.get("ended") and work in WORKS:
            return ended(places, work, RunOptions.of_this_run())
        return places.patterns(terms[0], work)
