# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two refreshes of one depot at a time: the second is refused."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.plugin_utils._refresh_lock import NAME
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_host import BYTECODE, PLAYBOOK

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - airgap.conda.refresh_lock: {depots: ["{{ depot }}"]}
    - airgap.conda.refresh_lock: {depots: ["{{ depot }}"]}
    - ansible.builtin.wait_for: {path: "{{ hold }}", timeout: 600, sleep: 1}
      when: hold is defined
"""


@pytest.fixture
def depot(tmp_path: Path) -> Path:
    return tmp_path / "depot"


def test_two_runs_for_real(depot: Path, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    command = [str(PLAYBOOK), str(tmp_path / "play.yml"), "-e", f"depot={depot}"]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "PYTHONPATH": str(BYTECODE),
    }
    end = tmp_path / "end"
    with (
        open(tmp_path / "first.log", "wb") as log,
        subprocess.Popen([*command, "-e", f"hold={end}"], env=environment, stdout=log, stderr=log) as first,
    ):
        try:
            while not (depot / NAME).exists():
                assert first.poll() is None, (tmp_path / "first.log").read_text()
                time.sleep(0.1)
            second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        finally:
            end.touch()
    assert first.returncode == 0, (tmp_path / "first.log").read_text()
    assert second.returncode == 2
    assert f"Another refresh is at work. Wanted: one refresh of this depot at a time. Found: process {first.pid} " in (
        second.stdout
    )
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
