# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter airgap.conda.build_summary: one line for each environment that was to be built."""

from __future__ import annotations

DOCUMENTATION = r"""
name: build_summary
short_description: Say in one line each what came of the environments
version_added: 0.1.0
author: airgap.conda contributors (@airgap-conda)
description:
  - Used by the role P(airgap.conda.build#role) for its last task.
options:
  _input:
    description:
      - Dictionaries with C(env), C(target), and either C(release) and C(new), or C(failure), the result of the task
        that failed.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Say it
  ansible.builtin.debug:
    msg: "{{ [{'env': 'imaging', 'target': {'glibc': '2.31'}, 'release': '3-1c0ffee5', 'new': true}]
      | airgap.conda.build_summary }}"
"""

RETURN = r"""
_value:
  description: Lines with aligned columns.
  type: list
  elements: str
  sample: ["imaging  glibc 2.31  built 3-1c0ffee5"]
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def build_summary(results: Iterable[Mapping[str, Any]], check: bool = False) -> list[str]:
    """Return one line a result; ``check`` says that nothing was really done."""
    rows = [(result["env"], _target(result.get("target", {})), _outcome(result, check)) for result in results]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return ["  ".join([row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2]]) for row in rows]


def _target(target: Mapping[str, Any]) -> str:
    return ", ".join(value if key == "platform" else f"{key} {value}" for key, value in target.items() if value)


def _outcome(result: Mapping[str, Any], check: bool) -> str:
    failure = result.get("failure")
    if failure is not None:
        return f"FAILED: {_first_words(failure)}"
    if result["new"]:
        return f"{'would build' if check else 'built'} {result['release']}"
    return f"nothing new since {result['release']}"


def _first_words(failure: Mapping[str, Any]) -> str:
    """Return what went wrong and what to do, of an error of ours or of anyone's."""
    lines = str(failure.get("msg", "")).strip().splitlines() or ["no message"]
    if "remedy" not in failure:
        return lines[0]
    problem = lines[0].partition(". Wanted: ")[0]
    return f"{problem}. Found: {failure['found']}. Remedy: {failure['remedy']}"


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"build_summary": build_summary}
