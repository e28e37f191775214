# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with settings, all of it in one message: of a host, and of a whole run before anything is begun."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.inventory.manager import split_host_pattern

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import PYTHON
from ansible_collections.airgap.conda.plugins.plugin_utils._places import PATTERNS
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_specs import (
    ENVS,
    NAMES,
    PLAYBOOKS,
    SECRET,
    known_names,
    needed,
    playbook_options,
)
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_values import FORMS, Unfit, settle, shown

# Those of variables that are a playbook's own.
OWN = ("audit_", "refresh_", "remove_", "repair_", "rollback_")
PREFIXES = (*(f"{role}_" for role in NAMES), "airgap_", *OWN)
# How alike a name must be to one of ours to be a slip of the pen: one letter of twelve more, less, other or elsewhere.
ALIKE = 0.9
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Fault:
    """What is wrong with one variable."""

    name: str
    wanted: str
    found: str


def refusal(faults: Iterable[Fault], where: str) -> AirgapError:
    """Return all faults as one error."""
    faults = list(faults)
    return AirgapError(
        "The settings cannot be used",
        code="settings-unusable",
        wanted="; ".join(f"{fault.name}: {fault.wanted}" for fault in faults),
        found="; ".join(f"{fault.name}: {fault.found}" for fault in faults),
        where=where,
        remedy="correct them, then run again; nothing was changed",
    )


def settled(
    options: Mapping[str, Mapping[str, Any]], get: Callable[[str], Any], local: bool, faults: list[Fault]
) -> dict[str, Any]:
    """Return the value of each option, in its type; what cannot be used is added to ``faults``.

    ``get`` gives the value of a variable, None where there is none; it raises Unfit.
    """
    values = {}
    for name, option in options.items():
        wanted, given = FORMS.get(option.get("type", "str"), "a value"), None
        try:
            given = get(name)
            worked_out = "{{" in str(option.get("default"))
            if given is None and (option.get("required") or worked_out):
                faults.append(Fault(name, wanted, "nothing"))
            elif given is not None:
                values[name] = settle(name, given, option, local)
            else:
                values[name] = option.get("default")
        except Unfit as unfit:
            found = "a secret" if name in SECRET else "nothing that is known" if given is None else shown(given)
            faults.append(Fault(name, str(unfit), found))
    return values


def all_settled(options: Mapping[str, Mapping[str, Any]], get: Callable[[str], Any], where: str) -> dict[str, Any]:
    """Return the value of each option on this machine, as ``settled`` does; raises AirgapError for all faults."""
    faults: list[Fault] = []
    values = settled(options, get, True, faults)
    if faults:
        raise refusal(faults, where)
    return values


def misspelled(names: Iterable[str]) -> dict[str, str]:
    """Return those names that look like a slip of the pen, each with the variable that is alike."""
    found = {}
    for name in names:
        if name.startswith(PREFIXES) and name not in known_names():
            alike = difflib.get_close_matches(name, known_names(), 1, ALIKE)
            if alike:
                found[name] = alike[0]
    return found


def run_faults(playbook: str, extra: Mapping[str, Any], get: Callable[[str], Any]) -> list[Fault]:
    """Return what is wrong with what a run was given with -e.

    ``get`` gives the value of one, without templates; None where that takes the variables of a host, which tells then.
    """
    of, options, faults = PLAYBOOKS[playbook], playbook_options(playbook), []
    for old, new in of.old.items():
        if old in extra and new not in extra:
            faults.append(Fault(old, f"{new} in its place", f"{shown(extra[old])} by -e, which is not read"))
    for name, alike in misspelled(extra).items():
        given = "a secret" if alike in SECRET else shown(extra[name])
        faults.append(Fault(name, f"{alike}, or another name", f"{given} by -e, which is not read"))
    if of.fleet and PYTHON in extra and f"/{RUNTIME}/" not in str(extra[PYTHON]):
        faults.append(outranked(extra[PYTHON], f"-e {PYTHON}"))
    named = {name: option for name, option in options.items() if name in extra and get(name) is not None}
    settled(named, get, True, faults)
    return faults


def missing(playbook: str, side: str, is_given: Callable[[str], bool], old: Callable[[str], Any]) -> list[Fault]:
    """Return the variables that a run needs and has nowhere; ``old`` gives the value that an old name has somewhere."""
    faults = []
    for name, option in needed(playbook, side).items():
        if not is_given(name):
            before = [key for key, new in PLAYBOOKS[playbook].old.items() if new == name and old(key) is not None]
            found = f"nothing; {before[0]}, here {shown(old(before[0]))}, is not read" if before else "nothing"
            wanted = ", ".join(option.get("choices", [])) or FORMS[option["type"]]
            faults.append(Fault(name, "the name of an environment" if name in ENVS else wanted, found))
    return faults


def pattern_faults(
    playbook: str,
    get: Callable[[str], Any],
    inventory: Mapping[str, Any],
    groups: Mapping[str, Collection[str]],
    hosts: Collection[str],
) -> list[Fault]:
    """Return the parts of a pattern that are no group and no host; Ansible itself would go on without them.

    ``get`` gives the value that counts, ``inventory`` what it says, which Ansible does not read for this.
    """
    faults = []
    for name, usual in PATTERNS.items():
        if name not in PLAYBOOKS[playbook].own:
            continue
        if name in inventory and get(name) == inventory[name] and get(name) != usual:
            found = f"{shown(inventory[name])} in the inventory, which does not count"
            faults.append(Fault(name, f"-e {name}=…, since Ansible chooses hosts first", found))
            continue
        for part in split_host_pattern(get(name) or usual):
            plain = part.lstrip("!&")
            if not set(plain) & set("*?[]~") and plain not in groups and plain not in hosts and plain not in LOCAL:
                alike = difflib.get_close_matches(plain, [*groups, *hosts], 3)
                near = f"; there is {', '.join(alike)}" if alike else ""
                faults.append(Fault(name, "a group or a host of the inventory", f"{plain}, which is neither{near}"))
    return faults


def transport_faults(values: Mapping[str, Any]) -> list[Fault]:
    """Return a fault when hosts are to fetch, and nobody says from where."""
    if values.get("deploy_transport") == "http" and not values.get("deploy_url"):
        return [Fault("deploy_url", "the URL of the depot, for deploy_transport: http", "nothing")]
    return []


def reach_fault(fleet: Collection[str], reached: Collection[str], limit: str) -> list[Fault]:
    """Return a fault when a run has no host to work on, which Ansible itself would call a success."""
    if not fleet:
        return [Fault("airgap_workstations", "a group or pattern with hosts in it", "no hosts")]
    if not set(fleet) & set(reached):
        return [Fault("--limit", "some of the workstations", f"{limit}, which has none of them")]
    return []


def limited(limit: str) -> AirgapError:
    """Return what to say to a refresh of some hosts: the page and the depots are of all of them."""
    return AirgapError(
        "A refresh cannot be limited to some hosts",
        code="settings-unusable",
        wanted="all of them",
        found=f"--limit {limit}",
        where="the command line",
        remedy="run airgap.conda.deploy for these hosts",
    )


def interpreter_fault(used: Any, own: Collection[str], root: str, extra: Mapping[str, Any]) -> list[Fault]:
    """Return a fault when another Python would run the modules than the one that the role names for its tasks."""
    if used in own or (root and str(used).startswith(f"{root}/{RUNTIME}/")):
        return []
    by = f"-e {PYTHON}" if PYTHON in extra else "a fact, set_fact, include_vars or a role's parameter"
    return [outranked(used, by)]


def connection_fault(connection: type) -> list[Fault]:
    """Return a fault when mitogen carries modules to the host: it does not find what ours are made of."""
    if not any(base.__module__.partition(".")[0] == "ansible_mitogen" for base in connection.__mro__):
        return []
    return [Fault("strategy", "linear, free, host_pinned or debug for plays with these roles", "one of mitogen's")]


def outranked(used: Any, source: str) -> Fault:
    """Return the fault that ``source`` outranks what the collection's own tasks say about Python."""
    wanted = "the Python that this collection brings; yours belongs into the inventory, where it counts for all else"
    return Fault(PYTHON, wanted, f"{used} by {source}, which would be used in its place")
