# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one temporary folder of an action on a host: where it is made, who is let in, and that it goes."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError

from ansible_collections.airgap.conda.plugins.plugin_utils import _host_action
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard, command, listen, new_mark
from ansible_collections.airgap.conda.plugins.plugin_utils._stoppable import stoppable
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised


def place(*places: str, need: int = 0) -> Heard:
    mark, name = new_mark(), f"{_host_action.OURS}0"
    setting = f"name={name}\nneed={need}\n{_host_action.PLACES} {' '.join(places)}"
    line = command(f"{setting}\n{_host_action.PLACE}", mark, 60)
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    return listen(done.stdout, mark, "folder|no")


def test_the_first_place_that_will_do_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    good = tmp_path / "it's good"
    heard = place(str(tmp_path / "file/tmp"), "/proc/tmp", shlex.quote(str(good)), "/srv")
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


class Action(_host_action.HostAction):
    """An action whose host says what it is told to; ``did`` is what was done there."""

    def __init__(self, said: str, folder_is_shown: bool = True) -> None:
        self._connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None, join_path=os.path.join))
        self._said, self._folder_is_shown = said, folder_is_shown
        self.did: list[str] = []

    def get_shell_option(self, option: str, default: Any = None) -> Any:
        return {"remote_tmp": '~/a "$TMPDIR" $(x)', "system_tmpdirs": ["/srv/t", "/srv/s"]}.get(option, default)

    def get_become_option(self, option: str, default: Any = None) -> Any:
        return "app" if option == "become_user" else default

    def _get_remote_user(self) -> str:
        return "ops"

    def _is_become_unprivileged(self) -> bool:
        return not self._folder_is_shown

    def _fixup_perms2(self, *_args: Any, **_more: Any) -> None:
        raise AnsibleError("setfacl: command not found")

    def _transfer_file(self, _local_path: str, remote_path: str) -> None:
        self.did.append(f"put {remote_path}")

    def _remove_tmp_path(self, tmp_path: str, **_more: Any) -> None:
        self.did.append(f"rm {tmp_path}")

    def ask(self, script: str, names: str = "", *_options: Any, **_more: Any) -> Heard:
        self.did.append(script)
        name = re.findall("airgap-tmp-[0-9a-f]{24}", script)[0]
        return listen(f"m begin\nm folder={self._said.format(name=name)}\nm end=0\n", "m", names)


@pytest.mark.parametrize(
    "said", ["/srv", "/srv/other", "srv/{name}", "/srv/{name}/x", "/{name}\x1b[2J", "/srv//{name}"]
)
def test_a_host_does_not_say_where_else_things_are_put(said: str) -> None:
    with raised("no-temporary-folder"):
        Action(said)._make_tmp_path()  # noqa: SLF001 - Ansible calls it


def test_the_places_mean_what_they_mean_to_the_remote_user() -> None:
    action = Action("/srv/{name}")
    assert action._make_tmp_path().startswith("/srv/airgap-tmp-")  # noqa: SLF001
    assert action.did[0].count(r'set -- "$(home ~ops)""/a \"$TMPDIR\" \$(x)" "/srv/t" "/srv/s"') == 1


def test_a_user_that_cannot_be_let_in_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    action = Action("/srv/{name}", folder_is_shown=False)
    files: dict[str, Path | bytes] = {"it": tmp_path}
    with raised("upload-unreadable", problem="app") as caught, action.folder_for(1, "ws1") as folder:
        action.put(folder, files, "ws1")
    assert "ansible_common_remote_group" in caught.value.remedy
    assert [did.split()[0] for did in action.did[1:]] == ["rm"]


def test_a_signal_ends_the_work_and_not_what_is_finally_done() -> None:
    script = """
import os, signal, time
from ansible_collections.airgap.conda.plugins.plugin_utils._stoppable import Stopped, stoppable
try:
    with stoppable():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            print("tidied", flush=True)
except Exception:
    print("taken for a failure")
except Stopped:
    with stoppable():
        os.kill(os.getpid(), signal.SIGTERM)
        print("and after", flush=True)
"""
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert (done.stdout, done.stderr) == ("tidied\nand after\n", "")


def test_without_a_signal_handlers_are_what_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
