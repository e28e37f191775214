# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host where nothing is to be done says so by its own command; all others are looked at by sh in the same command."""

from __future__ import annotations

import json
import stat
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.airgap.conda.plugins.action import preflight
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli.asked import looked
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import wanted_command, write_command
from ansible_collections.airgap.conda.plugins.module_utils._first import look as _look
from ansible_collections.airgap.conda.plugins.plugin_utils import _runtime
from ansible_collections.airgap.conda.plugins.plugin_utils._answer_action import PYTHON
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard, command, listen
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release, release_id

pytestmark = [pytest.mark.usefixtures("quick_disk"), pytest.mark.slow]

ROOT = "/opt/conda-envs"
OURS = f"{ROOT}/runtime/2-00000002/bin/python"
DIFF = {"before": "runtime -\n", "after": "runtime 2-00000002\n"}


UNHEARD = Heard((), "not for this shell", begun=False, status=-1)
LOOKED = Heard((("current", "1-00000001"),), "", begun=True, status=0)


def said(answer: Any) -> Heard:
    """Return what is heard of a host whose command answers."""
    text = answer if isinstance(answer, str) else json.dumps(answer)
    lines = [text[start : start + 40] for start in range(0, len(text), 40)]
    return Heard(tuple((_look.ANSWER, line) for line in lines), "", begun=True, status=0)


class Action(preflight.ActionModule):
    """The action on a host of which one thing after another is heard; then the module ``answers``."""

    __module__ = preflight.__name__  # by which it knows its own documentation

    def __init__(self, made: list[Made], *heard: Any, answers: Any = (), **args: Any) -> None:
        args = {"bring_runtime": True, "root": ROOT, "releases": [one.result for one in made], **args}
        self._task = SimpleNamespace(args=args, check_mode=False)
        self._connection = SimpleNamespace(transport="ssh")
        self.heard, self.answers = [*heard], [*answers]
        self.asked: list[bool] = []
        self.pythons: list[str | None] = []

    def ask(self, script: str, *_arguments: Any, **_more: Any) -> Heard:
        self.asked.append("ask()" in script)
        heard = self.heard.pop(0)
        if isinstance(heard, Exception):
            raise heard
        return heard

    def answer(self, task_vars: Any) -> Any:
        self.pythons.append((task_vars or {}).get(PYTHON))
        return self.answers.pop(0)


@pytest.fixture(autouse=True)
def _wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_wanted_command", lambda _root: "c0" * 32)


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
    host = Action(made, said(answer))
    result = host.work({"inventory_hostname": "ws1"})
    assert (result["interpreter"], result["changed"], "ansible_facts" in result) == (OURS, False, False)
    assert (host.asked, host.pythons, brought["by"]) == ([True], [], 0)


@pytest.mark.parametrize(
    "first",
    [
        LOOKED,
        said("no JSON"),
        said("[" * 100_000),
        said("3"),
        said(found(current="1-00000001")),
        said(found(current="")),
        said(found(release="3-00000003", current="3-00000003")),
        said(found(env="demo")),
        said({"changed": False, "work": False, "steps": ["runtime"]}),
        said({"changed": False, "work": False, "steps": "none"}),
        said({"changed": False, "work": False}),
        said(found(failed=True)),
        said({}),
    ],
    ids=range(13),
)
def test_whatever_else_is_answered_the_module_looks(made: list[Made], brought: dict[str, Any], first: Heard) -> None:
    host = Action(made, first, answers=[found(interpreter="/of/the/host", work=True)])
    result = host.work({"inventory_hostname": "ws1"})
    assert (result["interpreter"], result["changed"], result["work"], result["diff"]) == (OURS, True, True, DIFF)
    assert (host.asked, host.pythons, brought["by"]) == ([True], [OURS], 1)


TOO_LONG = AirgapError("p", wanted="w", found="f", where="w", remedy="r", code="command-too-long")


@pytest.mark.parametrize("first", [UNHEARD, TOO_LONG])
def test_a_shell_that_does_not_take_the_question_is_asked_for_less(
    made: list[Made], brought: dict[str, Any], first: Any
) -> None:
    host = Action(made, first, LOOKED, answers=[found()])
    assert host.work({})["interpreter"] == OURS
    assert (host.asked, brought["by"]) == ([True, False], 1)


def test_a_path_that_the_host_has_to_read_is_not_asked_for(made: list[Made], brought: dict[str, Any]) -> None:
    host = Action(made, LOOKED, answers=[found()], jupyter_kernels="~/kernels")
    host.work({})
    assert (host.asked, brought["by"]) == ([False], 1)


def test_a_host_that_is_off_is_that(made: list[Made], brought: dict[str, Any]) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Action(made, AnsibleConnectionFailure("No route to host")).work({})
    assert brought["by"] == 0


def test_a_check_of_a_host_without_one_looks_no_further(made: list[Made], brought: dict[str, Any]) -> None:
    brought["result"]["interpreter"] = ""
    result = Action(made, LOOKED).work({})
    assert (result["changed"], result["interpreter"], result["work"], result["steps"]) == (True, "", False, [])


def test_without_a_runtime_to_bring_nothing_is_tried(made: list[Made]) -> None:
    with raised("runtime-missing"):
        Action(made[1:]).work({})


def test_unless_it_is_wanted_none_is_brought(made: list[Made], brought: dict[str, Any]) -> None:
    host = Action(made, answers=[found(current="1-00000001")], bring_runtime=False)
    assert "interpreter" not in host.work({PYTHON: "/usr/bin/python3"})
    assert (host.pythons, brought["by"]) == (["/usr/bin/python3"], 0)


# --- what runs on the host -------------------------------------------------------------------------------------------


@pytest.fixture
def settled(tmp_path: Path) -> tuple[Host, dict[str, Any]]:
    """A host with the runtime, demo and the command, and the options to ask it with."""
    host = Host(tmp_path)
    brought = [host.bring(1, env="runtime", tree=RUNTIME, formats=("tar.gz",)), host.bring(1)]
    write_command(host.store)
    args = {"releases": [one.result for one in brought], "root": str(host.store.root)}
    action = Action(brought, **args)
    options = action._options([one.wanted for one in brought])  # noqa: SLF001
    return host, {**options, "command": wanted_command(host.store)}


def heard(options: Mapping[str, Any], runtime: str = release_id(1)) -> Heard:
    """Ask this machine as a host is asked."""
    root = options["root"]
    script = _look.ask_script(root, runtime, options["command"], options) + _look.look_script(root)
    line = command(script, "m", 60)
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=100)
    return listen(done.stdout, "m", f"{_look.ANSWER}|{_look.LOOKED}")


def test_the_command_of_the_host_says_what_the_module_would(settled: tuple[Host, dict[str, Any]]) -> None:
    host, options = settled
    found_ = heard(options)
    answer = preflight._answer(found_)  # noqa: SLF001
    assert (answer.pop("warnings"), answer["work"], found_.status) == ([], False, 0)
    assert answer == looked(options, pytest.fail)
    assert [name for name, _value in found_.values] == [_look.ANSWER] * len(found_.values)
    (host.store.state("demo") / "high-water").write_text("0\n", encoding="ascii")  # an interrupted run
    again = preflight._answer(heard(options))  # noqa: SLF001
    assert (again["work"], again["steps"][1]["action"]) == (True, "prune")


def _change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"Generated", b"generated"))


FAULTS: dict[str, Any] = {
    "another command": lambda host: _change(host.store.command),
    "no command": lambda host: host.store.command.unlink(),
    "a command that others may write": lambda host: host.store.command.chmod(0o775),
    "a folder that others may write": lambda host: host.store.command.parent.chmod(0o777),
    "a link": lambda host: host.store.command.rename(host.folder / "x") and host.store.command.symlink_to("../../x"),
    "a release that is missing": lambda host: host.store.remove_env("demo"),
    "another runtime": lambda host: host.bring(2, env="runtime", tree=RUNTIME, formats=("tar.gz",)),
    "a Python that does not start": lambda host: (host.store.release("runtime", release_id(1)) / "bin/python").unlink(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_any_other_host_is_looked_at(settled: tuple[Host, dict[str, Any]], fault: str) -> None:
    host, options = settled
    FAULTS[fault](host)
    found_ = heard(options)
    assert not list(found_.of(_look.ANSWER))
    assert (found_.status, found_.first()["machine"] != "") == (0, True)


def test_a_command_of_another_user_does_not_run(settled: tuple[Host, dict[str, Any]]) -> None:
    host, options = settled
    try:
        for path in (host.store.command, host.store.command.parent):
            before = path.stat()
            path_ = str(path)
            subprocess.run(["chown", "65534", path_], check=True, capture_output=True)
            assert stat.S_IMODE(path.stat().st_mode) == 0o755
            assert not list(heard(options).of(_look.ANSWER))
            subprocess.run(["chown", str(before.st_uid), path_], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        pytest.skip("only root can give files away")
    assert list(heard(options).of(_look.ANSWER))


def test_a_disk_that_does_not_answer_holds_nobody(
    settled: tuple[Host, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, options = settled
    monkeypatch.setattr(_look, "START_LIMIT", 1)
    python = host.store.release("runtime", release_id(1)) / "bin/python"
    python.write_text("#!/bin/sh\nexec sleep 600\n", encoding="ascii")
    start = time.monotonic()
    found_ = heard(options)
    assert time.monotonic() - start < 300  # it did not wait for that
    assert not list(found_.of(_look.ANSWER))
    assert (found_.status, found_.first().get("works")) == (0, None)
