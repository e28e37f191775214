# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the fleet page, once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants

from ansible_collections.airgap.conda.plugins.module_utils._report.answer import host_report, with_failure
from ansible_collections.airgap.conda.plugins.module_utils._report.files import require_time, write_report
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import now
from ansible_collections.airgap.conda.plugins.plugin_utils._controller_action import ControllerAction
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
    }

    def step(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Make a report of each answer, and write them."""
        if not self._first(options["path"]):
            return {"changed": False, "skipped": True, "msg": "written by this task already"}
        time = require_time(options["time"] or now())
        reports = {
            host: with_failure(host_report(host, seen, verified, time), options["failures"].get(host))
            for host, seen, verified in zip(options["hosts"], options["seen"], options["verified"], strict=False)
        }
        return write_report(Path(of_caller(options["path"])), options["hosts"], reports, time, self._task.check_mode)

    def _first(self, path: str) -> bool:
        """Tell whether this task of this run is here for the first time; not every strategy heeds run_once."""
        name = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        done = Path(constants.DEFAULT_LOCAL_TMP, f"report-{self._task._uuid}-{name}")
        try:
            os.close(os.open(done, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True
