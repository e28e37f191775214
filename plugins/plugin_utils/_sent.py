# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many bytes a host was sent, told by the worker that sends them to the callback that shows it.

Ansible runs an action in a process of its own, of which the callback hears nothing before it ends. So the callback
makes a folder, names it in the environment that workers inherit, and reads one small file a host there.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress

# The environment variable that names the folder; without it nobody listens.
FOLDER = "_AIRGAP_CONDA_PROGRESS"
# Seconds between two lines on one host.
PAUSE = 0.3

# When this process last told something, by host.
_told: dict[str, float] = {}


def sent(host: str, done: int, of: int) -> None:
    """Tell that ``host`` was sent ``done`` of the ``of`` bytes of this task.

    A transport calls this as often as it likes, first with 0; it costs nothing where nobody listens, and never fails.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    now = time.monotonic()
    if 0 < done < of and now - _told.get(host, float("-inf")) < PAUSE:
        return
    _told[host] = now
    Progress(_file_of(Path(folder), host)).say(json.dumps([host, done, of]))


def forget(folder: Path, host: str) -> None:
    """Remove what was told of a host, before its next task tells something."""
    _file_of(folder, host).unlink(missing_ok=True)


def read_sent(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Give host, bytes done and bytes in all of each host of which something was told."""
    for path in folder.glob("[!.]*"):
        try:
            host, done, of = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):  # another task of the host begins just now
            continue
        if isinstance(host, str) and isinstance(done, int) and isinstance(of, int):
            yield host, done, of


def _file_of(folder: Path, host: str) -> Path:
    return folder / hashlib.sha256(host.encode("utf-8", "surrogatepass")).hexdigest()[:32]
