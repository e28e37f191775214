# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A setting of the controller as the controller's owner gave it, whatever a host says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

DOCUMENTATION = r"""
name: setting
short_description: Keep what a host answered from being a setting of the controller
version_added: 0.1.0
description:
  - Ansible makes variables of the facts of a host, which outrank the inventory, so a host may hold any variable. A task
    that runs once, on the controller, reads its settings among the variables of one host.
  - Where the value is one of the host's variables, and among its facts is one of that name, the value of C(localhost)
    counts. Variables of plays and roles are nothing that a host can set.
author: airgap.conda contributors (@airgap-conda)
positional: _input, name, hostvars, host
options:
  _input:
    description: The value as Ansible has it.
    type: raw
    required: true
  name:
    description: Name of the variable.
    type: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  host:
    description: Ansible's C(inventory_hostname).
    type: str
    required: true
  default:
    description: The value where C(localhost) has none. Without it, that is a failure.
    type: raw
"""

EXAMPLES = r"""
- name: Make the page again
  airgap.conda.report:
    path: "{{ report_path | airgap.conda.setting('report_path', hostvars, inventory_hostname) }}"
    hosts: "{{ groups['workstations'] }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
_value:
  description: The value.
  type: raw
"""


def setting(value: Any, name: str, hostvars: Mapping[str, Mapping[str, Any]], host: str, default: Any = None) -> Any:
    """Return the value as RETURN says."""
    known = hostvars[host]
    # The fact itself is not compared: a host can have two that Ansible gives one name, with and without "ansible_".
    if name not in known.get("ansible_facts", {}) or known.get(name) != value:
        return value
    found = hostvars["localhost"].get(name, default)
    if found is None:
        raise AirgapError(
            "A fact of a host has the name of a setting",
            code="fact-forged",
            wanted=f"{name} from the owner of the controller",
            found=clean(repr(value)),
            where=f"the facts of {host}, of this run or from the fact cache",
            remedy=f"give {name} in group_vars/all.yml or with -e, and find out why that host answers with such facts",
        )
    return found


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"setting": setting}
