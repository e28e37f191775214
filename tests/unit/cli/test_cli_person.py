# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A person at a host that serves itself: is asked, interrupts, and removes what is not needed any more."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import blocks
from ansible_collections.airgap.conda.plugins.module_utils._cli import say as _say
from ansible_collections.airgap.conda.plugins.module_utils._cli.main import INTERRUPTED, main
from ansible_collections.airgap.conda.plugins.module_utils._source import bring as _bring
from ansible_collections.airgap.conda.plugins.module_utils._source import place as _place
from ansible_collections.airgap.conda.tests.unit.tiny_lone import Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    release_id,
)

pytestmark = pytest.mark.usefixtures("quick_disk")
ONE, TWO, THREE = release_id(1), release_id(2), release_id(3)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("YES\n", 0), ("\n", 1), ("n\n", 1), ("", 1)])
def test_a_person_is_asked_once(host: Host, monkeypatch: pytest.MonkeyPatch, answer: str, status: int) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    output, said = host.run("install", str(host.drive), "--json", status=status)
    assert json.loads(output)["ok"] is (status == 0)
    assert said.count("Proceed?") == 1
    assert f"demo: - now; install {ONE}" in said
    assert bool(host.current()) is (status == 0)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    if host.current():
        assert "Proceed?" not in host.run("install", str(host.drive))[1]
        assert "Proceed?" in host.run("remove", "demo")[1]
        assert "demo" not in host.current()


def test_where_nobody_can_be_asked_nothing_is_done(host: Host) -> None:
    assert host.document("install", str(host.drive), status=1)["error"]["code"] == "not-confirmed"
    assert host.current() == {}
    host.install()
    assert host.document("remove", "demo", status=1)["error"]["code"] == "not-confirmed"
    assert "demo" in host.current()


def test_a_bar_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    for stream, wanted in ((io.StringIO(), ""), (Terminal(), "50 %  1.0 of 2.1 MB")):
        shown = _say.Bar("Copying demo", 2 << 20, stream)
        shown.add(1 << 20)
        shown.end()
        assert wanted in stream.getvalue()
        assert bool(stream.getvalue()) == bool(wanted)
    assert "/s" in stream.getvalue()


def test_an_interrupted_copy_keeps_what_arrived(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    real = blocks

    def stopped(path: Path, limit: int) -> Any:
        if path.name == "env.tar.zst.002":
            raise KeyboardInterrupt
        return real(path, limit)

    monkeypatch.setattr(_place, "blocks", stopped)
    host.run("install", str(host.drive), "--env", "demo", "--yes", status=INTERRUPTED)
    assert len(list(host.store.incoming("demo", ONE).iterdir())) == 2
    assert host.current() == {}


def test_two_runs_do_not_copy_at_a_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    errors, real = [], _bring.bring

    def both(*args: Any) -> None:
        monkeypatch.setattr(_bring, "bring", real)
        errors.append(host.document("install", str(host.drive), "--yes", "--env", "demo", status=1)["error"])
        real(*args)

    monkeypatch.setattr(_bring, "bring", both)
    host.run("install", str(host.drive), "--yes", "--env", "demo")
    assert str(os.getpid()) in errors[0]["found"]
    assert host.current() == {"demo": ONE}


def test_prune_keeps_what_is_needed(host: Host) -> None:
    for serial in (1, 2, 3):
        if serial > 1:
            host.make("demo", serial)
        host.install("--env", "demo", "--keep", "9")
    assert not host.document("prune", "--keep", "3")["changed"]
    found = host.document("prune", "--keep", "1")
    assert (found["changed"], found["removed"]) == (True, {"demo": [ONE]})
    assert host.store.releases("demo") == [TWO, THREE]
    assert not host.document("prune", "demo", "--keep", "1")["changed"]
    assert host.document("prune", "nope", status=1)["error"]["code"] == "env-missing"


@pytest.mark.parametrize("count", ["0", "-1", "many", "10000"])
def test_a_number_that_is_none_is_a_wrong_command_line(host: Host, count: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(host.store.root, ["prune", f"--keep={count}"])
    assert caught.value.code == 2


def test_remove_takes_a_release_or_all_of_it(host: Host) -> None:
    host.install()
    host.make("demo", 2)
    host.install()
    assert host.document("remove", "demo", TWO, "--yes", status=1)["error"]["found"] == f"demo {TWO} is current"
    assert host.document("remove", "demo", ONE, "--yes")["removed"] == {"demo": [ONE]}
    assert not host.document("remove", "demo", ONE, "--yes")["changed"]
    assert host.document("remove", "demo", "--yes")["removed"] == {"demo": [TWO]}
    assert not host.document("remove", "demo", "--yes")["changed"]
    assert sorted(host.current()) == ["other", "runtime"]
    assert host.document("remove", "nope", "--yes", status=1)["error"]["code"] == "env-missing"
    assert "runtime" in host.document("remove", "runtime", "--yes", status=1)["error"]["found"]
    assert host.document("remove", "../x", "--yes", status=1)["error"]["found"]
