# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at the settings of a role or a playbook before anything is done: types, paths, names; all faults at once."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import LINE, clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.plugin_utils import _setting_faults as of
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import PYTHON, host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._places import (
    HOST,
    PATTERNS,
    REFRESH,
    WORKSTATIONS,
    Places,
)
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_media import collections, media_faults
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_specs import (
    NAMES,
    ONCE,
    PLAYBOOKS,
    SECRET,
    known_names,
    role_options,
)
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_values import Unfit

known_names()  # reads all roles, in the process of which those for the hosts are copies


class Settings:
    """The settings of this collection as a task of ``action`` sees them, ``known`` being the variables of its host."""

    def __init__(self, action: ActionBase, known: dict[str, Any]) -> None:
        self.known, self.extra = known, load_extra_vars(action._loader)
        self._templar, self._connection = action._templar, action._connection
        # Whose Python the modules of the role run with, where its task says so.
        self._python = action._task.get_vars().get(PYTHON)

    def of_role(self, role: str) -> dict[str, Any]:
        """Return the settings of a role, by their names without its prefix, and warnings; raises AirgapError."""
        return self._of_host(f"{role}_", role_options(role))

    def of_playbook(self, playbook: str) -> dict[str, Any]:
        """Return a playbook's own settings on this host likewise."""
        return self._of_host(f"{playbook}_", PLAYBOOKS[playbook].own)

    def _of_host(self, prefix: str, options: Any) -> dict[str, Any]:
        host = host_of(self.known)
        faults: list[of.Fault] = []
        local = self._connection.transport in ("local", "ansible.builtin.local")
        once = {name for name in options.keys() & ONCE if self._templar.is_template(self.known.get(name))}
        for name in once:
            self._refuse_fact(name, self.known[name])
        each = {name: option for name, option in options.items() if name not in once}
        values = of.settled(each, self.own, local, faults)
        shown = {name: value for name, value in values.items() if name not in SECRET}
        own = {name.removeprefix(prefix).removeprefix("deploy_"): value for name, value in shown.items()}
        if self._python is not None:
            ours = [self._templar.template(self._python), own.get("python")]
            used = self.known.get(PYTHON)
            faults += of.interpreter_fault(self._templar.template(used), ours, own.get("root") or "", self.extra)
        faults += of.connection_fault(type(self._connection))
        faults += of.transport_faults(values)
        if prefix == "media_":
            faults += media_faults(values, collections())
        if faults:
            raise of.refusal(faults, f"-e and the variables of {host}")
        slips = of.misspelled(name for name in self.known if name not in self.extra)
        warnings = [f"{name} is a variable that nothing reads; there is {alike}" for name, alike in slips.items()]
        return {"warnings": warnings, "settings": own}

    def look_at_whole_run(self, playbook: str) -> None:
        """Look at what can be seen before any host is: what was given with -e, groups and --limit."""
        places, limit = Places(self.known, self._templar.template), self.known.get("ansible_limit")
        if playbook == REFRESH and limit:
            raise of.limited(str(limit))
        hostvars, faults = self.known["hostvars"], of.run_faults(playbook, self.extra, self._early)
        groups, side = self.known["groups"], str(self._value("refresh_side") or "")
        known = hostvars[host_of(self.known)]
        inventory = {name: known[name] for name in PATTERNS.keys() - self.extra.keys() if name in known}
        faults += of.pattern_faults(playbook, self.own, inventory, groups, groups["all"])
        fleet_is_meant = PLAYBOOKS[playbook].fleet or places.value("schedule_side") == HOST
        if fleet_is_meant and side != "bastion" and not faults:
            fleet = places.names(WORKSTATIONS)
            faults += of.reach_fault(fleet, self.known["ansible_play_hosts_all"], str(limit))
        every = [host for host in ("localhost", *groups["all"]) if host in hostvars]
        faults += of.missing(
            playbook,
            side,
            lambda name: name in self.known or any(name in hostvars[host] for host in every),
            self.known.get,
        )
        if faults:
            raise of.refusal(faults, "the command line and the inventory")

    def own(self, name: str) -> Any:
        """Return a variable of this host as the controller's owner gave it; raises when it is a fact of the host."""
        value = self._value(name)
        self._refuse_fact(name, value)
        return value

    def _refuse_fact(self, name: str, value: Any) -> None:
        host = host_of(self.known)
        if name in self.known.get("ansible_facts", {}) and self.known["hostvars"][host].get(name) == value:
            raise AirgapError(
                "A fact of a host has the name of a setting",
                code="fact-forged",
                wanted=f"{name} from the owner of the controller",
                found=clean(repr(value), LINE),
                where=f"the facts of {host}, of this run or from the fact cache",
                remedy="find out why that host answers with such facts, and remove them from the cache of facts",
            )

    def _early(self, name: str) -> Any:
        """Return a variable when its value can be worked out without those of a host."""
        try:
            return self._value(name)
        except Unfit:
            return None

    def _value(self, name: str) -> Any:
        if name not in self.known:
            return None
        try:
            return self._templar.template(self.known[name])
        except AnsibleError as error:
            raise Unfit(f"a value that can be worked out: {clean(str(error), LINE)}") from error


class ActionModule(ActionBase):
    """Controller side of airgap.conda.settings; it has no other side."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the settings of a role on this host, or look at those of a whole run."""
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec(
            argument_spec={
                "role": {"type": "str", "choices": list(NAMES)},
                "playbook": {"type": "str", "choices": list(PLAYBOOKS)},
                "whole_run": {"type": "bool", "default": False},
            },
            required_one_of=[["role", "playbook"]],
            mutually_exclusive=[["role", "playbook"], ["role", "whole_run"]],
        )
        settings = Settings(self, task_vars or {})
        try:
            if args["whole_run"]:
                settings.look_at_whole_run(args["playbook"])
                return {"changed": False}
            found = settings.of_role(args["role"]) if args["role"] else settings.of_playbook(args["playbook"])
        except AirgapError as error:
            return {"failed": True, **error.as_result()}
        return {"changed": False, **found}
