# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a deploy goes through the workstations: in which batches, and when no further one is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.filter.setting import setting
from ansible_collections.airgap.conda.plugins.plugin_utils._outcomes import outcomes
from ansible_collections.airgap.conda.plugins.plugin_utils._places import REFRESH, WORKSTATIONS, Places
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_faults import all_settled
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_specs import BATCHES

SIZES, MOST = "deploy_batches", "deploy_max_failed"
# Nobody watches a refresh, so it begins with one host, then a tenth.
USUAL = {REFRESH: ["1", "10%", "100%"]}
AT_ONCE = ["100%"]


def batches(work: str, variables: Mapping[str, Any], template: Callable[[Any], Any]) -> list[str]:
    """Return ``serial`` for the deploy of a playbook; raises AirgapError."""
    given = template(variables[SIZES]) if SIZES in variables else _of_hosts(variables, template)
    return list(_settled(SIZES, given)) if given is not None else USUAL.get(work, AT_ONCE)


def _of_hosts(variables: Mapping[str, Any], template: Callable[[Any], Any]) -> Any:
    """Return what the inventory says of the first workstation that does not itself say it, in its facts."""
    hostvars = variables.get("hostvars") or {}
    for host in Places(variables, template).names(WORKSTATIONS) if hostvars else ():
        if SIZES not in hostvars[host].get("ansible_facts", {}):
            return hostvars[host].get(SIZES)
    return None


def _settled(name: str, value: Any) -> Any:
    return all_settled({name: BATCHES[name]}, lambda _name: value, "-e and the variables of the inventory")[name]


def gate(host: str, given: Any, hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Tell whether a further batch is to begin; raises AirgapError.

    ``given`` is deploy_max_failed as ``host`` has it, None where that has none; ``hosts`` are those of all batches.
    """
    usual = BATCHES[MOST]["default"]
    most = _settled(MOST, usual if given is None else setting(given, MOST, hostvars, host, usual))
    failed = outcomes(hosts, hostvars, "deploy", RunOptions.of_this_run())["failed_percent"]
    return {"stop": int(str(failed)) > most, "failed_percent": failed}
