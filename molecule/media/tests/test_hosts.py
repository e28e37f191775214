# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What came over the drive runs on the workstation, and both depots hold the same bytes."""

from __future__ import annotations

import os
from pathlib import Path

STORE = "/opt/conda-envs"
WORK = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], ".cache/molecule", os.environ["MOLECULE_SCENARIO_NAME"])


def depot(machine):
    """Return the files of a machine's depot."""
    folder = WORK / machine / "srv/conda/depot"
    files = [path for path in folder.rglob("*") if path.is_file() and not {".locks", ".kit"} & set(path.parts)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_workstation_is_looked_at(request):
    hosts = {item.callspec.params["_testinfra_host"] for item in request.session.items if hasattr(item, "callspec")}
    assert len(hosts) == 1, hosts


def test_both_depots_hold_the_same():
    bastion, controller = depot("bastion"), depot("controller")
    signed = sorted(name.split("-")[0] for name in bastion if name.endswith(".sig"))
    assert signed == ["hello/1", "hello/2", "runtime/1"]
    assert bastion == controller


def test_the_newest_release_is_current_and_runs(host):
    names = host.check_output(f"cd {STORE}/hello && readlink current && ls -d [0-9]*-*").split()
    assert [name.rsplit("/", 1)[-1].split("-")[0] for name in names] == ["2", "1", "2"]
    output = host.check_output(f". {STORE}/hello/activate && airgap-hello --check && python --version")
    assert "airgap-hello 2.0" in output
