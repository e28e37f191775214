# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fetch leaves a process that unpacks what the module's connection goes on to send."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._store.ahead import Ahead
from ansible_collections.airgap.conda.plugins.module_utils._store.arrived import Told
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.tests.unit.tiny_host import Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import skip_flushes


def test_a_play_leaves_a_process_that_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_flushes(monkeypatch)
    host = Host(tmp_path)
    tree = {"bin/python": "#!/bin/sh\n", **{f"lib/{n}": os.urandom(24 << 20) for n in range(6)}}
    made = host.make(1, tree=tree, part_size=32 << 20, checks=Checks())
    missing = [part.name for part in made.manifest.payloads[0].parts]
    step = {**Step("demo", made.manifest.id, "install", "", "tar.zst").to_dict(), "missing": missing}
    options = {"releases": [made.result], "steps": [step], "root": str(host.store.root), "unpack": True}
    done = host.play([{"airgap.conda.fetch": options}], ansible_python_interpreter=sys.executable)
    assert done.returncode == 0
    ahead, until = Ahead(host.store.root, "demo"), time.monotonic() + 60
    told = Told("demo", made.manifest.id, made.sha256, "tar.zst")
    while not ahead.whole(told).is_dir():
        assert ahead.is_alive
        assert time.monotonic() < until
        time.sleep(0.05)
    status = Path("/proc", ahead.process, "status").read_text(encoding="ascii")
    (peak,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 300 << 10, "KiB"
    deploy(host.store, made.step(), made.sha256, 2, signature_sha256=made.wanted.signature_sha256)
    assert not (host.store.root / ".staging").exists()
