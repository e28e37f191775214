# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be set: the options of each role, as its argument_specs.yml has them, and the playbooks' own variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.airgap.conda.plugins.plugin_utils._transports import TRANSPORTS

ROLES = Path(__file__).resolve().parents[2] / "roles"
NAMES = ("build", "deploy", "media", "report", "runtime", "schedule", "verify")
# Where a path lies that is not on the machine the role works on.
ON_CONTROLLER = {"audit_depot", "deploy_allowed_signers", "deploy_depot", "report_path"}
ON_CONTROLLER |= {"runtime_allowed_signers", "runtime_depot"}
ON_HOSTS = {"build_root", "deploy_jupyter_kernels", "deploy_root", "report_root", "runtime_root", "schedule_root"}
ON_HOSTS |= {"deploy_ca", "schedule_ca", "schedule_source", "verify_root"}
# What may be, or is, the address of a depot on a web server.
URLS = {"deploy_url", "schedule_source"}
# What a list or a dictionary has names of environments in.
ENVS = {"deploy_envs", "deploy_releases", "media_envs", "media_releases", "report_envs", "schedule_envs", "verify_envs"}
ENVS |= {"audit_env", "remove_env", "repair_env", "rollback_env"}
RELEASES = {"audit_release", "deploy_releases", "remove_release", "rollback_release"}
# What is the rest of a line in a unit of systemd, which drops a space and reads on after a backslash at its end.
LINE_OF_UNIT = {"schedule_directory"}
# What nobody needs to see in a result.
SECRET = {"media_luks_passphrase", "refresh_notify_url", "schedule_environment"}
# What a playbook works out from what all hosts did: the one task that wants it does that, and not once for each host.
ONCE = {"report_failures"}
LEAST = {"build_backend_timeout": 1, "build_deltas": 0, "build_part_size": 1, "deploy_keep": 1, "deploy_max_failed": 0}
LEAST |= {"deploy_swarm_linger": 0, "deploy_swarm_port": 1, "deploy_swarm_upload": 0}
LEAST |= {"media_span_drive": 0, "report_silent_days": 0, "schedule_after_days": 0, "schedule_ring": 1}
MOST = {"deploy_max_failed": 100, "deploy_swarm_linger": 86_400, "deploy_swarm_port": 65_000, "schedule_ring": 100}
# What the argument_specs.yml leave to a list of the collection's.
CHOICES = {"deploy_transport": {"choices": [*TRANSPORTS]}}


@dataclass(frozen=True)
class Playbook:
    """What a playbook reads: the options of its ``roles``, and ``own`` variables.

    ``old`` are the names that its variables had, with the new ones.
    """

    roles: tuple[str, ...] = ()
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    old: Mapping[str, str] = field(default_factory=dict)
    fleet: bool = True


@cache
def role_options(role: str) -> dict[str, dict[str, Any]]:
    """Return the options of a role, as its argument_specs.yml has them."""
    text = (ROLES / role / "meta/argument_specs.yml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    options = dict(yaml.load(text, Loader=loader)["argument_specs"]["main"]["options"])  # noqa: S506 - both are safe
    return {name: {**option, **CHOICES.get(name, {})} for name, option in options.items()}


def chosen(role: str, *names: str) -> dict[str, dict[str, Any]]:
    """Return some options of a role."""
    return {name: role_options(role)[name] for name in names}


ROOT, DRIVE = chosen("deploy", "deploy_root"), chosen("media", "media_drive")
TRANSPORT = chosen("deploy", "deploy_transport", "deploy_url", "deploy_ca")
# What a repair wants only when it needs the depot.
TRUST: dict[str, Any] = {name: {"type": "path", "default": ""} for name in ("deploy_depot", "deploy_allowed_signers")}
SIDE: dict[str, Any] = {"type": "str", "choices": ["bastion", "controller", "both"], "required": True}
PATTERN = {"type": "str"}
WORKSTATIONS, BASTION, CONTROLLER = (
    {"airgap_workstations": PATTERN},
    {"airgap_bastion": PATTERN},
    {"airgap_controller": PATTERN},
)
BATCHES: dict[str, Any] = {
    "deploy_batches": {"type": "list", "elements": "str"},
    "deploy_max_failed": {"type": "int", "default": 20},
}
NOTIFY: dict[str, Any] = {
    **{f"refresh_notify_{name}": {"type": "str"} for name in ("url", "mail_to", "mail_from", "mail_host")},
    "refresh_notify_mail_port": {"type": "int", "default": 25},
}
OLD_FLEET, OLD_BASTION, OLD_CONTROLLER = (
    {"workstations": "airgap_workstations"},
    {"bastion": "airgap_bastion"},
    {"controller": "airgap_controller"},
)
EVERY = {**OLD_FLEET, **OLD_BASTION, **OLD_CONTROLLER}
NAME: dict[str, Any]
NAMED: dict[str, Any]
NAME, NAMED = {"type": "str", "default": ""}, {"type": "str", "required": True}
PLAYBOOKS = {
    "audit": Playbook(
        (),
        {
            **WORKSTATIONS,
            **CONTROLLER,
            **ROOT,
            "audit_env": NAME,
            "audit_release": NAME,
            "audit_depot": {"type": "path"},
        },
        {**OLD_FLEET, **OLD_CONTROLLER},
    ),
    "build": Playbook(("build",), BASTION, OLD_BASTION, fleet=False),
    "deploy": Playbook(("deploy",), {**WORKSTATIONS, **BATCHES}, OLD_FLEET),
    "export": Playbook((), {**BASTION, **chosen("build", "build_depot"), **DRIVE}, OLD_BASTION, fleet=False),
    "import": Playbook(
        (),
        {**CONTROLLER, **chosen("deploy", "deploy_depot", "deploy_allowed_signers"), **DRIVE},
        OLD_CONTROLLER,
        fleet=False,
    ),
    "refresh": Playbook(
        ("build", "media", "deploy", "report"),
        {**WORKSTATIONS, **BASTION, **CONTROLLER, **BATCHES, **NOTIFY, "refresh_side": SIDE},
        EVERY,
    ),
    "remove": Playbook(
        (),
        {**WORKSTATIONS, **ROOT, "remove_env": NAMED, "remove_release": NAME},
        {**OLD_FLEET, "env": "remove_env", "release": "remove_release"},
    ),
    "repair": Playbook(
        (),
        {
            **WORKSTATIONS,
            **ROOT,
            **TRUST,
            **chosen("deploy", "deploy_transport", "deploy_url", "deploy_ca"),
            "repair_env": NAME,
        },
        {**OLD_FLEET, "env": "repair_env"},
    ),
    "report": Playbook(("report",), WORKSTATIONS, OLD_FLEET),
    "rollback": Playbook(
        (),
        {**WORKSTATIONS, **ROOT, "rollback_env": NAMED, "rollback_release": NAME},
        {**OLD_FLEET, "env": "rollback_env", "release": "rollback_release"},
    ),
    "schedule": Playbook(
        ("schedule",), {**WORKSTATIONS, **BASTION, **CONTROLLER}, {**OLD_BASTION, **OLD_CONTROLLER}, fleet=False
    ),
    "site": Playbook(("build", "deploy", "verify"), {**WORKSTATIONS, **BASTION, **BATCHES}, EVERY),
    "verify": Playbook(("verify",), WORKSTATIONS, OLD_FLEET),
}


def playbook_options(playbook: str) -> dict[str, Mapping[str, Any]]:
    """Return the options of the roles of a playbook, and its own."""
    of = PLAYBOOKS[playbook]
    return {**{name: option for role in of.roles for name, option in role_options(role).items()}, **of.own}


def needed(playbook: str, side: str) -> dict[str, Mapping[str, Any]]:
    """Return the options without which a playbook cannot do its work; of a refresh, on one ``side``."""
    roles = [role for role in PLAYBOOKS[playbook].roles if role != "media"]  # its playbooks give it all
    if playbook == "refresh":
        roles = {"bastion": ["build"], "controller": ["deploy", "report"]}.get(side, roles)
    options = {name: option for role in roles for name, option in role_options(role).items()}
    return {name: option for name, option in {**options, **PLAYBOOKS[playbook].own}.items() if option.get("required")}


@cache
def known_names() -> frozenset[str]:
    """Return the name of every variable that anything in the collection reads."""

    def names() -> Iterator[str]:
        for role in NAMES:
            yield from role_options(role)
        for playbook in PLAYBOOKS.values():
            yield from playbook.own

    return frozenset(names())
