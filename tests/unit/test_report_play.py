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

from ansible_collections.airgap.conda.plugins.filter.readable import FilterModule
from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, release_id, skip_flushes

# A port of this machine that nobody listens on.
OFF = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-F none -o ConnectTimeout=5"}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("exec head -c 100000 /dev/urandom", ""),
        ("echo Welcome; exit 3", "Welcome"),
        ("""echo '{"changed": false, "envs": 5}'""", "envs is 5"),
    ],
)
def test_hosts_that_answer_garbage_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, found: str
) -> None:
    skip_flushes(monkeypatch)
    well, sick = Host(tmp_path / "well"), Host(tmp_path / "sick")
    for host, python in ((well, RUNTIME["bin/python"]), (sick, f"#!/bin/sh\n{answer}\n")):
        host.bring(1, env="runtime", tree={**TREE, "bin/python": RUNTIME["bin/python"]})
        host.bring(1)
        interpreter = host.store.root / "runtime" / release_id(1) / "bin/python"
        if host is sick:
            interpreter.write_text(python, encoding="ascii")
            latin = os.path.join(os.fsencode(host.store.root), b"caf\xe9")
            os.mkdir(latin)
            os.symlink("1", os.path.join(latin, b"current"))
    here = {"ansible_connection": "local"}
    more = {
        "well": {**here, "report_root": str(well.store.root)},
        "ws1": {**here, "report_root": str(sick.store.root)},
        "new": {**here, "report_root": str(tmp_path / "nothing")},
        "off": OFF,
    }
    (tmp_path / "more.json").write_text(json.dumps({"workstations": {"hosts": more}}), encoding="utf-8")
    done = well.play("airgap.conda.report", "-i", str(tmp_path / "more.json"), report_path=str(tmp_path / "report"))
    assert done.returncode == 2
    # Of these two nothing is known; that nothing is deployed on the third is an answer.
    assert set(re.findall(r"^fatal: \[(\w+)\]: FAILED", done.output, re.MULTILINE)) == {"off", "ws1"}
    with open(tmp_path / "report/report.csv", encoding="utf-8") as stream:
        rows = {f"{row['host']} {row['env']}": row for row in csv.DictReader(stream)}
    assert {name: (row["verdict"], row["problem"]) for name, row in rows.items()} == {
        "new ": ("broken", "No environment is deployed on this host"),
        "off ": ("unknown", "The host cannot be reached"),
        "well demo": ("ok", ""),
        "well runtime": ("ok", ""),
        "ws1 caf?": ("unknown", "The host answered with something that is no report"),
        "ws1 demo": ("unknown", "The host answered with something that is no report"),
        "ws1 runtime": ("unknown", "The host answered with something that is no report"),
    }
    assert found in rows["ws1 demo"]["found"]
    assert "1 of 4 hosts is right; 3 are not (1 broken, 2 unknown)" in (tmp_path / "report/index.html").read_text()


def test_an_answer_without_text_is_readable_all_the_way_down() -> None:
    readable = FilterModule().filters()["readable"]
    answer = {"caf\udce9": ["\ud83d", ("é", 5), None, {"x": b"\xff"}], "ok": True}
    assert readable(answer) == {"caf?": ["?", ["é", 5], None, {"x": b"\xff"}], "ok": True}
