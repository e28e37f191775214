# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How Ansible gets to the bastion or the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
name: connection
short_description: Tell how Ansible gets to the bastion or the controller
version_added: 0.1.0
description:
  - Gives V(local) for a place that is V(localhost), also where an inventory has a host of that name, and else what
    Ansible takes by itself. For C(connection) of a play; a variable C(ansible_connection) outranks it.
author: airgap.conda contributors (@airgap-conda)
options:
  _terms:
    description: The place, as P(airgap.conda.hosts#lookup) has it.
    type: str
    choices: [bastion, controller, workstations, scheduled]
    required: true
"""

EXAMPLES = r"""
- name: Work on the bastion
  hosts: "{{ query('airgap.conda.hosts', 'bastion') }}"
  connection: "{{ lookup('airgap.conda.connection', 'bastion') }}"
"""

RETURN = r"""
_list:
  description: The name of a connection plugin.
  type: list
  elements: str
"""

from typing import Any

from ansible import constants, context
from ansible.plugins.lookup import LookupBase

from ansible_collections.airgap.conda.plugins.plugin_utils._places import Places


class LookupModule(LookupBase):
    """What Ansible loads."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **_kwargs: Any) -> list[str]:
        """Return the name as RETURN says."""
        if Places(variables or {}, self._templar.template).is_here(terms[0]):
            return ["local"]
        return [str(context.CLIARGS.get("connection") or constants.DEFAULT_TRANSPORT)]
