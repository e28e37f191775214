# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Playbooks on hosts with another login shell, with an rc file that prints, with a run that ends too early."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.plugin_utils import _host_action
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard, command, listen, new_mark
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
    again = host.play("deploy", pipelining)
    assert (again.returncode, again.count("changed")) == (0, 0)
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
        ("AnsiballZ_preflight.py &&", False, signal.SIGINT),
    ],
)
def test_nothing_stays_of_a_run_that_is_ended(
    tmp_path: Path, word: str, pipelining: bool, number: signal.Signals
) -> None:
    host = Login(tmp_path)
    host.begin()
    done = host.interrupt(word, pipelining, number)
    assert done.returncode != 0
    end = time.monotonic() + 30
    while host.temporary() and time.monotonic() < end:  # a worker tidies up while Ansible itself may have ended
        time.sleep(0.1)
    assert host.temporary() == []


# --- the temporary folder --------------------------------------------------------------------------------------------


def place(*places: str, need: int = 0) -> Heard:
    mark, name = new_mark(), f"{_host_action.OURS}0"
    setting = f"name={name}\nneed={need}\n{_host_action.PLACES} {' '.join(places)}"
    line = command(f"{setting}\n{_host_action.PLACE}", mark, 60)
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    return listen(done.stdout, mark, "folder|no")


def test_the_first_place_that_will_do_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    good = tmp_path / "it's good"
    heard = place(str(tmp_path / "file/tmp"), "/proc/tmp", shlex.quote(str(good)), "/tmp")  # noqa: S108
    assert heard.status == 0
    assert [*heard.of("folder")] == [f"{good}/{_host_action.OURS}0"]
    assert Path(*heard.of("folder")).stat().st_mode & 0o777 == 0o700
    assert [no.split(":")[0] for no in heard.of("no")] == [str(tmp_path / "file/tmp"), "/proc/tmp"]


def test_without_room_or_rights_there_is_none(tmp_path: Path) -> None:
    heard = place(str(tmp_path), "/proc/tmp", need=1 << 50)
    assert heard.status == 1
    assert next(heard.of("no")).endswith(" KiB free")
    error = _host_action.no_place(heard, 5 << 20)
    assert "5120 KiB" in error.wanted
    assert str(tmp_path) in error.found
    assert "ansible_remote_tmp" in error.remedy
    assert not list(tmp_path.iterdir())


def test_what_a_killed_run_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    old, young, busy, foreign = (
        tmp_path / f"{name}x" for name in ("airgap-tmp-a", "airgap-tmp-b", "airgap-tmp-c", "z")
    )
    for folder in (old, young, busy, foreign):
        folder.mkdir()
        (folder / "env.tar").touch()
    long_ago = time.time() - 3 * 86400
    for path in (old / "env.tar", old, busy, foreign / "env.tar", foreign):
        os.utime(path, (long_ago, long_ago))
    (tmp_path / "airgap-tmp-link").symlink_to(foreign)
    assert place(str(tmp_path)).status == 0
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {young.name, busy.name, foreign.name, "airgap-tmp-link", f"{_host_action.OURS}0"}
    assert (foreign / "env.tar").exists()
