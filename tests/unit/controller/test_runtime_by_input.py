# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The runtime comes as the input of commands where a host gives them any, and else by the temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.plugin_utils import _feed, _runtime
from ansible_collections.airgap.conda.tests.unit.controller.test_receive import Action
from ansible_collections.airgap.conda.tests.unit.tiny_bare_host import SHELLS, Host
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture(params=SHELLS)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Host:
    return Host(tmp_path, request.param)


def bring(host: Host, release: Release, gives: str = "all") -> Action:
    action = Action(host, gives)
    _runtime.bring(action, host.look(), release, False, "ws1", False)
    return action


def test_nothing_lies_in_the_temporary_folder(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_feed, "PIECE", 200)
    made = host.make(1, part_size=300)
    assert len(made.manifest.payloads[0].parts) > 1
    (host.root / ".incoming/runtime/0-00000000").mkdir(parents=True)  # of a run that was killed
    assert bring(host, made.wanted).put_there == []
    assert host.store.current("runtime") == made.manifest.id
    assert host.store.differences("runtime", made.manifest.id) == []
    assert sorted(path.name for path in host.root.iterdir()) == [".state", "runtime"]
    assert not host.store.unfinished("runtime")


def test_a_host_without_input_gets_it_by_the_folder(host: Host) -> None:
    made = host.make(1)
    part = made.manifest.payloads[0].parts[0].name
    assert part in bring(host, made.wanted, "no terminal").put_there
    assert host.store.current("runtime") == made.manifest.id
    assert sorted(path.name for path in host.root.iterdir()) == [".state", "runtime"]


def test_what_arrives_is_hashed_before_it_is_unpacked(host: Host) -> None:
    made = host.make(1)
    part = made.folder / made.manifest.payloads[0].parts[0].name
    part.write_bytes(bytes(len(part.read_bytes())))
    with raised("host-unheard", found=part.name):
        bring(host, made.wanted)
    assert host.store.releases("runtime") == []
    assert not (host.root / ".incoming").exists()


def test_what_another_release_brings_stays(host: Host) -> None:
    other = host.root / ".incoming/demo/1-00000001/env.tar.zst"
    other.parent.mkdir(parents=True)
    other.touch()
    bring(host, host.make(1).wanted)
    assert other.exists()
