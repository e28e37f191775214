# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts a play is for: the bastion, the controller or the workstations; in a refresh, those of its side.

Ansible reads the pattern of a play before it knows the variables of any host, so what counts is what was given by -e
and what the inventory says of localhost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

BASTION, CONTROLLER, WORKSTATIONS, SCHEDULED = "bastion", "controller", "workstations", "scheduled"
PLACES = (BASTION, CONTROLLER, WORKSTATIONS, SCHEDULED)
LOCAL = "localhost"
# The patterns of a playbook, with what they are when they are not given.
PATTERNS = {"airgap_workstations": "workstations", "airgap_bastion": LOCAL, "airgap_controller": LOCAL}
REFRESH, BOTH, HOST = "refresh", "both", "host"


@dataclass(frozen=True)
class Places:
    """The places of a run, with its ``variables`` and what takes templates out of a value."""

    variables: Mapping[str, Any]
    template: Callable[[Any], Any]

    def value(self, name: str) -> Any:
        """Return a variable of the run, else of localhost; None where there is none."""
        if name in self.variables:
            return self.template(self.variables[name])
        # There are none before the first play has begun, nor for --list-hosts and its like.
        hostvars = self.variables.get("hostvars")
        return hostvars[LOCAL].get(name) if hostvars and LOCAL in hostvars else None

    @property
    def side(self) -> str:
        """The side of a refresh; empty when it is not given."""
        return str(self.value("refresh_side") or "")

    def has(self, place: str) -> bool:
        """Tell whether a refresh works at this place; where its side is not known, it does at all of them."""
        return self.side in ("", BOTH, BASTION if place == BASTION else CONTROLLER)

    def pattern(self, place: str) -> str:
        """Return the pattern of a place."""
        if place == SCHEDULED:
            place = {BASTION: BASTION, HOST: WORKSTATIONS}.get(str(self.value("schedule_side")), CONTROLLER)
        name = f"airgap_{place}"
        # As for Ansible's own keywords, the variables of hosts do not count.
        given = self.template(self.variables[name]) if name in self.variables else None
        return str(given or PATTERNS[name])

    def patterns(self, place: str, work: str = "") -> list[str]:
        """Return what a play for this place has as ``hosts``; nothing for the other side of a refresh."""
        return [] if work == REFRESH and not self.has(place) else [self.pattern(place)]

    def names(self, place: str, work: str = "") -> list[str]:
        """Return the hosts of a place, whatever a run is limited to."""
        return self._matched(self.patterns(place, work))

    def are_patterns(self, names: Sequence[str]) -> bool:
        """Tell whether names of hosts, as the patterns of a play, mean these hosts and no others."""
        return sorted(self._matched(names)) == sorted(names)

    def _matched(self, patterns: Sequence[str]) -> list[str]:
        inventory = InventoryManager(DataLoader(), parse=False)
        for group, hosts in self.variables["groups"].items():
            inventory.add_group(group)
            for host in hosts:
                inventory.add_host(host, group=group)
        try:
            return [str(host.name) for host in inventory.get_hosts(pattern=[*patterns])]
        except AnsibleError:
            return []

    def is_here(self, place: str) -> bool:
        """Tell whether a place is the machine that ansible-playbook runs on, which takes no ssh."""
        return self.pattern(place) == LOCAL
