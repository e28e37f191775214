# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who computes on a GPU with an environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._pull import busy as _busy
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store


def test_only_a_process_of_the_environment_with_a_gpu_open_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    users = {store.release("demo", "1-abcdef01"): [11, 12], store.release("demo", "2-abcdef01"): [12, 13, 14, 15]}
    monkeypatch.setattr(Store, "releases", lambda _self, _env: ["1-abcdef01", "2-abcdef01"])
    monkeypatch.setattr(_busy, "in_use", lambda prefixes: {prefix: users[prefix] for prefix in prefixes})
    opened = {
        10: ["/dev/nvidia0"],  # the desktop
        11: ["/dev/null", "/dev/nvidiactl", "/dev/nvidia-uvm"],
        12: ["/dev/nvidia12"],
        13: ["/home/me/nvidia0"],
        15: ["/dev/null", "/dev/nvidia0"],
    }  # and 14 has ended
    for pid, targets in opened.items():
        folder = tmp_path / "proc" / str(pid) / "fd"
        folder.mkdir(parents=True)
        for number, target in enumerate(targets):
            os.symlink(target, folder / str(number))
    assert _busy.busy(store, "demo", tmp_path / "proc") == [12, 15]
