# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user's plays after one of ours go on for the hosts that are right."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import skip_flushes

OFF = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-F none -o ConnectTimeout=5",
       "ansible_connection": "ssh"}  # fmt: skip


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
