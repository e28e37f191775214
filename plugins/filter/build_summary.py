# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter airgap.conda.build_summary: what came of each environment that was to be built."""

from __future__ import annotations

DOCUMENTATION = r"""
name: build_summary
short_description: Say what came of the environments
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
  description: One line for each environment, with aligned columns. Below one that failed, what is wrong and what to do.
  type: list
  elements: str
  sample: ["imaging  glibc 2.31  built 3-1c0ffee5"]
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, fields_of, plain
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import FIELDS


def build_summary(results: Iterable[Mapping[str, Any]], check: bool = False) -> list[str]:
    """Return one line a result, and the whole message below it if it failed; ``check``: nothing was really done."""
    outcomes = [(result["env"], _target(result.get("target", {})), *_outcome(result, check)) for result in results]
    widths = [max((len(outcome[column]) for outcome in outcomes), default=0) for column in (0, 1)]
    lines = []
    for env, target, outcome, *more in outcomes:
        lines.append("  ".join([env.ljust(widths[0]), target.ljust(widths[1]), outcome]))
        lines += [f"    {line}" for line in more]
    return lines


def _target(target: Mapping[str, Any]) -> str:
    return ", ".join(value if key == "platform" else f"{key} {value}" for key, value in target.items() if value)


def _outcome(result: Mapping[str, Any], check: bool) -> list[str]:
    failure = result.get("failure")
    if failure is not None:
        problem, *more = _message(failure)
        return [f"FAILED: {problem}", *more]
    if result["new"]:
        return [f"{'would build' if check else 'built'} {result['release']}"]
    return [f"nothing new since {result['release']}"]


def _message(failure: Mapping[str, Any]) -> list[str]:
    """Return an error of ours with a line for each of its parts, the first line of anyone else's."""
    fields = fields_of(failure)
    if not fields:
        return (plain(str(failure.get("msg", "")), MESSAGE).strip() or "no message").splitlines()[:1]
    errors = [known for known in map(fields_of, failure.get("errors", ())) if known]
    if not errors:
        return _parts(fields)
    numbered = [_parts({**error, "problem": f"{n}. {error['problem']}"}) for n, error in enumerate(errors, start=1)]
    return [f"{fields['problem']}.", *(line for lines in numbered for line in lines)]


def _parts(fields: Mapping[str, str]) -> list[str]:
    return [f"{fields['problem']}.", *(f"{name.capitalize()}: {fields[name]}." for name in FIELDS[1:])]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"build_summary": build_summary}
