# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every play says of itself, and what counts as a run that has looked; runs of them are in tests/modules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.airgap.conda.plugins.action import report
from ansible_collections.airgap.conda.plugins.filter.told import told
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

PLAYBOOKS = COLLECTIONS / "ansible_collections/airgap/conda/playbooks"


def plays() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(PLAYBOOKS.glob("*.yml")):
        for play in yaml.safe_load(path.read_text(encoding="utf-8")):
            if "hosts" in play:
                yield f"{path.name}: {play['name']}", play


@pytest.mark.parametrize("play", [pytest.param(play, id=name) for name, play in plays() if play.get("tasks", True)])
def test_each_play_says_what_ansible_cfg_would_say_else(play: dict[str, Any]) -> None:
    assert play["strategy"] == "ansible.builtin.linear"
    assert play["any_errors_fatal"] is False
    assert play["gather_facts"] is False


def test_a_run_that_said_something_of_a_host_has_looked() -> None:
    assert told({"localhost": {}, "ws1": {"_airgap_outcome": {"changed": False}}}) == []
    assert told({"localhost": {"_refresh_plan": {"side": "bastion"}}}, "refresh") == []
    unsaid: list[dict[str, Any]] = [{}, {"_airgap_outcome": {}}]
    for known in unsaid:
        with raised("no-host"):
            told({"ws1": known})
    for side, work in (("controller", "refresh"), ("bastion", "deploy")):
        with raised("no-host"):
            told({"localhost": {"_refresh_plan": {"side": side}}}, work)


def test_two_hosts_do_not_write_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible.constants.DEFAULT_LOCAL_TMP", str(tmp_path))
    action = report.ActionModule.__new__(report.ActionModule)
    options: dict[str, Any] = {"hosts": ["ws1"], "seen": [{}], "verified": [{}], "failures": {}, "time": None}
    # Whoever comes second has the same result, so that it does not matter whose is registered last.
    for host, task, path, writer in (("a", 1, "x", "a"), ("b", 1, "x", "a"), ("b", 1, "y", "b"), ("b", 2, "x", "b")):
        action.__dict__["_task"] = SimpleNamespace(_uuid=str(task), check_mode=False)
        action.known = {"inventory_hostname": host}
        result = action.step({**options, "path": str(tmp_path / path)})
        assert (result["writer"], result["page"]) == (writer, str(tmp_path / path / "index.html"))
        assert result["changed"] == (host == writer and (task, path) != (2, "x"))


def test_a_failure_on_the_controller_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    action = report.ActionModule.__new__(report.ActionModule)
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_args: None)
    monkeypatch.setattr(
        action, "validate_argument_spec", lambda _spec: (None, {"path": "/proc/no/such", "time": "now"})
    )
    action.__dict__["_task"] = SimpleNamespace(_uuid="1", check_mode=False)
    result = action.run()
    assert result["failed"]
    assert result["where"].endswith(" on the controller")
    assert f"Where: {result['where']}. Remedy: " in result["msg"]
