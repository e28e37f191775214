# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work that many hosts of one run want, done by the first of them; the others wait for it and read what came of it.

Each task of each host runs in a process of its own, so what is known is a file in the run's own temporary folder on the
controller. Only the user of the run can open that folder, and Ansible removes it when the run ends.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked

PREFIX = "airgap-conda-"


def once(folder: Path, wanted: Mapping[str, Any], work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what ``work`` gives, or gave another host that ``wanted`` the same; raises AirgapError likewise.

    ``wanted`` is all that the result depends on. Whoever comes second waits as long as the first one works: the lock
    ends with the process that holds it, and then the next one does the work.
    """
    record = folder / f"{PREFIX}{hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()}"
    known = _read(record)  # what is there only in part is no JSON
    if known is None:
        with locked(folder, record.name, "what the hosts of this run share", wait=math.inf):
            known = _read(record)
            if known is None:
                try:
                    known = {"result": work()}
                except AirgapError as error:
                    known = {"error": error.fields()}
                record.write_text(json.dumps(known), encoding="utf-8")
    if "error" in known:
        raise AirgapError(**known["error"])
    return dict(known["result"])


def _read(record: Path) -> dict[str, Any] | None:
    """Return what another process has written; None when none has, or was ended before it had."""
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None
