# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter airgap.conda.build_items: what the variable build_envs asks for, checked and complete."""

from __future__ import annotations

DOCUMENTATION = r"""
name: build_items
short_description: Complete and check what C(build_envs) asks for
version_added: 0.1.0
author: airgap.conda contributors (@airgap-conda)
description:
  - Used by the role P(airgap.conda.build#role). A name alone means an environment with the container that holds
    for all of them.
positional: container
options:
  _input:
    description: Names, or dictionaries with the keys C(name) and C(container).
    type: list
    elements: raw
    required: true
  container:
    description: Image in which those environments are built that name none. Empty for none.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Two environments, one of them built on Ubuntu 20.04
  ansible.builtin.debug:
    msg: "{{ ['imaging', {'name': 'imaging-2004', 'container': 'ubuntu:20.04'}] | airgap.conda.build_items }}"
"""

RETURN = r"""
_value:
  description: One dictionary for each item, with both keys.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

FORM = "a name, or a dictionary with a name and an image to build in: {name: imaging, container: 'ubuntu:20.04'}"


def build_items(envs: Sequence[Any], container: str = "") -> list[dict[str, str]]:
    """Return the items, each with ``name`` and ``container`` (empty for none)."""
    if isinstance(envs, (str, Mapping)) or not isinstance(envs, Sequence):
        raise _refused("a list", repr(envs))
    items = [_item(env, container) for env in envs]
    names = [item["name"] for item in items]
    for name in names:
        if names.count(name) > 1:
            raise _refused("each name once", f"{name!r} {names.count(name)} times")
    return items


def _item(env: Any, container: str) -> dict[str, str]:
    given: Any = {"name": env} if isinstance(env, str) else env
    whole = isinstance(given, Mapping) and given.get("name") and set(given) <= {"name", "container"}
    if not whole or not all(isinstance(value, str) for value in given.values()):
        raise _refused(FORM, repr(env))
    return {"name": given["name"], "container": given.get("container", container)}


def _refused(wanted: str, found: str) -> AirgapError:
    return AirgapError(
        "What is to be built is not clear",
        code="build-unclear",
        wanted=wanted,
        found=found,
        where="build_envs",
        remedy="correct the variable",
    )


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"build_items": build_items}
