# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host answered, so that it can be handed on to a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import SHOWN_CHARACTERS, SHOWN_VALUES, take_in

DOCUMENTATION = r"""
name: readable
short_description: Make any answer of a host fit to be handed on
version_added: 0.1.0
description:
  - Puts a question mark in place of each byte that is no text. Ansible keeps such bytes in what it registers, and
    refuses them in the arguments of a later task, so that one host that answers garbage ends the run for all.
  - Puts a blank in place of each character that acts on a screen, such as a control, a mark that turns the direction of
    writing, or one that cannot be seen. Ends of lines and tabs stay.
  - Keeps within bounds. All of it together has 100,000 values, 4 MiB of characters and 16 levels at most, and what is
    beyond is left out. Of a text that is too long, the beginning and the end are kept.
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
  description: The same within these bounds, in text that can be written as UTF-8.
  type: raw
"""


def readable(value: Any) -> Any:
    """Return ``value`` as RETURN says."""
    return take_in(value, SHOWN_VALUES, SHOWN_CHARACTERS)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"readable": readable}
