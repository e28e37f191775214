# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask a host that may have no Python which releases are current."""

from __future__ import annotations

from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.plugin_utils import _links
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._bootstrap import python_of
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import ROOT, HostAction


class ActionModule(HostAction):
    """Controller side of airgap.conda.current_info; all of the host's side is shell."""

    def work(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return the current releases."""
        _result, args = self.validate_argument_spec({"root": {"type": "path", "default": ROOT}})
        root = args["root"]
        heard = self.sh(
            "look at the host", host_of(task_vars), _links.links_script(root), names=_links.SAID, limit=_links.LIMIT
        )
        links = _links.parse_links(heard)
        python = python_of(root, "current") if RUNTIME in links["envs"] else ""
        return {"changed": False, "root": root, "interpreter": python, **links}
