# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a spec with locks beside it needs a new release: it must not flap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._depot.plan import Plan, plan
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import write_spec
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

ONE = f"@EXPLICIT\nhttps://h/c/noarch/tool-1.0-0.conda#sha256:{'1' * 64}\n"
TWO = f"@EXPLICIT\nhttps://h/c/noarch/tool-2.0-0.conda#sha256:{'2' * 64}\n"
PIP = f"click==8.1.8 --hash=sha256:{'3' * 64}\n"


@dataclass(frozen=True)
class OneRelease(Depot):
    """A depot with one release, made for ``request``."""

    request: str

    def latest(self, env: str) -> Any:
        assert env == "demo"
        return SimpleNamespace(
            id="1-0c0ffee0", serial=1, inputs={"request_sha256": self.request, "inputs_sha256": "0c0ffee0"}
        )


class World:
    """A spec, and the folder of its newest release."""

    def __init__(self, folder: Path) -> None:
        self.spec = write_spec(folder / "demo", "channels: [c]\ndependencies: [tool]\n")
        self.depot, self.release = folder / "depot", folder / "depot/demo/1-0c0ffee0"
        self.release.mkdir(parents=True)
        self.request = plan(Depot(folder / "empty"), load_spec(self.spec), "/opt", [], {}).request_sha256
        self.locks(self.release, ONE, PIP)

    def locks(self, folder: Path, conda: str, pip: str = "") -> None:
        (folder / "conda.lock").write_text(conda)
        (folder / "pip.lock").write_text(pip)

    def plan(self, **options: Any) -> Plan:
        return plan(OneRelease(self.depot, self.request), load_spec(self.spec), "/opt", [], {}, **options)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_without_locks_the_request_decides(world: World) -> None:
    assert world.plan().up_to_date
    write_spec(world.spec, "channels: [c]\ndependencies: [tool, other]\n")
    assert not world.plan().up_to_date


def test_the_locks_of_the_release_itself(world: World) -> None:
    world.locks(world.spec, ONE, PIP)
    assert world.plan().up_to_date


def test_the_same_packages_from_a_mirror(world: World) -> None:
    world.locks(world.spec, "# written by hand\n" + ONE.replace("https://h/c", "file:///srv/c"), PIP)
    assert world.plan().up_to_date


@pytest.mark.parametrize(("conda", "pip"), [(TWO, PIP), (ONE, ""), (ONE, PIP.replace("3", "4"))])
def test_other_packages(world: World, conda: str, pip: str) -> None:
    world.locks(world.spec, conda, pip)
    assert not world.plan().up_to_date
    assert world.plan().serial == 2


def test_a_release_with_locks_of_an_older_kind(world: World) -> None:
    world.locks(world.release, ONE, "fromgit @ git+https://h/r@abc\n")
    world.locks(world.spec, ONE, PIP)
    assert not world.plan().up_to_date


def test_a_lock_that_is_none(world: World) -> None:
    world.locks(world.spec, "tool=1.0\n")
    with raised("lock-unusable"):
        world.plan()


def test_another_priority_is_another_request(world: World) -> None:
    assert not world.plan(priority="disabled").up_to_date


def test_a_release_that_does_not_say_from_what_it_was_built(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = SimpleNamespace(id="1-0c0ffee0", serial=1, inputs={})  # its manifest is not verified to read this
    monkeypatch.setattr(OneRelease, "latest", lambda _self, _env: latest)
    assert (world.plan().up_to_date, world.plan().serial, world.plan().latest_inputs_sha256) == (False, 2, "")


@pytest.mark.parametrize("root", ["/opt/our envs", "opt", "/srv/a:b", "/opt/$HOME", "/opt/it's"])
def test_a_root_that_scripts_cannot_hold_is_refused_before_the_build(world: World, root: str) -> None:
    with raised("path-not-plain") as caught:
        plan(Depot(world.depot), load_spec(world.spec), root, [], {})
    assert (caught.value.found, caught.value.where) == (repr(root), "build_root")
