# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people set, as playbooks and roles take it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.plugin_utils._setting_specs import ROLES
from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import release_id, skip_flushes


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    skip_flushes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return Host(tmp_path)


def test_a_string_of_environments_and_a_relative_root_in_a_play(host: Host) -> None:
    settings: dict[str, Any] = {"airgap.conda.settings": {"role": "verify"}, "register": "x"}
    shown: dict[str, Any] = {"ansible.builtin.debug": {"msg": "{{ x.settings.envs }} in {{ x.settings.root }}"}}
    play = [settings, shown]
    done = host.play(play, verify_root="/opt/x/", verify_envs="demo, runtime", verify_gpu_probe={})
    assert "['demo', 'runtime'] in /opt/x\"" in done.output
    refused = host.play(play, verify_root="opt", verify_envs={"demo": 1}, verify_gpu_probe={})
    assert refused.returncode != 0
    assert "Found: verify_envs: {'demo': 1}; verify_root: 'opt'. Where: -e and the variables of ws1" in refused.output


@pytest.mark.parametrize("role", ["verify", "report"])
def test_a_site_sets_the_root_and_the_look_at_a_gpu_once(host: Host, role: str) -> None:
    look: dict[str, Any] = {"airgap.conda.settings": {"role": role}, "register": "x"}
    defaults = {"ansible.builtin.include_vars": {"file": str(ROLES / role / "defaults/main.yml")}}
    shown = {"ansible.builtin.debug": {"msg": "{{ x.settings.gpu_probe.deadline }} in {{ x.settings.root }}"}}
    done = host.play([defaults, look, shown], deploy_gpu_probe={"deadline": 7}, report_path="/r")
    assert f'7 in {host.store.root}"' in done.output
    done = host.play([defaults, look, shown], report_path="/r", **{f"{role}_gpu_probe": {"deadline": 8}})
    assert f'8 in {host.store.root}"' in done.output


def test_a_rollback_believes_neither_the_sites_env_nor_another_python(host: Host) -> None:
    host.bring(1, env="runtime", tree=RUNTIME)
    host.bring(1)
    host.bring(2)
    (host.folder / "group_vars").mkdir()
    (host.folder / "group_vars/all.yml").write_text("env: demo\nrelease: jammy\n", encoding="ascii")
    done = host.play("airgap.conda.rollback")
    assert "rollback_env: nothing; env, here 'demo', is not read" in done.output
    python = host.play("airgap.conda.rollback", rollback_env="demo", ansible_python_interpreter="/usr/bin/python3")
    assert "/usr/bin/python3 by -e ansible_python_interpreter" in python.output
    assert host.store.current("demo") == release_id(2)
    assert host.play("airgap.conda.rollback", rollback_env="demo").count("changed") == 1
    assert host.store.current("demo") == release_id(1)


def test_a_module_on_the_controller_takes_the_callers_folder(host: Host) -> None:
    os.mkdir(host.folder / "spec")
    plan = {"airgap.conda.plan_info": {"spec": "spec", "depot": "depot"}}
    done = host.play([plan], ansible_python_interpreter=sys.executable)
    assert f"{host.folder}/spec/environment.yml" in done.output


@pytest.mark.parametrize("given", ["5", "[1, 50%]"])
def test_batches_by_e_are_taken_as_a_list(host: Host, given: str) -> None:
    settings = host.signed(host.bring(1, env="runtime", tree=RUNTIME), host.bring(1))
    done = host.play("airgap.conda.deploy", "-e", f"deploy_batches='{given}'", **settings)
    assert done.returncode == 0, done.output


def test_batches_that_cannot_be_meant_are_refused_before_the_first_change(host: Host) -> None:
    host.bring(1, env="runtime", tree=RUNTIME)
    settings = {**host.signed(host.make(1)), "deploy_keep": "x"}
    done = host.play("airgap.conda.deploy", "-e", "deploy_batches=0", **settings)
    assert done.returncode != 0
    assert "Found: deploy_keep: 'x'; deploy_batches: '0'. " in done.output
    assert not host.store.current("demo")
