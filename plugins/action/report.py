# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the fleet page, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import RINGS
from ansible_collections.airgap.conda.plugins.module_utils._hosts.rings import summary, write_rings
from ansible_collections.airgap.conda.plugins.module_utils._report.answer import host_report, with_failure
from ansible_collections.airgap.conda.plugins.module_utils._report.by_receipt import collect, with_receipts
from ansible_collections.airgap.conda.plugins.module_utils._report.files import require_time, write_report
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import now
from ansible_collections.airgap.conda.plugins.module_utils._source.index import write_index
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import host_of
from ansible_collections.airgap.conda.plugins.plugin_utils._controller_action import ControllerAction
from ansible_collections.airgap.conda.plugins.plugin_utils._once import once
from ansible_collections.airgap.conda.plugins.plugin_utils._paths import of_caller


class ActionModule(ControllerAction):
    """Controller side of airgap.conda.report; it has no other side."""

    ARGUMENTS: Mapping[str, Any] = {
        "path": {"type": "path", "required": True},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "seen": {"type": "list", "elements": "raw", "default": []},
        "verified": {"type": "list", "elements": "raw", "default": []},
        "failures": {"type": "dict", "default": {}},
        "time": {"type": "str"},
        "depot": {"type": "path"},
        "silent_days": {"type": "int", "default": 45},
        "rings_open": {"type": "list", "elements": "str", "default": []},
    }

    def step(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Make a report of each answer and write them: the first host does, since not every strategy heeds run_once."""
        host = host_of(self.known)
        wanted = {"task": self._task._uuid, "path": of_caller(options["path"])}
        result = once(Path(constants.DEFAULT_LOCAL_TMP), wanted, lambda: self._written(options, host))
        return {**result, "changed": result["changed"] and result["writer"] == host}

    def _written(self, options: Mapping[str, Any], host: str) -> dict[str, Any]:
        time = require_time(options["time"] or now())
        reports = {
            name: with_failure(host_report(name, seen, verified, time), options["failures"].get(name))
            for name, seen, verified in zip(options["hosts"], options["seen"], options["verified"], strict=False)
        }
        hosts, warnings = list(options["hosts"]), []
        depot = Path(of_caller(options["depot"])) if options.get("depot") else None
        if depot and depot.is_dir():
            verified = dict(zip(options["hosts"], options["verified"], strict=False))
            inventory = (self.known.get("groups") or {}).get("all", hosts)
            try:
                warnings = collect(depot, verified, self._task.check_mode)
                reports = with_receipts(reports, inventory, verified, depot, time, options["silent_days"])
                _tell_rings(depot, options["rings_open"], self._task.check_mode)
            except AirgapError as error:  # the page is about those who answered, whatever the depot has
                warnings = [str(error)]
            hosts += [name for name in reports if name not in hosts]
        path = Path(of_caller(options["path"]))
        result = write_report(path, hosts, reports, time, self._task.check_mode)
        return {**result, "writer": host, **({"warnings": warnings} if warnings else {})}


def _tell_rings(depot: Path, opened: Sequence[str], check: bool) -> None:
    """Write for hosts that fetch for themselves what those before them said; nothing where there are no rings."""
    rings = summary(depot, opened)
    if not check and (rings.said or rings.opened or (depot / RINGS).exists()):
        write_rings(depot, rings)
    if not check:
        write_index(depot)
