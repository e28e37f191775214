# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transport swarm on the controller: who takes part, who gets a copy first, and what comes by another way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants as C

from ansible_collections.airgap.conda.plugins.action import fetch
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.plugin_utils import _swarms, _transport_swarm
from ansible_collections.airgap.conda.plugins.plugin_utils._swarms import Swarms, address_of, seeds
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import Key, Missing
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_push import Push
from ansible_collections.airgap.conda.tests.unit.tiny_fleet import OWN, Hosts

SETTINGS = {"port": "6881", "upload": "8", "linger": "60"}  # as templates give them
Member = _swarms.Member


class Fetch(fetch.ActionModule):
    """The action, on a host that answers what a test says."""

    def __init__(self, answers: Sequence[Mapping[str, Any]], **args: Any) -> None:
        self._task = SimpleNamespace(args=args, check_mode=False)
        self.warned: list[str] = []
        self._display = SimpleNamespace(warning=self.warned.append)
        self.asked: list[Any] = []
        self._answers = list(answers)

    def on_host(self, args: Any) -> dict[str, Any]:
        """Answer."""
        self.asked.append(args["member"])
        return dict(self._answers.pop(0))


class Fleet(Hosts):
    """The same, and what the action does for them."""

    def swarm(self, folder: str = "run") -> Any:
        shared = self.host.folder / folder
        shared.mkdir(exist_ok=True)
        return Swarms(self.releases, self.known, shared).of(self.made.wanted, self.payload, (), SETTINGS)

    def fetch(self, host: str, *answers: Mapping[str, Any], **also: Any) -> tuple[Fetch, dict[str, Any]]:
        args = {
            "releases": [asdict(release) for release in self.releases],
            "steps": self.hostvars[host]["_deploy_preflight"]["steps"],
            "root": str(self.host.store.root),
            "transport": "swarm",
            "swarm": SETTINGS,
            "begin": True,
            **also,
        }
        action = Fetch(answers, **args)
        return action, action.work({**self.known, "inventory_hostname": host})


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet(tmp_path)
    (tmp_path / "local").mkdir()
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path / "local"))

    def push(_self: Push, missing: Sequence[Missing], _action: Any, host: str) -> dict[Key, str]:
        made.pushed += [(host, one) for one in missing]
        return {key: Push.name for one in missing for key in one.sizes}

    monkeypatch.setattr(Push, "bring", push)
    return made


def test_members_are_the_hosts_of_the_batch_that_want_the_same(fleet: Fleet) -> None:
    swarm = fleet.swarm()
    assert swarm.members == {f"ws{number}": (f"192.0.2.{number}", 6881) for number in (1, 2, 3)}
    assert (swarm.seeds, swarm.upload) == (("ws1",), 1_000_000)
    assert swarm.lines == (("192.0.2.1", "192.0.2.2", "192.0.2.3"),)  # worked out once for all of them
    vars_ = fleet.hostvars
    vars_["ws2"]["_deploy_preflight"]["settings"]["transport"] = "push"
    vars_["ws4"] = {**vars_["ws1"], "_deploy_preflight": {"settings": OWN, "steps": []}, "ansible_host": "192.0.2.4"}
    vars_["ws5"] = {**vars_["ws1"], "ansible_host": "192.0.2.3"}  # the address of another
    vars_["ws6"] = {
        **vars_["ws1"],
        "ansible_host": "192.0.2.6",
        "_deploy_preflight": {"settings": OWN, "steps": [{"env": 3}]},
    }
    vars_["ws7"] = {**vars_["ws1"], "ansible_host": "127.0.0.1"}
    vars_["ws8"] = {**vars_["ws1"], "ansible_host": "192.0.2.8"}
    assert list(fleet.swarm().members) == ["ws1", "ws8"]


def test_each_environment_has_a_port_and_a_host_alone_moves_none(fleet: Fleet) -> None:
    (step,) = fleet.hostvars["ws1"]["_deploy_preflight"]["steps"]
    before = {**step, "env": "another"}  # sorted before demo, and of no release that this host gets
    fleet.hostvars["ws3"]["_deploy_preflight"]["steps"] = [step, before, {**before, "env": "bogus"}]
    assert fleet.swarm("alone").members["ws1"][1] == 6881
    fleet.hostvars["ws2"]["_deploy_preflight"]["steps"] = [step, before]
    swarm = fleet.swarm("two")
    assert (swarm.members["ws1"][1], swarm.upload) == (6882, 500_000)


def test_a_host_that_has_all_parts_is_the_seed(fleet: Fleet) -> None:
    (step,) = fleet.hostvars["ws1"]["_deploy_preflight"]["steps"]
    fleet.hostvars["ws2"]["_deploy_preflight"]["steps"] = [{**step, "missing": []}]
    assert fleet.swarm().seeds == ("ws2",)
    action, done = fleet.fetch("ws2", {"failure": {}, "arrived": []})
    assert ([one.parts for _host, one in fleet.pushed], done["begun"]) == ([()], [])
    assert action.asked[0]["begin"][0]["seed"] is True


@pytest.mark.parametrize("kind", ["no libtorrent", "alone", "no address"])
def test_why_there_is_no_swarm(fleet: Fleet, kind: str) -> None:
    if kind == "no libtorrent":
        fleet.tells("numpy")
    for host in ("ws2", "ws3") if kind != "no libtorrent" else ():
        if kind == "alone":
            fleet.hostvars[host]["_deploy_preflight"]["failed"] = True
        else:
            fleet.hostvars[host]["ansible_host"] = "no such name"
    with pytest.raises(AirgapError) as caught:
        fleet.swarm()
    assert caught.value.code == "no-swarm"
    action, done = fleet.fetch("ws1")
    assert (done["by"], len(action.warned), done["begun"]) == ({"push": done["bytes"]}, 1, [])


def test_a_host_that_others_cannot_reach_is_served_without_them_and_told_why(fleet: Fleet) -> None:
    fleet.hostvars["ws3"]["ansible_host"] = "an alias of ssh"
    action, done = fleet.fetch("ws3")
    assert (done["by"], done["begun"]) == ({"push": done["bytes"]}, [])
    assert [fetch.NOWHERE in text for text in action.warned] == [True]


def test_auto_is_a_swarm_for_many_hosts_and_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(tmp_path, hosts=_swarms.MANY)
    for about in fleet.hostvars.values():
        about["_deploy_preflight"]["settings"]["transport"] = "auto"
    swarms = Swarms(fleet.releases, fleet.known, tmp_path)
    assert not swarms.may_pay(fleet.payload)
    with pytest.raises(AirgapError):
        fleet.swarm("little")
    monkeypatch.setattr(_swarms, "MUCH", fleet.payload.size * _swarms.MANY)
    assert swarms.may_pay(fleet.payload)
    assert len(fleet.swarm("much").members) == _swarms.MANY
    fleet.hostvars["ws1"]["_deploy_preflight"]["steps"] = []
    with pytest.raises(AirgapError):
        fleet.swarm("few")


def test_a_seed_lacks_little_and_the_second_is_of_another_subnet() -> None:
    def member(host: str, lacks: int, address: str) -> Member:
        return Member(host, ("demo", "1", "tar.zst"), lacks, "swarm", address)

    few = [member("a", 5, "10.0.1.1"), member("b", 3, "10.0.1.2"), member("c", 5, "10.0.2.1")]
    assert seeds(few) == ["b"]
    more = [*few, *(member(host, 5, f"10.0.1.{host}") for host in ("7", "8", "9"))]
    assert seeds(more) == ["b", "c"]
    assert seeds([one for one in more if one.host != "c"] + [member("z", 9, "10.0.1.99")]) == ["b", "a"]


def test_addresses_are_the_owners() -> None:
    assert address_of("", "ws1", {"ansible_host": "192.0.2.7"}) == "192.0.2.7"
    assert address_of("192.0.2.8", "ws1", {"ansible_host": "192.0.2.7"}) == "192.0.2.8"
    assert address_of("", "192.0.2.9", {}) == "192.0.2.9"
    assert address_of("127.0.0.3", "ws1", {}) == "127.0.0.3"
    for unfit in ("127.0.0.1", "224.0.0.1", "::", "fe80::1", "no such name", "x" * 300):
        assert address_of("", "ws1", {"ansible_host": unfit}) == ""


def test_a_seed_gets_its_copy_first_and_the_others_wait(fleet: Fleet) -> None:
    good: dict[str, Any] = {"failure": {}, "arrived": []}
    seed, done = fleet.fetch("ws1", good)
    assert ([host for host, _one in fleet.pushed], done["begun"], done["by"]) == (["ws1"], [], {"push": done["bytes"]})
    told = seed.asked[0]["begin"][0]
    assert (told["seed"], told["address"], told["upload"]) == (True, "192.0.2.1", 1_000_000)
    assert [address for address, _port in told["peers"]] == ["192.0.2.2", "192.0.2.3"]
    assert sorted(told["have"]) == sorted(file["name"] for file in told["files"])
    assert [address for address, _port in told["behind"]] == ["192.0.2.2"]
    other, done = fleet.fetch("ws2", good)
    assert (len(fleet.pushed), done["by"], done["bytes"]) == (1, {}, 0)
    assert (other.asked[0]["begin"][0]["seed"], other.asked[0]["begin"][0]["have"]) == (False, [])
    pending = {"pending": True, "done": 5, "arrived": [], "failure": {}}
    ended, last = fleet.fetch("ws2", pending, {**good, "arrived": fleet.arrived()}, begun=done["begun"], begin=False)
    assert (last["by"], last["begun"], ended.warned) == ({"swarm": last["bytes"]}, [], [])
    assert [one["name"] for one in ended.asked[0]["end"]] == [done["begun"][0]["name"]]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"arrived": [], "failure": {}, "swarms": [{"reason": "idle"}]}, "idle"),
        ({"arrived": [["demo", "9-00000009", "x"], 5], "failure": {}}, "did not say why"),
        ({"failed": True, "msg": "no Python"}, "no Python"),
        ({"pending": True, "done": -1, "arrived": [], "failure": {}}, "did not say why"),
    ],
)
def test_what_the_swarm_does_not_bring_is_sent(fleet: Fleet, answer: dict[str, Any], says: str) -> None:
    begun = fleet.fetch("ws2", {"failure": {}, "arrived": []})[1]["begun"]
    action, done = fleet.fetch("ws2", answer, begun=begun, begin=False)
    assert (done["by"], [host for host, _one in fleet.pushed]) == ({"push": done["bytes"]}, ["ws2"])
    assert len(action.warned) == 1
    assert says in action.warned[0]


def test_how_long_hosts_wait(fleet: Fleet) -> None:
    waits: list[int] = []
    for host in ("ws2", "ws3"):
        begun = fleet.fetch(host, {"failure": {}, "arrived": []})[1]["begun"]
        answers = [{"arrived": [], "failure": {}, "done": 0}]
        if host == "ws3":  # it says that it waits, and gets no more than before
            answers = [{"arrived": [], "failure": {}, "pending": True, "done": 7}] * 2
        action, _done = fleet.fetch(host, *answers, begun=begun, begin=False)
        waits += [one["patience"] for one in action.asked]
    assert waits == [_transport_swarm.PATIENCE, _transport_swarm.SOON, _transport_swarm.SOON]


def test_only_what_did_not_arrive_is_sent_then(fleet: Fleet) -> None:
    begun = fleet.fetch("ws2", {"failure": {}, "arrived": []})[1]["begun"]
    some = fleet.arrived()[:-1]
    done = fleet.fetch("ws2", {"arrived": some, "failure": {}}, begun=begun, begin=False)[1]
    assert [file.name for file in fleet.pushed[0][1].parts] == [fleet.arrived()[-1][2]]
    assert sorted(done["by"]) == ["push", "swarm"]


def test_a_host_that_cannot_begin_is_sent_all_at_once(fleet: Fleet) -> None:
    failure = {"code": "swarm-address", "problem": "No", "wanted": "", "found": "taken", "where": "", "remedy": ""}
    action, done = fleet.fetch("ws2", {"failure": failure, "arrived": []})
    assert (done["by"], done["begun"], len(action.warned)) == ({"push": done["bytes"]}, [], 1)
    assert "taken" in action.warned[0]
