# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that has the runtime says so by what the runtime's own Python answers; all others are looked at by sh."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from ansible_collections.airgap.conda.plugins.action import preflight
from ansible_collections.airgap.conda.plugins.plugin_utils import _runtime
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import PYTHON
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import within
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release

ROOT = "/opt/conda-envs"
OURS = f"{ROOT}/runtime/2-00000002/bin/python"
DIFF = {"before": "runtime -\n", "after": "runtime 2-00000002\n"}


class Action(preflight.ActionModule):
    """The action on a host that answers one thing after another."""

    __module__ = preflight.__name__  # by which it knows its own documentation

    def __init__(self, made: list[Made], *answers: Any, **args: Any) -> None:
        args = {"bring_runtime": True, "root": ROOT, "releases": [one.result for one in made], **args}
        self._task = SimpleNamespace(args=args, check_mode=False)
        self._connection = SimpleNamespace(transport="ssh", _shell=SimpleNamespace(tmpdir="airgap-tmp-x"))
        self.removed: list[str] = []
        self.answers = [*answers]
        self.pythons: list[str | None] = []

    def _remove_tmp_path(self, *_arguments: Any) -> None:
        self.removed.append(self._connection._shell.tmpdir)  # noqa: SLF001 - Ansible's

    def answer(self, task_vars: dict[str, Any] | None) -> Any:
        self.pythons.append((task_vars or {}).get(PYTHON))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def made(tmp_path: Path) -> list[Made]:
    return [
        make_release(tmp_path / "depot", Path(ROOT), 2, env="runtime", formats=("tar.gz",)),
        make_release(tmp_path / "depot", Path(ROOT), 1),
    ]


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Have the runtime brought in an instant; ``result`` is what comes of it, ``by`` how often it was."""
    known: dict[str, Any] = {"by": 0, "result": {"changed": True, "release": "2-00000002", "interpreter": OURS}}

    def bring(*_arguments: Any) -> dict[str, Any]:
        known["by"] += 1
        return {**known["result"], "diff": DIFF}

    monkeypatch.setattr(_runtime, "bring", bring)
    return known


def found(
    current: str = "2-00000002", release: str = "2-00000002", env: str = "runtime", **more: Any
) -> dict[str, Any]:
    step = {"env": env, "id": release, "current": current, "action": "none"}
    return {"changed": False, "work": False, "steps": [step], "verdicts": [], **more}


@pytest.mark.parametrize("action", ["none", "prune"])
def test_one_answer_is_enough_where_the_runtime_is_current(
    made: list[Made], brought: dict[str, Any], action: str
) -> None:
    answer = found(interpreter="/of/the/host", ansible_facts={"x": 1})
    answer["steps"][0]["action"] = action
    host = Action(made, answer)
    result = host.work({"inventory_hostname": "ws1"})
    assert (result["interpreter"], result["changed"], "ansible_facts" in result) == (OURS, False, False)
    assert (host.pythons, host.removed, brought["by"]) == ([OURS], [], 0)


@pytest.mark.parametrize(
    "first",
    [
        {"failed": True, "rc": 127, "module_stdout": "", "msg": "MODULE FAILURE"},
        {"failed": True, "rc": 137, "module_stderr": "Killed"},
        found(current="1-00000001"),
        found(current=""),
        found(release="3-00000003", current="3-00000003"),
        found(env="demo"),
        {"changed": False, "work": False, "steps": ["runtime"]},
        {"changed": False, "work": False, "steps": "none"},
        {"changed": False, "work": False},
        found(failed=True),
        {},
        AnsibleActionFail("no way to let this user in"),
    ],
    ids=range(12),
)
def test_whatever_else_is_answered_the_host_is_looked_at_by_sh(
    made: list[Made], brought: dict[str, Any], first: Any
) -> None:
    host = Action(made, first, found(interpreter="/of/the/host", work=True))
    result = host.work({"inventory_hostname": "ws1"})
    assert (result["interpreter"], result["changed"], result["work"], result["diff"]) == (OURS, True, True, DIFF)
    # Nothing of the first try stays on the host.
    assert (host.pythons, host.removed, brought["by"]) == ([OURS, OURS], ["airgap-tmp-x"], 1)


def test_a_disk_that_does_not_answer_holds_nobody(
    made: list[Made], brought: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    host = Action(made)

    def execute(_self: HostAction, command: str) -> dict[str, Any]:
        ran.append(command)
        return {}

    monkeypatch.setattr(HostAction, "_low_level_execute_command", execute)

    def answer(task_vars: dict[str, Any]) -> dict[str, Any]:
        for command in (f"A='b' {task_vars[PYTHON]} /tmp/module", "chmod u+rwx /tmp/module"):
            host._low_level_execute_command(command)  # noqa: SLF001 - Ansible calls it
        return found() if len(ran) > 2 else {}

    monkeypatch.setattr(host, "answer", answer)
    host.work({})
    assert brought["by"] == 1
    assert ran[0] == within(f"A='b' {OURS} /tmp/module", 30, fed=False)
    assert ran[1:] == ["chmod u+rwx /tmp/module", f"A='b' {OURS} /tmp/module", "chmod u+rwx /tmp/module"]


def test_a_host_that_is_off_is_that(made: list[Made], brought: dict[str, Any]) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Action(made, AnsibleConnectionFailure("No route to host")).work({})
    assert brought["by"] == 0


def test_a_check_of_a_host_without_one_looks_no_further(made: list[Made], brought: dict[str, Any]) -> None:
    brought["result"]["interpreter"] = ""
    result = Action(made, {"failed": True}).work({})
    assert (result["changed"], result["interpreter"], result["work"], result["steps"]) == (True, "", False, [])


def test_without_a_runtime_to_bring_nothing_is_tried(made: list[Made]) -> None:
    with raised("runtime-missing"):
        Action(made[1:]).work({})


def test_unless_it_is_wanted_none_is_brought(made: list[Made], brought: dict[str, Any]) -> None:
    host = Action(made, found(current="1-00000001"), bring_runtime=False)
    assert "interpreter" not in host.work({PYTHON: "/usr/bin/python3"})
    assert (host.pythons, brought["by"]) == (["/usr/bin/python3"], 0)
