# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a refresh works on, and how it ended, on the bastion and on the controller as well as on the workstations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.plugin_utils._notes import noted, short
from ansible_collections.airgap.conda.plugins.plugin_utils._outcomes import outcomes, shows
from ansible_collections.airgap.conda.plugins.plugin_utils._places import (
    BASTION,
    CONTROLLER,
    REFRESH,
    WORKSTATIONS,
    Places,
)
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_faults import all_settled
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_specs import SIDE, role_options
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_values import Unfit, settle

# What is not right is named of so many steps and hosts.
NAMED = 20
Hostvars = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """A step other than the deploy: ``note`` is the variable with its failure, ``result`` the one that shows its end.

    A step with ``drive`` is there where the place has a ``media_drive``.
    """

    name: str
    place: str
    note: str
    result: str
    drive: bool = True


BUILD = Step("build", BASTION, "_refresh_build", "_build_summary", drive=False)
STEPS = (
    BUILD,
    Step("export", BASTION, "_refresh_export", "_media_export"),
    Step("import", CONTROLLER, "_refresh_import", "_media_import"),
)


def plan(places: Places, get: Callable[[str], Any]) -> dict[str, Any]:
    """Return the side of a refresh, the depots on this machine that it uses, and the environments it imports.

    ``get`` gives the value of a variable, None where there is none; raises AirgapError with all that cannot be used.
    """
    controller = places.side != BASTION
    builds_here = places.side != CONTROLLER and places.is_here(BASTION)
    roles = {"build_depot": builds_here, "deploy_depot": controller, "report_path": controller}
    options = {name: role_options(name.partition("_")[0])[name] for name, wanted in roles.items() if wanted}
    values = all_settled({"refresh_side": SIDE, **options}, get, "-e and the variables of localhost")
    depots = [values[name] for name in ("build_depot", "deploy_depot") if name in values]
    return {"side": values["refresh_side"], "depots": depots, "imports": imports(places)}


def imports(places: Places) -> list[str]:
    """Return the environments that the workstations get, and the runtime; what cannot be used is left to the deploy."""
    found, hostvars, option = [RUNTIME], places.variables["hostvars"], role_options("deploy")["deploy_envs"]
    for host in places.names(WORKSTATIONS, REFRESH):
        known = hostvars[host]
        if "deploy_envs" not in known.get("ansible_facts", {}):
            try:
                found += settle("deploy_envs", known.get("deploy_envs", []), option, True)
            except Unfit:
                continue
    return list(dict.fromkeys(found))


def ending(places: Places, options: RunOptions) -> AirgapError | None:
    """Return what is not right at the end of a refresh; nothing when all is."""
    hostvars: Hostvars = places.variables["hostvars"]
    steps = [(step, host) for step in STEPS for host in places.names(step.place, REFRESH)]
    wrong = [line for step, host in steps for line in lines(step, host, hostvars)]
    fleet = places.names(WORKSTATIONS, REFRESH)
    hosts = outcomes(fleet, hostvars, REFRESH, options)["wrong"]
    wrong += [host["short"] for host in hosts.values()] if isinstance(hosts, dict) else []
    if not wrong:
        return None
    return AirgapError(
        "The refresh is not complete",
        code="refresh-incomplete",
        wanted="that every step passes and every host is right",
        found="; ".join([*wrong[:NAMED], *(["and more"] if len(wrong) > NAMED else [])]),
        where=_page(fleet, hostvars),
        remedy="do what is said there and above, then run this again; what is right stays",
    )


def lines(step: Step, host: str, hostvars: Hostvars) -> list[str]:
    """Return what is not right with a step on a host of its place, each in one line."""
    known = hostvars[host]
    if step.drive and not known.get("media_drive"):
        return []
    failure = noted(known.get(step.note))
    if failure:
        builds = _builds(known) if step is BUILD else []
        return [f"{step.name}: {told}" for told in builds or [short(failure)]]
    if shows(known.get(step.result)):
        return []
    return [f"{step.name}: nothing in this run shows that it went well on {host}"]


def _builds(known: Mapping[str, Any]) -> list[str]:
    """Return a line for each environment that was not built, when the role came as far as to say so."""
    summary = known.get("_build_summary")
    if not isinstance(summary, Mapping) or not summary.get("failed"):
        return []
    results = known["_build_notes"]["notes"] if "_build_notes" in known else []
    return [f"{clean(str(of['env']))}: {short(of['failure'])}" for of in results if of.get("failure")]


def _page(fleet: Iterable[str], hostvars: Hostvars) -> str:
    for host in fleet:
        page = hostvars[host].get("_report_page")
        if isinstance(page, Mapping) and page.get("page"):
            return str(page["page"])
    return "the output of this run"
