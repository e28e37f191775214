# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look what role deploy has to do on a host: its settings, its depot, and the host itself, in one task.

A task costs the controller a process for each host, most of what a host with nothing to do takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.airgap.conda.plugins.action import preflight
from ansible_collections.airgap.conda.plugins.action.depot_info import verified_releases
from ansible_collections.airgap.conda.plugins.action.settings import Settings
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.plugin_utils._controller_action import on_the_controller

ROLE = "deploy"
LOOK = "airgap.conda.preflight"
# The settings that are options of the look.
SAME = ("root", "keep", "allow_downgrade", "jupyter_kernels", "facts", "gpu_probe")


class ActionModule(ActionBase):
    """Controller side of airgap.conda.deploy_look; that of airgap.conda.preflight looks at the host."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the settings, the releases, and what there is to do."""
        super().run(tmp, task_vars)
        _result, args = self.validate_argument_spec({"deltas": {"type": "bool", "default": True}})
        try:
            given = Settings(self, task_vars or {}).of_role(ROLE)
            settings = given["settings"]
            with on_the_controller():
                depot = verified_releases(
                    settings["depot"],
                    list(dict.fromkeys([RUNTIME, *settings["envs"]])),
                    settings["releases"],
                    settings["allowed_signers"],
                )
        except AirgapError as error:
            return {"failed": True, "asked": False, **error.as_result()}
        signers = depot["allowed_signers"] if settings["pin_signers"] else ""
        options = {name: settings[name] for name in SAME}
        wanted = {**options, **args, "releases": depot["releases"], "signers": signers, "bring_runtime": True}
        found = self._look(wanted, task_vars)
        if found.get("failed"):
            return {**found, "asked": True}
        warnings = [*given["warnings"], *found.get("warnings", ())]
        releases = depot["releases"] if found.get("work") else list(map(_unsent, depot["releases"]))
        known = {"asked": True, "settings": settings, "releases": releases, "signers": signers}
        return {**found, **known, **({"warnings": warnings} if warnings else {})}

    def _look(self, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return what airgap.conda.preflight returns for this host."""
        task = self._task.copy(exclude_parent=True)
        task.action, task.args = LOOK, options
        plays, shared = self._play_context, self._shared_loader_obj
        action = preflight.ActionModule(task, self._connection, plays, self._loader, self._templar, shared)
        try:
            return dict(action.run(task_vars=task_vars))
        finally:
            action.cleanup()


def _unsent(release: Mapping[str, Any]) -> dict[str, Any]:
    """Return a release without its parts: most of what a controller would keep of a host that needs none of them."""
    return {**release, "payloads": []}
