# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A refresh as users run it: by its side, and never of some hosts only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import release_id, skip_flushes


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    skip_flushes(monkeypatch)
    return Host(tmp_path)


def test_a_side_in_the_inventory_counts_for_all_plays(host: Host) -> None:
    made = [host.bring(1, env="runtime", tree=RUNTIME, formats=("tar.gz",)), host.bring(1), host.make(2)]
    settings = host.signed(*made)
    settings |= {"build_depot": str(host.folder / "b"), "build_signing_key": str(host.folder / "key")}
    inventory = {"all": {"vars": {"refresh_side": "bastion", "build_envs": ["demo"], "build_python": "/nonexistent"}}}
    (host.folder / "more.json").write_text(json.dumps(inventory), encoding="ascii")
    done = host.play("airgap.conda.refresh", "-i", str(host.folder / "more.json"), **settings)
    assert done.returncode == 2
    assert "The refresh is not complete. " in done.output
    assert "Found: build: demo: " in done.output
    assert "ws1" not in done.output
    assert host.store.current("demo") == release_id(1)
    assert "[WARNING]" not in done.output


def test_a_refresh_of_some_hosts_is_refused_before_anything_is_done(host: Host) -> None:
    settings = host.signed(host.make(1, env="runtime", tree=RUNTIME, formats=("tar.gz",)), host.make(1))
    done = host.play("airgap.conda.refresh", "--limit", "ws1", refresh_side="controller", **settings)
    assert done.returncode == 2
    assert "A refresh cannot be limited to some hosts. Wanted: all of them. Found: --limit ws1. " in done.output
    assert not (host.folder / "depot/.refresh").exists()


def test_a_deploy_with_the_variables_of_a_refresh_is_a_deploy(host: Host) -> None:
    settings = host.signed(host.bring(1, env="runtime", tree=RUNTIME, formats=("tar.gz",)), host.bring(1))
    done = host.play("airgap.conda.deploy", "--limit", "ws1", refresh_side="bastion", **settings)
    assert done.returncode == 0
