# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An update by a timer: it takes only what nothing speaks against, and waits for all else without an error."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._cli import install, main, update
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, Checks
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import RINGS, Rings, Said
from ansible_collections.airgap.conda.plugins.module_utils._pull import failed
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id

ONE, TWO, THREE = release_id(1), release_id(2), release_id(3)
BROKEN = Checks(commands=("false",), timeout=20)

pytestmark = pytest.mark.usefixtures("quick_disk")


class Host:
    """A host with release 1 of demo, and a depot."""

    def __init__(self, folder: Path, say: pytest.CaptureFixture[str]) -> None:
        self.folder, self.depot, self.root, self._say = folder, folder / "depot", folder / "opt", say
        self.key, self.signers = make_key(folder)
        self.store = Store(self.root)

    def build(self, serial: int, checks: Checks | None = None) -> None:
        made = make_release(self.depot, self.root, serial, checks=checks or Checks())
        signature.sign(made.folder / MANIFEST, self.key)

    def run(self, *words: str) -> dict[str, Any]:
        """Run a command of airgap-envs; returns its document and, as ``status``, its exit status."""
        status = main.main(self.root, [*words[:1], str(self.depot), *words[1:], "--json"])
        return {**json.loads(self._say.readouterr().out), "status": status}

    def update(self, *words: str) -> dict[str, Any]:
        return self.run("update", *words)

    @property
    def current(self) -> str:
        return self.store.current("demo")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    made = Host(tmp_path, capsys)
    monkeypatch.setattr(install, "signers_file", lambda: made.signers)
    made.signers.chmod(0o644)
    made.build(1)
    assert made.run("install", "--yes")["status"] == 0
    made.build(2)
    return made


def code(found: dict[str, Any]) -> str:
    assert found["status"] == 0
    return "".join(wait["code"] for wait in found["waits"].values())


def test_the_first_ring_takes_a_release_at_once(host: Host) -> None:
    assert (code(host.update()), host.current) == ("", TWO)
    again = host.update()
    assert (code(again), again["changed"]) == ("", False)


def test_another_ring_waits_for_the_one_before_it(host: Host) -> None:
    assert (code(host.update("--ring", "2")), host.current) == ("ring-waits", ONE)
    (host.depot / RINGS).write_bytes(Rings((Said("demo", TWO, 1, 1, 0),)).to_json())
    assert (code(host.update("--ring", "2")), host.current) == ("", TWO)


def test_what_the_ring_before_found_wrong_is_not_taken(host: Host) -> None:
    (host.depot / RINGS).write_bytes(Rings((Said("demo", TWO, 1, 5, 1),)).to_json())
    assert (code(host.update("--ring", "2", "--after-days", "1")), host.current) == ("ring-wrong", ONE)


def test_a_depot_whose_rings_cannot_be_read_changes_nothing(host: Host) -> None:
    (host.depot / RINGS).write_text("{")
    found = host.update("--ring", "2")
    assert (found["status"], found["error"]["code"], host.current) == (1, "rings-invalid", ONE)


def test_outside_the_window_the_depot_is_not_even_read(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "plan", lambda *_: pytest.fail("it was read"))
    now = datetime.now()
    shut = f"{(now.hour + 2) % 24}:00-{(now.hour + 3) % 24}:00"
    assert (code(host.update("--window", shut)), host.current) == ("window-closed", ONE)


def test_a_window_that_cannot_be_read_is_an_error(host: Host) -> None:
    found = host.update("--window", "at night")
    assert (found["status"], found["error"]["code"], host.current) == (1, "window-invalid", ONE)


def test_an_environment_at_work_on_a_gpu_is_left_alone(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "busy", lambda _store, env: [4711] if env == "demo" else [])
    assert (code(host.update()), host.current) == ("gpu-busy", ONE)
    assert (code(host.update("--despite-gpu")), host.current) == ("", TWO)


def test_a_timer_does_not_undo_a_rollback(host: Host) -> None:
    host.update()
    rollback(host.store, "demo", "", check_mode=False)
    assert (code(host.update()), host.current) == ("rolled-back", ONE)
    assert (code(host.update("--after-days", "1")), host.current) == ("rolled-back", ONE)
    host.build(3)
    assert (code(host.update()), host.current) == ("", THREE)


def test_a_person_can_install_what_was_rolled_back(host: Host) -> None:
    host.update()
    rollback(host.store, "demo", "", check_mode=False)
    assert host.run("install", "--yes")["status"] == 0
    assert host.current == TWO


def test_a_release_that_failed_here_is_tried_again_a_day_later(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.build(3, BROKEN)
    found = host.update()
    assert (found["status"], found["changed"], host.current) == (1, False, ONE)
    assert (code(host.update()), host.current) == ("failed-here", ONE)
    monkeypatch.setattr(failed, "PAUSE", 0.0)
    assert host.update()["status"] == 1


def test_a_newer_release_is_taken_although_the_last_one_failed(host: Host) -> None:
    host.build(3, BROKEN)
    assert host.update()["status"] == 1
    host.build(4)
    assert (code(host.update()), host.current) == ("", release_id(4))
    assert not (host.store.state("demo") / failed.FAILED).exists()


def test_what_failed_when_the_clock_was_ahead_is_tried_again(host: Host) -> None:
    failed.note_failed(host.store, "demo", TWO, 1e12)
    assert (code(host.update()), host.current) == ("", TWO)


def test_a_host_in_a_ring_shows_once_a_day_that_it_is_there(host: Host) -> None:
    host.update("--ring", "1")
    receipts = host.root / ".state/.receipts"

    def count() -> int:
        return len(list(receipts.glob("*.json")))

    before = count()
    host.update("--ring", "1")
    assert count() == before
    for path in receipts.glob("*.json"):
        os.utime(path, (1, 1))
    host.update()  # by a person, who is told
    assert count() == before
    host.update("--ring", "1")
    host.update("--ring", "1")
    assert count() == before + 1
