# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings, depot and host in one task: what each of them refuses, and whose word counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.action import deploy_look, preflight
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

SETTINGS = {
    "depot": "/d", "envs": ["demo", "runtime"], "releases": {"demo": "1-00000001"}, "allowed_signers": "/s",
    "pin_signers": True, "root": "/opt", "keep": 3, "allow_downgrade": False, "jupyter_kernels": "", "facts": True,
    "gpu_probe": {}, "transport": "push",
}  # fmt: skip
PAYLOADS = [{"format": "tar.zst", "parts": [{"name": "env.tar.zst"}]}]
RELEASES = [{"env": env, "id": "1-00000001", "payloads": PAYLOADS} for env in ("runtime", "demo")]
FOUND = {"changed": True, "work": True, "steps": [], "interpreter": "/p", "warnings": ["of the host"]}


def refusal(where: str) -> AirgapError:
    return AirgapError("No", code="no", wanted="w", found="f", where=where, remedy="r")


class Site:
    """What each of the three says, and what the look was asked."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {
            "settings": {"settings": SETTINGS, "warnings": ["of a setting"]},
            "depot": {"releases": RELEASES, "allowed_signers": "keys"},
            "host": FOUND,
        }
        self.wanted: list[Any] = []
        self.task: Any = None
        self.cleaned = 0

    def answer(self, name: str) -> Any:
        says = self.says[name]
        if isinstance(says, Exception):
            raise says
        return says


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    site = Site()

    class Look:
        def __init__(self, task: Any, *_others: Any) -> None:
            site.task = task

        def run(self, task_vars: Any) -> Any:
            assert task_vars == {"inventory_hostname": "ws1"}
            return site.answer("host")

        def cleanup(self) -> None:
            site.cleaned += 1

    def verified(*wanted: Any) -> Any:
        site.wanted += wanted
        return site.answer("depot")

    monkeypatch.setattr(
        deploy_look, "Settings", lambda _action, _known: SimpleNamespace(of_role=lambda _role: site.answer("settings"))
    )
    monkeypatch.setattr(deploy_look, "verified_releases", verified)
    monkeypatch.setattr(preflight, "ActionModule", Look)
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_args: None)
    return site


def look(**options: Any) -> dict[str, Any]:
    action = deploy_look.ActionModule.__new__(deploy_look.ActionModule)
    task = SimpleNamespace(args=options, copy=lambda exclude_parent: SimpleNamespace(parents=not exclude_parent))
    action.__dict__.update(
        _task=task, _connection=None, _play_context=None, _loader=None, _templar=None, _shared_loader_obj=None
    )
    return action.run(task_vars={"inventory_hostname": "ws1"})


def test_the_settings_say_what_is_wanted_of_the_depot_and_the_host(site: Site) -> None:
    found = look(deltas=False)
    assert site.wanted == ["/d", ["runtime", "demo"], SETTINGS["releases"], "/s"]
    same = {name: SETTINGS[name] for name in deploy_look.SAME}
    more = {"releases": RELEASES, "signers": "keys", "bring_runtime": True, "deltas": False}
    assert (site.task.action, site.task.args, site.cleaned) == ("airgap.conda.preflight", {**same, **more}, 1)
    assert found["warnings"] == ["of a setting", "of the host"]
    assert (found["asked"], found["work"], found["signers"], found["changed"]) == (True, True, "keys", True)


def test_without_pin_signers_the_list_of_the_host_stays(site: Site) -> None:
    site.says["settings"] = {"settings": {**SETTINGS, "pin_signers": False}, "warnings": []}
    assert look()["signers"] == site.task.args["signers"] == ""


def test_a_host_does_not_say_what_is_wanted_of_it(site: Site) -> None:
    site.says["host"] = {**FOUND, "settings": {"root": "/etc"}, "releases": [], "signers": "mine", "asked": False}
    found = look()
    assert (found["settings"], found["releases"], found["signers"]) == (SETTINGS, RELEASES, "keys")
    assert found["asked"] is True


def test_of_a_host_that_is_sent_nothing_no_parts_are_kept(site: Site) -> None:
    site.says["host"] = {**FOUND, "work": False}
    assert look()["releases"] == [{"env": env, "id": "1-00000001", "payloads": []} for env in ("runtime", "demo")]
    assert RELEASES[0]["payloads"] == PAYLOADS  # those of the next host


@pytest.mark.parametrize("name", ["settings", "depot"])
def test_what_the_controller_refuses_is_no_failure_of_the_host(site: Site, name: str) -> None:
    site.says[name] = refusal("here")
    found = look()
    assert (found["failed"], found["asked"], found["code"], site.task) == (True, False, "no", None)
    assert found["where"] == ("here on the controller" if name == "depot" else "here")


def test_a_host_that_fails_was_asked_and_what_it_leaves_is_removed(site: Site) -> None:
    site.says["host"] = {"failed": True, "msg": "x"}
    assert look() == {"failed": True, "msg": "x", "asked": True}
    site.says["host"] = RuntimeError("lost")
    with pytest.raises(RuntimeError):
        look()
    assert site.cleaned == 2
