# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The batches of a deploy as ``serial`` of a play takes them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: batches
short_description: Give the batches of a deploy as a list
version_added: 0.1.0
description:
  - Ansible reads C(serial) of a play before it knows the variables of any host. So C(deploy_batches) is what was given
    by C(-e), else what the variables of the first workstation say; not what a host says of itself, in its facts.
  - C(-e deploy_batches=5) gives a text, and so does a list given like that, which C(serial) does not take.
author: airgap.conda contributors (@airgap-conda)
options:
  _terms:
    description: What the deploy is for. Without C(deploy_batches), a refresh begins with one host, then a tenth.
    type: str
    choices: [deploy, site, refresh]
    required: true
"""

EXAMPLES = r"""
- name: Deploy releases to the workstations
  hosts: workstations
  serial: "{{ query('airgap.conda.batches', 'deploy') }}"
"""

RETURN = r"""
_list:
  description: Numbers of hosts and percentages.
  type: list
  elements: str
  sample: ["1", "10%", "100%"]
"""

from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.airgap.conda.plugins.plugin_utils._batches import batches


class LookupModule(LookupBase):
    """What Ansible loads."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **_kwargs: Any) -> list[str]:
        """Return the batches as RETURN says."""
        return batches(terms[0], variables or {}, self._templar.template)
