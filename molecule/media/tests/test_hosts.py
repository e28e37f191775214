# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What came over the drive runs on the workstation, and both depots hold the same bytes."""

from __future__ import annotations

import json
import os
from pathlib import Path

STORE = "/opt/conda-envs"
WORK = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], ".cache/molecule", os.environ["MOLECULE_SCENARIO_NAME"])


def depot(machine):
    """Return the files of a machine's depot, without what a depot keeps for itself."""
    folder = WORK / machine / "srv/conda/depot"
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(name): (folder / name).read_bytes() for name in names if not name.parts[0].startswith(".")}


def deeds(machine):
    """Return what a machine's depot has written down that was done with a release."""
    chain = WORK / machine / "srv/conda/depot/.audit.jsonl"
    return {json.loads(line)["what"] for line in chain.read_text(encoding="utf-8").splitlines()}


def test_the_workstation_is_looked_at(request):
    hosts = {item.callspec.params["_testinfra_host"] for item in request.session.items if hasattr(item, "callspec")}
    assert len(hosts) == 1, hosts


def test_both_depots_hold_the_same():
    bastion, controller = depot("bastion"), depot("controller")
    signed = sorted(name.split("-")[0] for name in bastion if name.endswith(".sig"))
    assert signed == ["hello/1", "hello/2", "runtime/1"]
    assert bastion.keys() == controller.keys()
    assert [name for name in bastion if bastion[name] != controller[name]] == []


def test_each_depot_says_what_was_done_there():
    assert deeds("bastion") >= {"built", "signed", "exported"}
    assert deeds("controller") == {"imported"}


def test_the_newest_release_is_current_and_runs(host):
    names = host.check_output(f"cd {STORE}/hello && readlink current && ls -d [0-9]*-*").split()
    assert [name.rsplit("/", 1)[-1].split("-")[0] for name in names] == ["2", "1", "2"]
    output = host.check_output(f". {STORE}/hello/activate && airgap-hello --check && python --version")
    assert "airgap-hello 2.0" in output
