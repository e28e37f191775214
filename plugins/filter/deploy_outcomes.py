# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a deploy went on each host, from what role deploy registered there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._answer import MESSAGE, clean, plain
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError

DOCUMENTATION = r"""
name: deploy_outcomes
short_description: Tell how a deploy went on each host
version_added: 0.1.0
description:
  - Sorts hosts by how role deploy ended on them in this run. The playbook deploy counts with it, since Ansible's own
    count leaves unreachable hosts out and ends the run with a batch of which no host is left.
author: airgap.conda contributors (@airgap-conda)
positional: _input, hostvars
options:
  _input:
    description: Names of hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show how it went
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts_all | airgap.conda.deploy_outcomes(hostvars) }}"
"""

RETURN = r"""
_value:
  description:
    - Under C(wrong), by its name, each host that does not have the releases now, with the message C(msg) and its parts
      C(problem), C(wanted), C(found), C(where) and C(remedy). One that was not tried is there too.
    - Under C(failed_percent) the share of failed hosts among those that answered.
  type: dict
"""

# What role deploy registers on a host, in this order, and what playbooks/deploy.yml notes when one of its steps failed.
STEPS = ("_deploy_runtime", "_deploy_preflight", "_deploy_release")
NOTE = "_deploy_failure"
PARTS = ("wanted", "found", "where", "remedy")


def deploy_outcomes(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the outcomes as RETURN says."""
    wrong, failed, answered = {}, 0, 0
    for host in hosts:
        known = hostvars[host]
        steps = [_result(known, step) for step in STEPS]
        lost = [step for step in steps if step.get("unreachable")]
        if steps[0] in lost:
            # Nothing was tried on it, so it says nothing about the releases.
            wrong[host] = _unreachable("The host cannot be reached", lost[0], host)
            continue
        if lost:
            wrong[host] = _unreachable("The host stopped answering during the deploy", lost[0], host)
        elif _result(known, NOTE):
            wrong[host] = _failure(_result(known, NOTE), host)
        elif not steps[0]:
            wrong[host] = _waiting(host)
            continue
        answered += 1
        failed += host in wrong
    return {"wrong": wrong, "failed_percent": 100 * failed // answered if answered else 0}


def _result(known: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    result = known.get(name)
    return result if isinstance(result, Mapping) else {}


def _unreachable(problem: str, result: Mapping[str, Any], host: str) -> dict[str, str]:
    found = clean(str(result.get("msg", "")), MESSAGE)
    remedy = "switch it on and look at its network, then deploy again"
    return _parts(AirgapError(problem, wanted="a host that answers", found=found, where=host, remedy=remedy))


def _waiting(host: str) -> dict[str, str]:
    return _parts(
        AirgapError(
            "The deploy was not tried on this host",
            wanted="every host to have the releases",
            found="too many hosts before it on which the deploy failed",
            where=host,
            remedy="mend what failed there, then deploy again",
        )
    )


def _failure(result: Mapping[str, Any], host: str) -> dict[str, str]:
    """Return the parts of what failed; a failure of Ansible's own has a text only."""
    text = plain(str(result.get("msg", "")), MESSAGE).strip()
    if all(isinstance(result.get(part), str) for part in PARTS):
        problem = text.split(". Wanted: ", 1)[0]
        return _parts(AirgapError(problem, **{part: plain(result[part], MESSAGE) for part in PARTS}))
    return _parts(
        AirgapError(
            "A step of the deploy failed",
            wanted="every step of role deploy to pass",
            found=" ".join(text.split()) or "no message",
            where=host,
            remedy="look at the run's output, then deploy again",
        )
    )


def _parts(error: AirgapError) -> dict[str, str]:
    return {"msg": str(error), "problem": error.problem, **error.as_result()}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"deploy_outcomes": deploy_outcomes}
