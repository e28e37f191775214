# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check audit chains, and join them into one story."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import from_result
from ansible_collections.airgap.conda.plugins.module_utils._audit.story import story, table
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.plugin_utils._controller_action import ControllerAction


class ActionModule(ControllerAction):
    """Controller side of airgap.conda.audit; it has no other side."""

    ARGUMENTS: Mapping[str, Any] = {
        "chains": {"type": "dict", "required": True},
        "env": {"type": "str", "default": ""},
        "release": {"type": "str", "default": ""},
    }

    def step(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Join the chains; a failure has the story too."""
        chains, unread = {}, []
        for place, answer in options["chains"].items():
            try:
                chains[str(place)] = from_result(answer, str(place))
            except AirgapError:
                unread.append(str(place))
        told, faults = story(chains, options["env"], options["release"]), Faults()
        faults.found += told.faults
        error = faults.error("the audit chains")
        result = {
            "changed": False,
            "story": told.as_result(),
            "table": table(told.lines),
            "verdicts": {place: chain.verdict for place, chain in chains.items()},
            "unread": sorted(unread),
        }
        return {**result, **({"failed": True, **error.as_result()} if error else {})}
