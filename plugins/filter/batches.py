# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The batches of a deploy as ``serial`` of a play takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.airgap.conda.plugins.plugin_utils._setting_faults import Fault, refusal, settled
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_specs import BATCHES

DOCUMENTATION = r"""
name: batches
short_description: Give the batches of a deploy as a list
version_added: 0.1.0
description:
  - C(-e deploy_batches=5) gives a text, and so does a list given like that, which C(serial) of a play does not take.
author: airgap.conda contributors (@airgap-conda)
positional: _input
options:
  _input:
    description: A number of hosts, a percentage, or a list of them, each also as a text.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Deploy releases to the workstations
  hosts: workstations
  serial: "{{ deploy_batches | airgap.conda.batches }}"
"""

RETURN = r"""
_value:
  description: Numbers of hosts and percentages.
  type: list
  elements: str
  sample: ["1", "10%", "100%"]
"""

NAME = "deploy_batches"


def batches(value: Any) -> list[str]:
    """Return the list as RETURN says; raises AirgapError."""
    faults: list[Fault] = []
    settings = settled({NAME: BATCHES[NAME]}, lambda _name: value, True, faults)
    if faults:
        raise refusal(faults, "-e and the variables of the inventory")
    return list(settings[NAME])


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"batches": batches}
