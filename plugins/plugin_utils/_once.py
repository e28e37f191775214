# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work that many hosts of one run want, done by the first of them; the others wait for it and read what came of it.

Each task of each host runs in a process of its own, so what is known is a file in the run's own temporary folder on the
controller. Only the user of the run can open that folder, and Ansible removes it when the run ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

PREFIX = "airgap-conda-"


def once(folder: Path, wanted: Mapping[str, Any], work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what ``work`` gives, or gave another host that ``wanted`` the same; raises AirgapError likewise.

    ``wanted`` is all that the result depends on. Whoever comes second waits as long as the first one works: the lock
    ends with the process that holds it, and then the next one does the work.
    """
    key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
    with open(folder / f"{PREFIX}{key}", "a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        known = _read(stream.read())
        if known is None:
            try:
                known = {"result": work()}
            except AirgapError as error:
                known = {"error": error.fields()}
            stream.truncate(0)
            stream.write(json.dumps(known))
            stream.flush()
    if "error" in known:
        raise AirgapError(**known["error"])
    return dict(known["result"])


def _read(text: str) -> dict[str, Any] | None:
    """Return what another process has written; None when it was ended before it had."""
    try:
        return dict(json.loads(text))
    except ValueError:
        return None
