# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host answered, so that it can be handed on to a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: readable
short_description: Make any answer of a host fit to be handed on
version_added: 0.1.0
description:
  - Puts a question mark in place of each byte that is no text. Ansible keeps such bytes in what it registers, and
    refuses them in the arguments of a later task, so that one host that answers garbage ends the run for all.
author: airgap.conda contributors (@airgap-conda)
positional: _input
options:
  _input:
    description: What was registered.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Show what it said
  ansible.builtin.debug:
    msg: "{{ result | airgap.conda.readable }}"
"""

RETURN = r"""
_value:
  description: The same, in text that can be written as UTF-8.
  type: raw
"""


def readable(value: Any) -> Any:
    """Return ``value`` with all of its texts as RETURN says."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {readable(key): readable(item) for key, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, (list, tuple)) else value


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"readable": readable}
