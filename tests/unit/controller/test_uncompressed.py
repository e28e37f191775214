# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payloads are not compressed once more on their way, wherever another connection is to be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._uncompressed import uncompressed

LASTING = "-o ControlMaster=auto -o ControlPersist=60s"


class Action(HostAction):
    """An action with Ansible's own connection by ssh, whose host is said to answer or not."""

    def __init__(self, tmp_path: Path, begun: bool | None = True, **options: Any) -> None:
        self._connection = connection_loader.get("ssh", PlayContext(), "/dev/null")
        told = {"host": "ws-01", "remote_user": "admin", "control_path_dir": str(tmp_path), **options}
        self._connection.set_options(direct=told)
        self.begun = begun

    def ask(self, *_words: Any, **_options: Any) -> Heard:
        if self.begun is None:
            raise AnsibleConnectionFailure("Permission denied (password)")
        return Heard((), "", begun=self.begun, status=0)

    def line(self) -> list[str]:
        """Return the command by which Ansible reaches the host."""
        return [word.decode() for word in self._connection._build_command("ssh", "ssh", "ws-01")]  # noqa: SLF001

    def socket(self) -> list[str]:
        return [word for word in self.line() if "ControlPath" in word]


def test_a_second_connection_sends_what_is_compressed_already(tmp_path: Path) -> None:
    action = Action(tmp_path)
    before = action.line()
    with uncompressed(action):
        meanwhile, socket = action.line(), action.socket()
    assert "-C" in before  # Ansible's default
    assert action.line() == before
    assert socket != action.socket()
    assert len(socket[0]) == len(action.socket()[0])  # a longer one may be too long
    changed = {"-C", *socket, *action.socket()}
    assert [word for word in meanwhile if word not in changed] == [word for word in before if word not in changed]
    assert "-C" not in meanwhile


@pytest.mark.parametrize("other", [{"host": "ws-02"}, {"remote_user": "root"}, {"port": 2222}])
def test_each_host_and_user_has_its_own(tmp_path: Path, other: dict[str, Any]) -> None:
    with uncompressed(one := Action(tmp_path)), uncompressed(another := Action(tmp_path, **other)):
        assert one.socket() != another.socket()


@pytest.mark.parametrize("begun", [False, None])
def test_without_another_connection_all_goes_by_the_one_there_is(tmp_path: Path, begun: bool | None) -> None:
    action = Action(tmp_path, begun)
    before = action.line()
    with uncompressed(action):
        assert action.line() == before


@pytest.mark.parametrize(
    "options",
    [{"ssh_args": LASTING}, {"ssh_args": "-o Cipher=-C"}, {"ssh_args": ""}, {"control_path": "%(directory)s/mine"}],
)
def test_what_the_user_has_set_stays(tmp_path: Path, options: dict[str, Any]) -> None:
    action = Action(tmp_path, **options)
    before = action.line()
    with uncompressed(action):
        assert action.line() == before


def test_a_failure_leaves_the_connection_as_it_was(tmp_path: Path) -> None:
    action = Action(tmp_path)
    before = action.line()
    with pytest.raises(RuntimeError), uncompressed(action):
        raise RuntimeError
    assert action.line() == before
