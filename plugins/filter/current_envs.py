# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which environments a host says it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils import _report_answer

DOCUMENTATION = r"""
name: current_envs
short_description: Tell which environments a host says it has
version_added: 0.1.0
description:
  - Used by the role P(airgap.conda.report#role) to know what to ask the host for. Names of environments and no more
    than 100 of them, whatever the host printed.
author: airgap.conda contributors (@airgap-conda)
positional: _input
options:
  _input:
    description: What was registered when the host listed its current links.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ {'stdout': 'demo/current\t1-1c0ffee5\t1769860800'} | airgap.conda.current_envs }}"
"""

RETURN = r"""
_value:
  description: The names, with a question mark for each character that no name has.
  type: list
  elements: str
  sample: [demo]
"""


def current_envs(seen: Mapping[str, Any]) -> list[str]:
    """Return the names as RETURN says."""
    return _report_answer.current_envs(seen)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"current_envs": current_envs}
