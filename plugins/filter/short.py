# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A failure in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import LINE, clean, fields_of
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

DOCUMENTATION = r"""
name: short
short_description: Say a failure in one line
version_added: 0.1.0
description:
  - Says of a failure of this collection what is wrong and what was found, and of any other its message. What was
    wanted, where, and what to do are left to the failure itself.
author: airgap.conda contributors (@airgap-conda)
positional: _input
options:
  _input:
    description: The result of the task that failed.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say why
  ansible.builtin.debug:
    msg: "{{ ansible_failed_result | airgap.conda.short }}"
"""

RETURN = r"""
_value:
  description: One line of at most 600 characters.
  type: str
  sample: The drive cannot be used (nothing is mounted there)
"""


def short(failure: Mapping[str, Any]) -> str:
    """Return the line as RETURN says."""
    fields = fields_of(failure)
    text = AirgapError(**fields).short() if fields else str(failure.get("msg", ""))
    return clean(text, 2 * LINE) or "no message"


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"short": short}
