# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Role report as users run it: hosts that answer garbage or nothing are on the page, and the others are as they are."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, release_id, skip_flushes

# A port of this machine that nobody listens on.
OFF = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-F none -o ConnectTimeout=5"}


# What a host's Python says, and what of it is on the page.
SICK = {
    "garbage": ("exec head -c 100000 /dev/urandom", ""),
    "greets": ("echo Welcome; exit 3", "Welcome"),
    "five": ("""echo '{"changed": false, "envs": 5}'""", "envs is 5"),
}


def test_hosts_that_answer_garbage_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_flushes(monkeypatch)
    hosts = {name: Host(tmp_path / name) for name in ("ws1", *SICK)}
    for name, host in hosts.items():
        host.bring(1, env="runtime", tree={**TREE, "bin/python": RUNTIME["bin/python"]})
        host.bring(1)
        if name in SICK:
            interpreter = host.store.root / "runtime" / release_id(1) / "bin/python"
            interpreter.write_text(f"#!/bin/sh\n{SICK[name][0]}\n", encoding="ascii")
            latin = os.path.join(os.fsencode(host.store.root), b"caf\xe9")
            os.mkdir(latin)
            os.symlink("1", os.path.join(latin, b"current"))
    roots = {**{name: host.store.root for name, host in hosts.items()}, "new": tmp_path / "nothing"}
    more = {name: {"ansible_connection": "local", "report_root": str(root)} for name, root in roots.items()}
    inventory = {"workstations": {"hosts": {**more, "off": OFF}}}
    (tmp_path / "more.json").write_text(json.dumps(inventory), encoding="utf-8")
    options = ("-i", str(tmp_path / "more.json"))
    done = hosts["ws1"].play("airgap.conda.report", *options, report_path=str(tmp_path / "report"))
    assert done.returncode == 2
    # Of these nothing is known; that nothing is deployed on the others is an answer.
    assert set(re.findall(r"^fatal: \[(\w+)\]: FAILED", done.output, re.MULTILINE)) == {"off", *SICK}
    with open(tmp_path / "report/report.csv", encoding="utf-8") as stream:
        rows = {f"{row['host']} {row['env']}": row for row in csv.DictReader(stream)}
    unknown = ("unknown", "The host did not answer with a report")
    assert {name: (row["verdict"], row["problem"]) for name, row in rows.items()} == {
        "new ": ("broken", "No environment is deployed on this host"),
        "off ": ("unknown", "The host cannot be reached"),
        "ws1 demo": ("ok", ""),
        "ws1 runtime": ("ok", ""),
        **{f"{name} {env}": unknown for name in SICK for env in ("caf?", "demo", "runtime")},
    }
    for name, (_answer, found) in SICK.items():
        assert found in rows[f"{name} demo"]["found"]
    assert "1 of 6 hosts is right; 5 are not (1 broken, 4 unknown)" in (tmp_path / "report/index.html").read_text()
