# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was compiled in the container runs on every host, what was compiled on the bastion on the newer ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

WORK = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], ".cache/molecule", os.environ["MOLECULE_SCENARIO_NAME"])
RUN = ". /opt/conda-envs/{env}/activate && python -c 'import airgap_native; print(*airgap_native.run())'"
HOST_GLIBC = {"bullseye": "2.31", "bookworm": "2.36", "trixie": "2.41"}


def suite(host) -> str:
    return str(host.ansible.get_variables()["lab_suite"])


def test_hosts_of_all_three_ages_are_looked_at(request):
    params = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    hosts = {param["_testinfra_host"] for param in params if "_testinfra_host" in param}
    assert sorted(map(suite, hosts)) == sorted(HOST_GLIBC)


def test_what_was_compiled_in_the_container_runs_on_every_host(host):
    done = host.run(RUN.format(env="native"))
    assert done.stdout.split() == ["42", "2.31", HOST_GLIBC[suite(host)]], done.stderr


def test_what_was_compiled_on_the_bastion_is_on_the_hosts_that_can_run_it(host):
    if suite(host) == "bullseye":
        assert not host.file("/opt/conda-envs/native-new").exists
        return
    done = host.run(RUN.format(env="native-new"))
    assert done.stdout.split()[0] == "42", done.stderr
    assert done.stdout.split()[1] != "2.31"


@pytest.mark.parametrize(("env", "target", "needs"), [("native", "2.31", "2.31"), ("native-new", "2.36", "2.34")])
def test_the_manifest_says_what_each_needs(env, target, needs):
    (path,) = WORK.glob(f"depot/{env}/*/manifest.json")
    manifest = json.loads(path.read_text())
    assert manifest["target"]["glibc"] == target
    newest = tuple(int(number) for number in manifest["requirements"]["glibc"].split("."))
    assert newest <= (2, 31) if env == "native" else newest == (2, 34), needs


def test_the_depot_belongs_to_the_user_who_built():
    owners = {path.stat().st_uid for path in (WORK / "depot").rglob("*")}
    assert owners == {os.getuid()}
