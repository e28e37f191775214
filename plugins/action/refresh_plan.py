# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look what a refresh works on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import LINE, clean
from ansible_collections.airgap.conda.plugins.plugin_utils import _refresh
from ansible_collections.airgap.conda.plugins.plugin_utils._controller_action import ControllerAction
from ansible_collections.airgap.conda.plugins.plugin_utils._places import Places
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_values import Unfit


class ActionModule(ControllerAction):
    """Controller side of airgap.conda.refresh_plan; it has no other side."""

    def step(self, _options: Mapping[str, Any]) -> dict[str, Any]:
        """Work it out of the variables of localhost and of the workstations."""
        return {"changed": False, **_refresh.plan(Places(self.known, self._templar.template), self._value)}

    def _value(self, name: str) -> Any:
        try:
            return self._templar.template(self.known.get(name))
        except AnsibleError as error:
            raise Unfit(f"a value that can be worked out: {clean(str(error), LINE)}") from error
