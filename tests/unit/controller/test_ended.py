# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last play of a playbook is for the hosts that are not right, and for one that is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.plugin_utils._ended import ended
from ansible_collections.airgap.conda.plugins.plugin_utils._places import Places
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions
from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import skip_flushes

OFF = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-F none -o ConnectTimeout=5",
       "ansible_connection": "ssh"}  # fmt: skip
RIGHT = {"_rollback_result": {"changed": False, "current": "1-1c0ffee5"}}


def of(hosts: Mapping[str, Any], work: str = "rollback", **variables: Any) -> list[str]:
    known = {"hostvars": hosts, "groups": {"all": [*hosts], "workstations": [*hosts]}, **variables}
    return ended(Places(known, lambda value: value), work, RunOptions())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([], ["ws1"]),
        (["ws1"], ["ws1", "ws2"]),
        (["ws3", "ws6"], ["ws1", "ws3", "ws6"]),
        (["ws3", "ws4", "ws6"], ["workstations"]),  # not much fewer
        ([f"ws{number}" for number in range(1, 7)], ["workstations"]),
    ],
)
def test_hosts_that_are_right_are_left_out_but_for_one(wrong: list[str], told: list[str]) -> None:
    names = [f"ws{number}" for number in range(1, 7)]
    assert of({name: {} if name in wrong else RIGHT for name in names}) == told


class Hostile(dict[str, Any]):
    def get(self, *_arguments: Any) -> Any:
        raise RecursionError


def test_a_host_that_cannot_be_judged_ends_the_account_of_no_other() -> None:
    assert of({"ws1": RIGHT, "ws2": RIGHT, "ws3": Hostile(), "ws4": RIGHT}) == ["ws1", "ws3"]


@pytest.mark.parametrize("name", ["ws1:ws2", "ws1,ws2"])
def test_a_name_that_means_other_hosts_is_no_pattern(name: str) -> None:
    assert of({name: {}, "ws1": RIGHT, "ws2": RIGHT, "ws3": RIGHT}) == ["workstations"]


def test_before_anything_is_known_it_is_the_pattern_that_was_given() -> None:
    assert of({}, airgap_workstations="lab") == ["lab"]
    assert ended(Places({"airgap_workstations": "lab"}, lambda value: value), "deploy", RunOptions()) == ["lab"]
    assert ended(Places({"refresh_side": "bastion"}, lambda value: value), "refresh", RunOptions()) == []


def test_later_plays_go_on_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_flushes(monkeypatch)
    host = Host(tmp_path)
    host.bring(1, env="runtime", tree=RUNTIME, formats=("tar.gz",))
    host.bring(1)
    local = {"ansible_connection": "local"}
    hosts = {"workstations": {"hosts": {"a-off": OFF, **{f"ws{number}": local for number in range(2, 6)}}}}
    (tmp_path / "more.json").write_text(json.dumps(hosts), encoding="ascii")
    later = {"hosts": "workstations", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": "later"}}]}
    book = [{"ansible.builtin.import_playbook": "airgap.conda.verify"}, later]
    (tmp_path / "site.json").write_text(json.dumps(book), encoding="ascii")
    done = host.play(str(tmp_path / "site.json"), "-i", str(tmp_path / "more.json"))
    assert done.returncode == 2
    end = done.output[done.output.index("TASK [Say what is not right]") :]
    said, _, after = end.partition("PLAY [workstations]")
    assert re.findall(r"^(ok|fatal): \[([\w-]+)\]", said, re.MULTILINE) == [("ok", "ws1"), ("fatal", "a-off")]
    assert "The host cannot be reached" in said
    assert sorted(re.findall(r"^ok: \[([\w-]+)\]", after, re.MULTILINE)) == [f"ws{number}" for number in range(1, 6)]
