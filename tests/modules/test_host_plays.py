# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Roles, playbooks and modules as users run them, on a store made for the occasion."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.tests.conftest import CHECKOUT
from ansible_collections.airgap.conda.tests.unit.tiny_gpu import bare
from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, release_id, skip_flushes

FOUR_PARTS = r"Wanted: .+\. Found: .+\. Where: .+\. Remedy: .+\."
DEADLINE = 2


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    skip_flushes(monkeypatch)
    return Host(tmp_path)


def test_verify_takes_five_tasks_at_most_when_nothing_is_wrong(host: Host) -> None:
    host.bring(1, env="runtime", tree=RUNTIME)
    host.bring(1)
    done = host.play("airgap.conda.verify")
    assert done.returncode == 0
    # Two of them ask the host; one looks at the settings, two say how it ended.
    assert 2 <= done.count("ok", "skipped") <= 5
    assert done.count("changed", "failed") == 0


@pytest.mark.parametrize("playbook", ["verify", "rollback"])
def test_a_host_without_a_deploy_gets_a_message_of_ours(host: Host, playbook: str) -> None:
    done = host.play(f"airgap.conda.{playbook}", rollback_env="demo")
    assert done.count("failed") == 1
    assert re.search(r"This host has no runtime that works\. " + FOUR_PARTS, done.output)
    assert f"Where: {host.store.root}/runtime on ws1. Remedy: run airgap.conda.deploy" in done.output
    assert not host.store.root.exists()


def test_one_place_says_which_python_a_host_has_from_us(host: Host) -> None:
    files = [path for folder in ("playbooks", "roles") for path in (CHECKOUT / folder).rglob("*.yml")]
    texts = [(path.relative_to(CHECKOUT).parts[1], path.read_text(encoding="utf-8")) for path in files]
    bring = ("airgap.conda.runtime:", "airgap.conda.deploy_look:")
    assert {name for name, text in texts if any(word in text for word in bring)} == {"deploy", "runtime"}
    assert not [name for name, text in texts if "current/bin" in text]
    # A task of a site's own may ask for it as well.
    host.bring(1, env="runtime", tree=RUNTIME)
    host.bring(1)
    ours = {"vars": {"ansible_python_interpreter": "that of this collection"}}
    look = {"airgap.conda.verify": {"root": str(host.store.root), "envs": ["demo"]}, "register": "x", **ours}
    shown = {"ansible.builtin.debug": {"msg": "has {{ x.envs[0].release }}"}}
    assert f"has {release_id(1)}" in host.play([look, shown]).output
    there = {"airgap.conda.current_info": {"root": str(host.store.root)}, "register": "x"}
    shown = {"ansible.builtin.debug": {"msg": "has {{ x.interpreter }}"}}
    assert f'has {host.store.root}/runtime/current/bin/python"' in host.play([there, shown]).output


def test_a_rollback_by_playbook(host: Host) -> None:
    host.bring(1, env="runtime", tree=RUNTIME)
    host.bring(1)
    host.bring(2)
    done = host.play("airgap.conda.rollback", "--check", "--diff", rollback_env="demo")
    assert (done.count("changed"), done.count("ok")) == (1, 4)
    assert f"-demo {release_id(2)}\n+demo {release_id(1)}\n" in done.output
    assert host.store.current("demo") == release_id(2)
    assert host.play("airgap.conda.rollback", rollback_env="demo").count("changed") == 1
    assert host.store.current("demo") == release_id(1)


@pytest.mark.parametrize("script", ["trap '' TERM INT HUP; while :; do sleep 60; done", "exec yes >&2"])
def test_a_hung_probe_ends_the_task_by_its_deadline_and_five_seconds(host: Host, script: str) -> None:
    host.bring(1, env="runtime", tree=RUNTIME)
    made = host.make(1, gpu="optional")
    made.send(host.store)
    gpu = bare(host.folder / "gpu", card=True).with_module("470.256.02")
    deploy(host.store, made.step(), made.sha256, 2, gpu.with_answer("quadro-p2200-470.xml").tools)
    gpu.with_smi(script)
    now = "{{ now(utc=true).timestamp() }}"
    probe = {"deadline": DEADLINE, "nvidia_smi": gpu.tools.nvidia_smi, "proc": str(gpu.tools.proc)}
    done = host.play(
        [
            {"ansible.builtin.set_fact": {"began": now}},
            {"airgap.conda.verify": {"root": str(host.store.root), "gpu_probe": probe}},
            {"ansible.builtin.debug": {"msg": "took {{ now(utc=true).timestamp() - began | float }} s"}},
        ],
        ansible_python_interpreter=sys.executable,
    )
    assert done.returncode == 0
    assert f"no answer within {DEADLINE} s" in done.output
    took = float(re.findall(r"took ([\d.]+) s", done.output)[0])
    assert DEADLINE <= took < DEADLINE + 5


def test_a_kernel_in_check_mode_for_real_and_again(host: Host) -> None:
    host.bring(1, env="runtime", tree=RUNTIME)
    first = host.bring(1, packages=("ipykernel",))
    made = host.make(2, packages=("numpy",))
    kernels = host.folder / "kernels"
    file = kernels / "demo/kernel.json"

    def steps(release: Made, folder: str) -> list[dict[str, Any]]:
        common = {"root": str(host.store.root), "releases": [release.result]}
        look = {"airgap.conda.preflight": {**common, "jupyter_kernels": folder}, "register": "look"}
        do = {"airgap.conda.release": {**common, "steps": "{{ look.steps }}"}, "when": "look.work"}
        return [look, {"airgap.conda.fetch": {**common, "steps": "{{ look.steps }}"}, "when": "look.work"}, do]

    def both(release: Made, folder: str, before: str, after: str) -> None:
        there = file.exists()
        untouched = {"ansible.builtin.raw": f"test {'' if there else '!'} -e {file}"}
        tasks = steps(release, folder)
        play: list[dict[str, Any]] = [
            {"block": tasks, "check_mode": True},
            untouched,
            {"block": tasks},
            {"block": tasks},
        ]
        done = host.play(play, "--diff", ansible_python_interpreter=sys.executable)
        assert done.returncode == 0
        # In check mode and for real; not the third time, where two tasks have nothing to do.
        assert done.output.count(f"\n-demo {before}\n") == 2
        assert done.output.count(f"\n+demo {after}\n") == 2
        assert done.output.index("TASK [ansible.builtin.raw]") < done.output.rindex(f"\n+demo {after}\n")
        assert done.output.index(f"\n+demo {after}\n") < done.output.index("TASK [ansible.builtin.raw]")
        assert done.count("skipped") == 2, done.output
        assert "changed: [" not in done.output[done.output.rindex("TASK [airgap.conda.preflight]") :]

    one, two = release_id(1), release_id(2)
    both(first, f"{kernels}/", one, f"{one}, Jupyter kernel {file}")
    assert file.exists()
    both(made, str(kernels), f"{one}, Jupyter kernel {file}", two)
    assert not file.exists()
