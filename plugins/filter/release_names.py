# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environments of which a bastion makes releases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.airgap.conda.plugins.filter.build_items import build_items
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME

DOCUMENTATION = r"""
name: release_names
short_description: Name the environments of which a bastion makes releases
version_added: 0.1.0
author: airgap.conda contributors (@airgap-conda)
description:
  - The runtime, without which no host takes anything, and what C(build_envs) asks for. A refresh exports these.
options:
  _input:
    description: What the variable C(build_envs) has.
    type: list
    elements: raw
    required: true
"""

EXAMPLES = r"""
- name: Show what is exported
  ansible.builtin.debug:
    msg: "{{ build_envs | airgap.conda.release_names }}"
"""

RETURN = r"""
_value:
  description: Names, each once.
  type: list
  elements: str
  sample: [runtime, imaging]
"""


def release_names(envs: Sequence[Any]) -> list[str]:
    """Return the names as RETURN says."""
    return list(dict.fromkeys([RUNTIME, *(item["name"] for item in build_items(envs))]))


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"release_names": release_names}
