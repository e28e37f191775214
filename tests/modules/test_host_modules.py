# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The modules that change a store: in check mode, for real, in check mode and once more."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_host import Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, release_id, skip_flushes

ONE, TWO, THREE, FOUR = map(release_id, (1, 2, 3, 4))
Task = dict[str, Any]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    skip_flushes(monkeypatch)
    return Host(tmp_path)


def four_times(host: Host, tasks: list[Task]) -> list[dict[str, Any]]:
    """Run tasks as a user tries them; returns how the last one, which registers ``did``, ended each time."""
    # Whoever takes the lock writes his number there.
    look = {
        "ansible.builtin.raw": rf"find {host.store.root} ! -path '*/.locks/*' -printf '%P %y %#m %l %s %T@\n' | sort"
    }
    play: list[Task] = []
    for number, check_mode in enumerate([True, False, True, False]):
        before, after = f"before{number}", f"after{number}"
        play += [
            {**look, "register": before},
            {"block": tasks, "check_mode": check_mode, "diff": True},
            {**look, "register": after},
            {"ansible.builtin.set_fact": {f"did{number}": "{{ did }}"}},
        ]
        if number != 1:
            play.append({"ansible.builtin.assert": {"that": f"{before}.stdout == {after}.stdout"}})
    names = [f"did{number}" for number in range(4)]
    play.append({"ansible.builtin.debug": {"msg": f"{{{{ [{', '.join(names)}] | to_json | b64encode }}}} is how"}})
    done = host.play(play, ansible_python_interpreter=sys.executable)
    assert done.returncode == 0
    return list(json.loads(base64.b64decode(re.findall(r'"([\w+/=]+) is how"', done.output)[0])))


def to_release(host: Host, made: Made) -> list[Task]:
    common = {"root": str(host.store.root), "releases": [made.result]}
    steps = {**common, "steps": "{{ look.steps }}"}
    return [
        {"airgap.conda.preflight": common, "register": "look"},
        {"airgap.conda.fetch": steps, "when": "look.work"},
        {"airgap.conda.release": steps, "register": "did"},
    ]


def release(host: Host) -> list[Task]:
    return to_release(host, host.make(4))


def rollback(host: Host) -> list[Task]:
    return [{"airgap.conda.rollback": {"root": str(host.store.root), "env": "demo", "release": ONE}, "register": "did"}]


def repair(host: Host) -> list[Task]:
    (host.store.release("demo", THREE) / "lib/data.txt").write_text("other", encoding="ascii")
    return [{"airgap.conda.repair": {"root": str(host.store.root), "envs": ["demo"]}, "register": "did"}]


def remove(host: Host) -> list[Task]:
    return [{"airgap.conda.remove": {"root": str(host.store.root), "env": "demo", "release": ONE}, "register": "did"}]


def remove_all(host: Host) -> list[Task]:
    return [{"airgap.conda.remove": {"root": str(host.store.root), "env": "demo"}, "register": "did"}]


DIFFS = [
    (release, f"demo {THREE}\ndemo installed: {ONE} {TWO} {THREE}\n", f"demo {FOUR}\ndemo installed: {THREE} {FOUR}\n"),
    (rollback, f"demo {THREE}\n", f"demo {ONE}\n"),
    (repair, f"demo {THREE} lib/data.txt: 5 bytes\n", ""),
    (remove, f"demo {ONE}\ndemo {TWO}\ndemo {THREE}\n", f"demo {TWO}\ndemo {THREE}\n"),
    (remove_all, f"demo {ONE}\ndemo {TWO}\ndemo {THREE}\n", ""),
]


@pytest.mark.parametrize(("prepare", "before", "after"), DIFFS, ids=[row[0].__name__ for row in DIFFS])
def test_check_mode_says_what_is_done_then(
    host: Host, prepare: Callable[[Host], list[Task]], before: str, after: str
) -> None:
    for serial in (1, 2, 3):
        host.bring(serial, keep=3)
    checked, done, *again = four_times(host, prepare(host))
    assert checked["diff"] == done["diff"]
    assert (before in done["diff"]["before"], after in done["diff"]["after"]) == (True, True)
    if not after:
        assert not done["diff"]["after"]
    assert [result["changed"] for result in (checked, done, *again)] == [True, True, False, False]
    assert [result["diff"]["before"] == result["diff"]["after"] for result in again] == [True, True]
    assert checked.get("pruned") == done.get("pruned")
