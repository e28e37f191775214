# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell whether a further batch of a deploy is to begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._batches import MOST, gate
from ansible_collections.airgap.conda.plugins.plugin_utils._controller_action import ControllerAction


class ActionModule(ControllerAction):
    """Controller side of airgap.conda.deploy_gate; it has no other side."""

    def step(self, _options: Mapping[str, Any]) -> dict[str, Any]:
        """Count the hosts on which the deploy failed so far."""
        try:
            given = self._templar.template(self.known.get(MOST))
        except AnsibleError:
            given = f"{self.known[MOST]}"
        hosts = self.known["ansible_play_hosts_all"]
        return {"changed": False, **gate(host_of(self.known), given, hosts, self.known["hostvars"])}
