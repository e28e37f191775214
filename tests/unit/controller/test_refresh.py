# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts the plays of each side of a refresh are for, what it works on, and what its end says of each step."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.airgap.conda.plugins.filter.release_names import release_names
from ansible_collections.airgap.conda.plugins.lookup import batches as batches_lookup
from ansible_collections.airgap.conda.plugins.lookup import connection as connection_lookup
from ansible_collections.airgap.conda.plugins.lookup import hosts as hosts_lookup
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.plugin_utils._batches import batches, gate
from ansible_collections.airgap.conda.plugins.plugin_utils._notes import note, noted, short
from ansible_collections.airgap.conda.plugins.plugin_utils._places import PLACES, Places
from ansible_collections.airgap.conda.plugins.plugin_utils._refresh import STEPS, ending, imports, lines, plan
from ansible_collections.airgap.conda.plugins.plugin_utils._run_options import RunOptions
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

PLAYBOOKS = COLLECTIONS / "ansible_collections/airgap/conda/playbooks"
BASTION, EXPORT, IMPORT = STEPS
ERROR = AirgapError(
    "It cannot be solved", code="unsolvable", wanted="w", found="no package x", where="/e", remedy="mend it"
)
FAILED = {"failed": True, **ERROR.as_result()}


def places(inventory: dict[str, Any] | None = None, **variables: Any) -> Places:
    """Return the places of a run with these variables by -e, ``inventory`` says what it says of localhost."""
    hostvars = {"localhost": {**(inventory or {}), **variables}, "ws1": variables, "ws2": variables, "b": variables}
    groups = {"all": ["ws1", "ws2", "b"], "workstations": ["ws1", "ws2"], "bastions": ["b"]}
    return Places({"hostvars": hostvars, "groups": groups, **variables}, lambda value: value)


def patterns(of: Places, work: str = "refresh") -> dict[str, list[str]]:
    return {place: of.patterns(place, work) for place in PLACES[:3]}


ALL = {"bastion": ["localhost"], "controller": ["localhost"], "workstations": ["workstations"]}


@pytest.mark.parametrize("given", ["by -e", "in the inventory"])
def test_the_plays_of_the_other_side_have_no_hosts(given: str) -> None:
    def of(side: str) -> Places:
        return places(refresh_side=side) if given == "by -e" else places({"refresh_side": side})

    assert patterns(of("bastion")) == {**ALL, "controller": [], "workstations": []}
    assert patterns(of("controller")) == {**ALL, "bastion": []}
    assert patterns(of("both")) == ALL
    for work in ("", "deploy"):
        assert patterns(of("bastion"), work) == ALL
    assert of("bastion").names("workstations", "refresh") == []
    assert of("both").names("workstations", "refresh") == ["ws1", "ws2"]


def test_what_lists_and_checks_know_is_enough() -> None:
    assert patterns(Places({"groups": {}}, str)) == ALL
    assert patterns(Places({}, str), "deploy") == ALL
    assert batches("refresh", {}, str) == ["1", "10%", "100%"]


def test_patterns_are_given_by_e() -> None:
    of = places({"airgap_workstations": "elsewhere"}, airgap_bastion="bastions", schedule_side="bastion")
    assert patterns(of) == {**ALL, "bastion": ["bastions"]}
    assert of.patterns("scheduled") == ["bastions"]
    assert places({"schedule_side": "host"}, airgap_workstations="lab").patterns("scheduled") == ["lab"]
    assert places({"schedule_side": "controller"}, airgap_bastion="bastions").patterns("scheduled") == ["localhost"]
    assert of.names("bastion") == ["b"]
    assert (of.is_here("bastion"), of.is_here("controller")) == (False, True)


def test_ansible_finds_the_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible.context.CLIARGS", {"connection": "ssh"})

    def look(of: Any, *terms: str, **options: Any) -> list[str]:
        given = {"airgap_bastion": "bastions", "refresh_side": "bastion"}
        plugin = of.LookupModule(templar=SimpleNamespace(template=lambda value: value))
        return [*plugin.run([*terms], given, **options)]

    assert look(hosts_lookup, "controller") == ["localhost"]
    assert look(hosts_lookup, "controller", work="refresh") == []
    assert look(connection_lookup, "controller") == ["local"]
    assert look(connection_lookup, "bastion") == ["ssh"]
    assert look(batches_lookup, "deploy") == ["100%"]


# --- the plan --------------------------------------------------------------------------------------------------------

SET: dict[str, Any] = {"build_depot": "/b", "deploy_depot": "/d", "report_path": "/r", "deploy_envs": "demo, x"}


def test_a_plan_names_the_depots_of_this_machine_and_what_is_imported() -> None:
    for side, depots in (("bastion", ["/b"]), ("controller", ["/d"]), ("both", ["/b", "/d"])):
        of = places(refresh_side=side, **SET)
        found = plan(of, of.variables.get)
        imported = ["runtime"] if side == "bastion" else ["runtime", "demo", "x"]
        assert found == {"side": side, "depots": depots, "imports": imported}
    of = places(refresh_side="bastion", airgap_bastion="bastions")
    assert plan(of, of.variables.get)["depots"] == []


def test_all_that_a_plan_cannot_use_is_one_message() -> None:
    of = places(refresh_side="left", deploy_depot="")
    with raised("settings-unusable") as caught:
        plan(of, of.variables.get)
    for name in ("refresh_side: 'left'", "deploy_depot: ''", "report_path: nothing", "build_depot: nothing"):
        assert name in caught.value.found


def test_what_hosts_say_of_themselves_is_not_imported() -> None:
    of = places(refresh_side="controller")
    hostvars = of.variables["hostvars"]
    hostvars["ws1"] = {"deploy_envs": ["evil"], "ansible_facts": {"deploy_envs": ["evil"]}}
    hostvars["ws2"] = {"deploy_envs": ["demo", "demo"]}
    assert imports(of) == ["runtime", "demo"]
    hostvars["ws2"] = {"deploy_envs": {"no": "list"}}
    assert imports(of) == ["runtime"]


def test_what_is_built_is_exported_with_the_runtime() -> None:
    assert release_names(["demo", {"name": "x", "container": "c"}, "runtime"]) == ["runtime", "demo", "x"]


# --- the end ---------------------------------------------------------------------------------------------------------

WELL = {"_build_summary": {"changed": False}, "_media_export": {"changed": True}, "_media_import": {"changed": True}}


def told(**known: Any) -> list[str]:
    """Return what is said of the steps on a machine that is both."""
    return [line for step in STEPS for line in lines(step, "b", {"b": known})]


def test_each_step_is_shown_or_named() -> None:
    assert told(**WELL, media_drive="/media") == []
    assert told(_build_summary=WELL["_build_summary"]) == []  # without a drive
    missing = [line.partition(":")[0] for line in told(media_drive="/media")]
    assert missing == ["build", "export", "import"]
    skipped = {name: {"skipped": True} for name in WELL}
    assert len(told(**skipped, media_drive="/media")) == 3


def test_environments_that_were_not_built_are_named_by_the_data() -> None:
    results = [
        {"env": "demo", "target": {}, "failure": FAILED},
        {"env": "x: FAILED: y", "target": {}, "new": True, "release": "1-1c0ffee5"},
        {"env": "z", "target": {}, "failure": {"msg": "MODULE FAILURE\nsee stdout"}},
    ]
    summary = {"failed": True, "msg": ["demo  FAILED: It cannot be solved."]}
    known = {"_build_notes": {"notes": results}, "_build_summary": summary, "_refresh_build": note(summary)}
    wrong = ["build: demo: It cannot be solved (no package x)", "build: z: MODULE FAILURE see stdout"]
    assert told(**known) == wrong
    export = {"media_drive": "/m", "_refresh_export": note(FAILED), "_media_import": {"changed": False}}
    assert told(**known, **export) == [*wrong, "export: It cannot be solved (no package x)"]
    # The role did not come as far as its summary.
    assert told(_refresh_build=note({"failed": True, "msg": "no tools"})) == ["build: no tools"]


def test_the_end_is_one_message() -> None:
    of = places(refresh_side="bastion")
    of.variables["hostvars"]["localhost"].update(_refresh_build=note({"failed": True, "msg": "no tools"}))
    error = ending(of, RunOptions())
    assert error is not None
    assert str(error) == (
        "The refresh is not complete. Wanted: that every step passes and every host is right. Found: build: no tools."
        " Where: the output of this run. Remedy: do what is said there and above, then run this again; what is right"
        " stays."
    )
    of.variables["hostvars"]["localhost"].update({**WELL, "_refresh_build": {}})
    assert ending(of, RunOptions()) is None


def test_the_end_of_a_controller_names_hosts_and_page() -> None:
    of = places(refresh_side="controller", _report_page={"page": "/r/index.html"})
    error = ending(of, RunOptions())
    assert error is not None
    assert error.where == "/r/index.html"
    assert "build" not in error.found
    for host in ("ws1", "ws2"):
        assert f"{host}: Nothing in this run shows that the deploy went well on this host" in error.found


# --- notes, batches ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [None, {}, "x", 5, [1], {"msg": ["a", "b"]}, {"msg": "caf\udce9\x1b"}])
def test_a_note_of_anything_is_a_failure_that_can_be_handed_on(result: Any) -> None:
    kept = note(result)
    assert noted(kept)["failed"] is True
    assert not kept.get("failed")
    json.dumps(kept, ensure_ascii=False).encode()
    assert kept["short"]
    assert "\x1b" not in kept["short"]


def test_no_note_is_no_failure() -> None:
    for variable in (None, {}, "x", {"skipped": True}, {"failure": "x"}):
        assert noted(variable) == {}
    assert short(FAILED) == "It cannot be solved (no package x)"


def test_batches_are_those_of_e_then_of_the_inventory_then_of_the_work() -> None:
    of = places()
    hostvars = of.variables["hostvars"]
    assert batches("deploy", of.variables, lambda value: value) == ["100%"]
    hostvars["ws1"] = {"deploy_batches": 1, "ansible_facts": {"deploy_batches": 1}}
    hostvars["ws2"] = {"deploy_batches": "2, 50%"}
    assert batches("refresh", of.variables, lambda value: value) == ["2", "50%"]
    assert batches("deploy", {**of.variables, "deploy_batches": 5}, lambda value: value) == ["5"]
    with raised("settings-unusable", found="deploy_batches: 'many'"):
        batches("deploy", {"deploy_batches": "many"}, lambda value: value)


def test_a_batch_is_not_begun_after_too_many_failures() -> None:
    bad = {"_deploy_preflight": {"failed": True, "msg": "x"}, "_deploy_failure": note({"failed": True, "msg": "x"})}
    hostvars: dict[str, Any] = {"a": bad, "b": {}, "localhost": {}}
    assert gate("b", None, ["a", "b"], hostvars) == {"stop": True, "failed_percent": 100}
    assert gate("b", "100", ["a", "b"], hostvars) == {"stop": False, "failed_percent": 100}
    with raised("settings-unusable", found="deploy_max_failed"):
        gate("b", "x", ["a", "b"], hostvars)


@pytest.mark.parametrize("path", sorted(PLAYBOOKS.glob("*.yml")), ids=lambda path: path.name)
def test_the_pattern_of_a_play_is_one_name_or_one_lookup(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for play in yaml.safe_load(text):
        for name in ("hosts", "serial", "connection"):
            said = str(play.get(name, ""))
            assert " if " not in said
            assert "!" not in said
            assert "default(" not in said.replace("_airgap_work | default(", "").replace("hostvars | default(", "")
    assert "ansible_failed_result" not in text
    assert "search(" not in text
