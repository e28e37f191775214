# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts the last play of a playbook is for: those of which it has something to say.

A task costs the controller a process for each host, and in most runs there is nothing to say of most hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.plugin_utils._outcomes import outcome
from ansible_collections.airgap.conda.plugins.plugin_utils._places import WORKSTATIONS, Places
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions


def ended(places: Places, work: str, options: RunOptions) -> list[str]:
    """Return the pattern for the workstations that are not right, and for one that is.

    Without that one, all hosts of the play would fail, and Ansible would drop whatever plays come after it. It is the
    pattern of all workstations where that does not make them much fewer.
    """
    hostvars: Mapping[str, Any] = places.variables.get("hostvars") or {}
    names = places.names(WORKSTATIONS, work) if hostvars else []
    right = [name for name in names if _is_right(name, hostvars, work, options)]
    left_out = {*right[1:]}
    told = [name for name in names if name not in left_out]
    fewer = told and 2 * len(told) <= len(names) and places.are_patterns(told)
    return told if fewer else places.patterns(WORKSTATIONS, work)


def _is_right(host: str, hostvars: Mapping[str, Any], work: str, options: RunOptions) -> bool:
    try:
        return outcome(host, hostvars[host], hostvars, work, options)[0] is None
    except Exception:  # noqa: BLE001 - the task of that host says what it is, and fails for no other
        return False
