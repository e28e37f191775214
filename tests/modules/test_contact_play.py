# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Playbooks on hosts with another login shell, with an rc file that prints, with a run that ends too early."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_login import Login
from ansible_collections.airgap.conda.tests.unit.tiny_release import release_id

# A title without an end of line, values that are none, a banner.
NOISE = """\
printf '\\033]0;ws1\\007works=yes\\ncurrent=9-99999999\\nhigh_water=99\\nroot=/elsewhere\\n\\033]0;ws1\\007'
echo 'Welcome to ws1' >&2
"""


@pytest.mark.parametrize(
    ("login", "rc", "pipelining"),
    [
        ("tcsh", NOISE, False),
        ("fish", "export CDPATH=/tmp LC_ALL=de_DE.UTF-8 TMPDIR=/nowhere TAR_OPTIONS=--wrong; umask 077", True),
    ],
)
def test_a_host_of_another_kind_gets_its_releases_and_keeps_nothing_else(
    tmp_path: Path, login: str, rc: str, pipelining: bool
) -> None:
    if not shutil.which(login):
        pytest.skip(f"no {login} here")
    host = Login(tmp_path)
    host.begin(login, rc)
    assert host.play("deploy", pipelining).returncode == 0
    assert (host.store.current("runtime"), host.store.current("demo")) == (release_id(1), release_id(1))
    assert host.temporary() == []
    host.rounds()
    again = host.play("deploy", pipelining)
    assert (again.returncode, again.count("changed")) == (0, 0)
    assert host.rounds() == 1
    done = host.play("report", pipelining)
    assert "1 of 1 host is right" in done.output
    assert host.temporary() == []


@pytest.mark.parametrize("pipelining", [True, False])
def test_nothing_stays_of_a_deploy_that_fails_or_is_refused(tmp_path: Path, pipelining: bool) -> None:
    host = Login(tmp_path)
    host.begin(serials=(1, 2))
    done = host.play("deploy", pipelining)
    assert "A check of demo" in done.output
    assert (done.returncode != 0, host.store.current("demo"), host.temporary()) == (True, "", [])
    assert not (host.store.root / ".incoming").exists()
    done = host.play("deploy", pipelining, deploy_root="/proc/none")
    assert (done.returncode != 0, host.temporary()) == (True, [])


@pytest.mark.parametrize(
    ("word", "pipelining", "number"),
    [
        ("dd of=.*/env.tar.gz", True, signal.SIGINT),
        ("dd of=.*/env.tar ", False, signal.SIGTERM),
        ("AnsiballZ_preflight.py", False, signal.SIGINT),
    ],
)
def test_nothing_stays_of_a_run_that_is_ended(
    tmp_path: Path, word: str, pipelining: bool, number: signal.Signals
) -> None:
    host = Login(tmp_path)
    host.begin()
    (tmp_path / "deaf").touch()  # so that the parts go by the temporary folder
    done = host.interrupt(word, pipelining, number)
    assert done.returncode != 0
    end = time.monotonic() + 120
    while host.temporary() and time.monotonic() < end:  # a worker tidies up while Ansible itself may have ended
        time.sleep(0.1)
    assert host.temporary() == []
