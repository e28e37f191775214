# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One refresh at a time: who holds the lock, when it is void, and two runs of ansible-playbook for real."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.plugin_utils._refresh_lock import NAME, Holder, holder, take
from ansible_collections.airgap.conda.tests.unit.conftest import COLLECTIONS
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


@pytest.fixture
def other() -> Iterator[Holder]:
    """Return another process that lives; it ends with the test."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield holder(process.pid)
        process.kill()


def me() -> Holder:
    return holder(os.getpid())


def recorded(depot: Path) -> int:
    return int(json.loads((depot / NAME).read_text())["pid"])


def test_the_lock_is_taken_and_taken_again_by_the_same(depot: Path) -> None:
    take(depot, me())
    take(depot, replace(me(), since="later"))
    assert recorded(depot) == os.getpid()
    assert sorted(path.name for path in depot.iterdir()) == [".locks", NAME]


def test_another_that_lives_is_named(depot: Path, other: Holder) -> None:
    take(depot, other)
    with pytest.raises(AirgapError) as refusal:
        take(depot, me())
    assert refusal.value.problem == "Another refresh is at work"
    assert refusal.value.found == f"process {other.pid} of {other.user}, at work since {other.since}"
    assert refusal.value.where == str(depot / NAME)
    assert recorded(depot) == other.pid


def test_check_mode_looks_and_writes_nothing(depot: Path, other: Holder) -> None:
    take(depot, me(), check_mode=True)
    assert not depot.exists()
    take(depot, other)
    with pytest.raises(AirgapError, match="Another refresh"):
        take(depot, me(), check_mode=True)


def test_one_that_is_gone_holds_nothing(depot: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        take(depot, holder(process.pid))
        process.kill()
    take(depot, me())
    assert recorded(depot) == os.getpid()


@pytest.mark.parametrize("difference", [{"started": 1}, {"boot": "another"}])
def test_another_process_with_that_number_holds_nothing(depot: Path, other: Holder, difference: dict[str, Any]) -> None:
    take(depot, replace(other, **difference))
    take(depot, me())
    assert recorded(depot) == os.getpid()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "\x00\xff"])
def test_what_no_refresh_wrote_holds_nothing(depot: Path, text: str) -> None:
    depot.mkdir()
    (depot / NAME).write_text(text)
    take(depot, me())
    assert recorded(depot) == os.getpid()


def test_a_depot_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AirgapError, match=r"Locking the depot .* failed\. Wanted: "):
        take(tmp_path / "file/depot", me())


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
