# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people set, and what is refused before anything is done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.airgap.conda.plugins.action import settings
from ansible_collections.airgap.conda.plugins.plugin_utils import _setting_faults as of
from ansible_collections.airgap.conda.plugins.plugin_utils._accept import documented
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_specs import (
    NAMES,
    ON_CONTROLLER,
    ON_HOSTS,
    PLAYBOOKS,
    ROLES,
    known_names,
    playbook_options,
    role_options,
)
from ansible_collections.airgap.conda.plugins.plugin_utils._setting_values import Unfit, settle

OPTIONS = {name: option for playbook in PLAYBOOKS for name, option in playbook_options(playbook).items()}
OPTIONS |= {name: option for role in NAMES for name, option in role_options(role).items()}


def _settled(name: str, value: Any, local: bool = True) -> Any:
    return settle(name, value, OPTIONS[name], local)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("deploy_envs", "demo", ["demo"]),
        ("deploy_envs", "demo, imaging", ["demo", "imaging"]),
        ("deploy_envs", '["demo", "imaging"]', ["demo", "imaging"]),
        ("deploy_envs", 2004, ["2004"]),
        ("build_envs", '[{"name": "demo"}, "runtime"]', [{"name": "demo"}, "runtime"]),
        ("deploy_keep", "3", 3),
        ("deploy_batches", "5", ["5"]),
        ("deploy_batches", 5, ["5"]),
        ("deploy_batches", "30%", ["30%"]),
        ("deploy_batches", "[1, 5]", ["1", "5"]),
        ("deploy_batches", "[1, 10%, '100%']", ["1", "10%", "100%"]),
        ("deploy_batches", "1, 50%", ["1", "50%"]),
        ("deploy_facts", "yes", True),
        ("deploy_facts", "false", False),
        ("deploy_releases", "demo=1-1c0ffee5", {"demo": "1-1c0ffee5"}),
        ("deploy_releases", '{"demo": "1-1c0ffee5"}', {"demo": "1-1c0ffee5"}),
        ("deploy_root", "/opt//conda-envs/", "/opt/conda-envs"),
        ("deploy_jupyter_kernels", "", ""),
        ("build_credentials", "", ""),
        ("refresh_side", "both", "both"),
        ("report_envs", [], []),
        ("schedule_arguments", ["-e", "@x y"], ["-e", "@x y"]),
        ("schedule_arguments", "--forks,20", ["--forks", "20"]),
        ("schedule_environment", {"A_1": "x", "b": 5}, {"A_1": "x", "b": 5}),
        ("schedule_directory", "", ""),
        ("schedule_source", "/mnt//depot/", "/mnt/depot"),
        ("schedule_source", "https://server:8443/a/depot/", "https://server:8443/a/depot"),
        ("deploy_url", "http://server/depot", "http://server/depot"),
        ("deploy_url", "", ""),
        ("deploy_ca", "", ""),
    ],
)
def test_a_value_in_the_type_of_its_option(name: str, value: Any, wanted: Any) -> None:
    assert _settled(name, value) == wanted


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("deploy_envs", {"demo": 1}, "a list"),
        ("deploy_envs", "", "a list"),
        ("deploy_envs", "demo,,x", "a list"),
        ("deploy_envs", "[demo", "a list"),
        ("deploy_envs", True, "a list"),
        ("deploy_envs", ["Demo"], "names of environments"),
        ("deploy_envs", "../../x", "names of environments"),
        ("deploy_keep", "abc", "a whole number"),
        ("deploy_keep", "2.5", "a whole number"),
        ("deploy_keep", True, "a whole number"),
        ("deploy_keep", 0, "from 1 on"),
        ("deploy_keep", -1, "from 1 on"),
        ("deploy_batches", "", "a list"),
        ("deploy_batches", True, "a list"),
        ("deploy_batches", [], "numbers of hosts or percentages"),
        ("deploy_batches", "0", "numbers of hosts or percentages"),
        ("deploy_batches", "all", "numbers of hosts or percentages"),
        ("deploy_batches", "[1, 101%]", "numbers of hosts or percentages"),
        ("deploy_batches", [2.5], "numbers of hosts or percentages"),
        ("deploy_batches", "{'a': 1}", "a list"),
        ("deploy_max_failed", 101, "from 0 on to 100"),
        ("deploy_facts", "maybe", "true or false"),
        ("deploy_facts", [True], "true or false"),
        ("deploy_releases", "demo", "a dictionary"),
        ("deploy_releases", ["demo"], "a dictionary"),
        ("deploy_releases", {"demo": 2}, "ids of releases"),
        ("deploy_releases", {"demo": "latest"}, "ids of releases"),
        ("deploy_gpu_probe", "nvidia-smi", "a dictionary"),
        ("deploy_depot", ["/srv/depot"], "a text"),
        ("deploy_depot", "", "a path"),
        ("deploy_depot", "/srv/\x1bdepot", "a path"),
        ("deploy_root", "", "an absolute path"),
        ("deploy_root", "opt/conda-envs", "an absolute path"),
        ("deploy_root", "~/conda-envs", "an absolute path"),
        ("deploy_root", "/opt/../etc", "an absolute path"),
        ("deploy_root", "//", "an absolute path"),
        ("deploy_jupyter_kernels", "share/kernels", "an absolute path"),
        ("refresh_side", "left", "one of bastion, controller, both"),
        ("build_backend", "pip", "one of rattler"),
        ("rollback_release", "newest", "ids of releases"),
        ("schedule_environment", "A=1", "a dictionary, names with values, not as a text"),
        ("schedule_environment", {"A": "1", "B C": "2"}, "'B C' is not"),
        ("schedule_environment", {1: "1"}, "names of variables"),
        ("schedule_environment", {"A": ["1"]}, "a text in each variable, also in A"),
        ("schedule_arguments", {"-e": "x"}, "a list"),
        ("schedule_arguments", [["-e"]], "a text"),
        ("schedule_directory", "/srv/conda ", "at its end"),
        ("schedule_directory", "/srv/conda\\", "at its end"),
        ("schedule_directory", "/srv/\x1bconda", "a path"),
        ("schedule_source", "depot", "an absolute path"),
        ("schedule_source", "https://me:word@server/depot", "without a user"),
        ("deploy_url", "/srv/depot", "https://SERVER/PATH"),
        ("deploy_url", "ftp://server/depot", "https://SERVER/PATH"),
        ("deploy_url", "http://server/depot?token=x", "https://SERVER/PATH"),
        ("deploy_ca", "ca.pem", "an absolute path"),
        ("deploy_transport", "pigeon", "one of auto, http, push"),
    ],
)
def test_a_value_that_is_refused(name: str, value: Any, says: str) -> None:
    with pytest.raises(Unfit, match=says):
        _settled(name, value)


def test_paths_on_the_controller_are_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SITE", "lab")
    for name in ("deploy_depot", "deploy_allowed_signers", "report_path"):
        for local in (True, False):
            assert _settled(name, "srv/x", local) == f"{tmp_path}/srv/x"
            assert _settled(name, "./a/../x", local) == f"{tmp_path}/x"
            assert _settled(name, "~/x", local) == "/home/me/x"
            assert _settled(name, "$SITE/x", local) == f"{tmp_path}/lab/x"
            assert _settled(name, "/srv/x", local) == "/srv/x"


def test_paths_on_a_bastion_that_is_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _settled("build_depot", "depot") == f"{tmp_path}/depot"
    assert _settled("build_work", "~/x", local=False) == "~/x"  # a module makes it a path of that machine
    with pytest.raises(Unfit, match="on another machine"):
        _settled("build_depot", "depot", local=False)


def test_it_is_known_of_each_path_where_it_is() -> None:
    paths = {name for name, option in OPTIONS.items() if option.get("type") == "path"}
    assert paths >= ON_CONTROLLER | ON_HOSTS
    assert not ON_CONTROLLER & ON_HOSTS
    rest = paths - ON_CONTROLLER - ON_HOSTS
    assert {name.partition("_")[0] for name in rest} == {"build", "media", "schedule"}


def test_one_default_of_the_root() -> None:
    places = {role: yaml.safe_load((ROLES / role / "defaults/main.yml").read_text(encoding="utf-8")) for role in NAMES}
    default = places["deploy"]["deploy_root"]
    for role in ("build", "report", "runtime", "verify"):
        assert places[role][f"{role}_root"] == f"{{{{ deploy_root | default('{default}') }}}}"


def test_one_default_of_the_way_to_look_at_a_gpu() -> None:
    options = [item for role in NAMES if role != "deploy" for item in role_options(role).items()]
    defaults = {name: option["default"] for name, option in options if name.endswith("_gpu_probe")}
    assert set(defaults) > {"verify_gpu_probe"}
    assert set(defaults.values()) == {"{{ deploy_gpu_probe | default({}) }}"}


def test_the_module_documents_each_role_and_playbook() -> None:
    options = documented("settings", "DOCUMENTATION")["options"]
    assert options["role"]["choices"] == list(NAMES)
    assert options["playbook"]["choices"] == list(PLAYBOOKS)
    assert {path.parents[1].name for path in ROLES.glob("*/meta/argument_specs.yml")} == set(NAMES)


def test_each_option_has_a_prefix_of_its_own() -> None:
    assert all(name.startswith(of.PREFIXES) for name in known_names())


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["deploy_env", "deploy_release", "deploy_depots"], ["deploy_envs", "deploy_releases", "deploy_depot"]),
        (["report_paht", "rollback_envs"], ["report_path", "rollback_env"]),
        (["deploy_user", "deploy_key", "build_number", "report_name", "env", "_verify_set", "deploy_envs"], []),
    ],
)
def test_slips_of_the_pen(names: list[str], found: list[str]) -> None:
    assert list(of.misspelled(names).values()) == found


def _run(playbook: str, **extra: Any) -> str:
    faults = of.run_faults(playbook, extra, extra.get)
    return str(of.refusal(faults, "-e")) if faults else ""


def test_old_names_by_e_are_refused_with_the_new_ones() -> None:
    said = _run("rollback", env="demo")
    assert "Wanted: env: rollback_env in its place. Found: env: 'demo' by -e, which is not read" in said
    assert "release: remove_release" in _run("remove", remove_env="demo", release="1-1c0ffee5")
    for playbook, of_it in PLAYBOOKS.items():
        assert ("workstations: airgap_workstations" in _run(playbook, workstations="lab3")) == of_it.fleet, playbook
    assert "bastion: airgap_bastion" in _run("build", bastion="b")
    assert "controller: airgap_controller" in _run("import", controller="c")


def test_what_takes_a_hosts_variables_is_left_to_the_host() -> None:
    extra = {"deploy_depot": "{{ base }}/depot", "deploy_root": "{{ r }}"}
    assert of.run_faults("deploy", extra, lambda _name: None) == []


def test_a_sites_own_variables_are_nobodys_business() -> None:
    assert _run("rollback", env="production", rollback_env="demo") == ""
    assert _run("deploy", env="production", release="jammy", deploy_user="me", bastion="b") == ""


def test_all_faults_are_one_message() -> None:
    said = _run("deploy", deploy_keep="x", deploy_root="opt", workstations="lab3", deploy_env="demo")
    for name in ("deploy_keep", "deploy_root", "workstations", "deploy_env"):
        assert f"{name}: " in said
    assert said.count("Wanted: ") == 1


def test_another_python_by_e_is_refused() -> None:
    said = _run("deploy", ansible_python_interpreter="/usr/bin/python3")
    assert "/usr/bin/python3 by -e ansible_python_interpreter" in said
    assert _run("deploy", ansible_python_interpreter="/opt/conda-envs/runtime/current/bin/python") == ""
    assert "set_fact" in of.interpreter_fault("/usr/bin/python3", ["ours"], "/opt/conda-envs", {})[0].found
    assert of.interpreter_fault("/opt/conda-envs/runtime/1-1c0ffee5/bin/python", ["ours"], "/opt/conda-envs", {}) == []


def test_a_password_in_a_url_is_not_repeated() -> None:
    said = _run("repair", deploy_url="https://me:secret-word@server/depot")
    assert "deploy_url: https://SERVER/PATH" in said
    assert "secret-word" not in said


def test_hosts_that_are_to_fetch_are_told_from_where() -> None:
    assert [fault.name for fault in of.transport_faults({"deploy_transport": "http", "deploy_url": ""})] == [
        "deploy_url"
    ]
    for transport, url in (("http", "http://server/depot"), ("auto", ""), ("push", "")):
        assert of.transport_faults({"deploy_transport": transport, "deploy_url": url}) == []


def test_what_is_missing_names_what_an_old_name_has() -> None:
    old = {"env": "production"}
    faults = of.missing("rollback", "", lambda _name: False, old.get)
    assert [(fault.name, fault.found) for fault in faults] == [
        ("rollback_env", "nothing; env, here 'production', is not read")
    ]
    faults = of.missing("refresh", "controller", lambda name: name == "refresh_side", old.get)
    assert {fault.name for fault in faults} == {"deploy_envs", "deploy_depot", "deploy_allowed_signers", "report_path"}


def test_what_all_hosts_did_is_not_worked_out_for_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "load_extra_vars", lambda _loader: {})
    worked_out: list[Any] = []

    def template(value: Any) -> Any:
        worked_out.append(value)
        return value

    known: dict[str, Any] = {
        "report_path": "/r",
        "report_root": "/opt/conda-envs",
        "report_depot": "/d",
        "report_failures": "{{ of all hosts }}",
    }
    known["report_gpu_probe"] = {}
    action: Any = SimpleNamespace(
        _loader=None,
        _task=SimpleNamespace(get_vars=dict),
        _connection=SimpleNamespace(transport="local"),
        _templar=SimpleNamespace(template=template, is_template=lambda value: "{{" in str(value)),
    )
    known.update(inventory_hostname="ws1", hostvars={"ws1": {}})
    found = settings.Settings(action, known).of_role("report")["settings"]
    assert found["path"] == "/r"
    assert worked_out == ["/r", "/opt/conda-envs", "/d", {}]


def test_a_run_without_hosts_is_refused() -> None:
    groups = {"all": ["ws1", "lap-1"], "ungrouped": [], "workstation": ["ws1"], "empty": []}

    def faults(pattern: str, inventory: dict[str, Any] | None = None) -> list[str]:
        get = {"airgap_workstations": pattern}.get
        return [fault.found for fault in of.pattern_faults("deploy", get, inventory or {}, groups, groups["all"])]

    assert faults("") == ["workstations, which is neither; there is workstation"]
    assert faults("workstation:lab4") == ["lab4, which is neither"]
    for right in ("workstation", "ws1,lap-1", "all:!empty", "work*:&ws1", "~lap.*", "ws[1:9]", "localhost", "empty"):
        assert faults(right) == [], right
    assert faults("ws1", {"airgap_workstations": "ws1"}) == ["'ws1' in the inventory, which does not count"]
    assert of.reach_fault([], ["ws1"], "None")[0].found == "no hosts"
    assert of.reach_fault(["ws1"], ["bastion"], "bastion")[0].found == "bastion, which has none of them"
    assert of.reach_fault(["ws1", "ws2"], ["ws2"], "ws2") == []


def test_mitogen_is_refused_by_its_name() -> None:
    mitogens = type("Connection", (), {"__module__": "ansible_mitogen.connection"})
    assert of.connection_fault(type("Own", (), {})) == []
    (fault,) = of.connection_fault(type("Connection", (mitogens,), {"__module__": "ansible.plugins.connection.ssh"}))
    assert (fault.name, fault.found) == ("strategy", "one of mitogen's")
