# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unit tests start no Ansible, tests of modules may, and every test is one of a kind that ./dev test runs."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.conftest import CHECKOUT
from ansible_collections.airgap.conda.tests.unit.tiny_host import PLAYBOOK, Host

sys.path.insert(0, str(CHECKOUT / "tests/tools"))

from run_parts import PARTS

CLEAR = "a unit test starts Ansible .*: put it in tests/modules"


def test_every_test_is_run_by_one_part() -> None:
    """Whatever pytest would find is below a folder that a command of ./dev names, and that command is a part."""
    found = {path.relative_to(CHECKOUT / "tests").parts[0] for path in CHECKOUT.glob("tests/**/test_*.py")}
    assert found == {"unit", "modules", "lab"}
    text = (CHECKOUT / "dev").read_text(encoding="utf-8")
    for folder, command in (("unit", "unit"), ("modules", "modules"), ("lab", "lab test")):
        assert len(re.findall(rf'"\$root/tests/{folder}"', text)) == 1, folder
        assert command in {part.command for part in PARTS}
    quick = {part.command: part.quick for part in PARTS if part.command in found}
    assert quick == {"unit": "unit --quick", "modules": ""}


@pytest.mark.parametrize("command", [[str(PLAYBOOK)], ["ansible-doc", "-l"], [sys.executable, str(PLAYBOOK)]])
def test_a_unit_test_cannot_start_ansible(started: list[str], command: list[str]) -> None:
    with pytest.raises(AssertionError, match=CLEAR):
        subprocess.run(command, check=False)
    assert started
    started.clear()


def test_nor_run_a_play(tmp_path: Path, started: list[str]) -> None:
    with pytest.raises(AssertionError, match=CLEAR):
        Host(tmp_path).play([])
    started.clear()


def test_nor_in_a_terminal() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(PLAYBOOK, ["ansible-playbook"])  # noqa: S606
    said = b""
    while b"tests/modules" not in said:
        said += os.read(terminal, 65536)
    assert re.search(CLEAR, said.decode())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    os.close(terminal)


ASIDE = """\
import subprocess

def test_it():
    try:
        subprocess.run(["ansible", "--version"], check=False)
    except AssertionError:
        pass
"""


def test_nor_keep_it_to_itself(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(ASIDE, encoding="ascii")
    (tmp_path / "conftest.py").write_text((CHECKOUT / "tests/unit/conftest.py").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "pytest", "-qp", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "a unit test started Ansible (ansible ansible --version): put it in tests/modules" in done.stdout
