# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Roles and playbooks against a host whose root answers in place of the modules, with Ansible's own defaults."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Done, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, skip_flushes

CANARY = "of the controller, and of nobody else"


class Forger(Host):
    """A host whose Python answers what ``forge`` was given, and is Python for all other modules."""

    def begin(self) -> Made:
        """Bring the runtime and a release of demo, and sign a second one; returns that."""
        python = f"""#!/bin/sh
for path in "$@"; do
  name=${{path##*/AnsiballZ_}} name=${{name%.py}}
  answer={self.folder}/forged/$name
  if test -f "$answer"; then echo "$name" >>{self.folder}/answered; exec cat "$answer"; fi
done
exec {sys.executable} "$@"
"""
        (self.folder / "forged").mkdir()
        (self.folder / "secret").write_text(CANARY, encoding="ascii")
        tree = {**RUNTIME, "bin/python": python}
        made = [self.bring(1, env="runtime", tree=tree, formats=("tar.gz",)), self.bring(1), self.make(2)]
        groups = {"all": {"vars": self.signed(*made)}, "workstations": {"hosts": {"ws1": {}}}}
        (self.folder / "settings.json").write_text(json.dumps(groups), encoding="ascii")
        return made[-1]

    def forge(self, module: str, answer: Any) -> None:
        """Answer this for a module from now on."""
        (self.folder / "forged" / module).write_text(json.dumps(answer), encoding="utf-8")

    def run(self, what: str | list[dict[str, Any]], *options: str) -> Done:
        """Play it with the settings in the inventory, where a fact would outrank them."""
        return self.play(what, "-i", str(self.folder / "settings.json"), *options)

    def answered(self) -> set[str]:
        """Return the modules that were answered for."""
        return set((self.folder / "answered").read_text(encoding="ascii").split())

    def has_secret(self) -> bool:
        """Tell whether the controller's file has reached the store."""
        return any(CANARY.encode() in path.read_bytes() for path in self.store.root.rglob("*") if path.is_file())


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forger:
    skip_flushes(monkeypatch)
    return Forger(tmp_path)


def evil(host: Forger) -> dict[str, Any]:
    """Return facts with the names of settings."""
    names = ("report_path", "deploy_depot", "deploy_allowed_signers", "runtime_depot")
    return {
        **{name: str(host.folder / "evil") for name in names},
        "deploy_envs": ["../evil"],
        "deploy_releases": {"demo": "../evil"},
        "deploy_batches": ["x"],
        "deploy_max_failed": 100,
        "report_failures": {"ws1": {"problem": "forged"}},
        "ansible_connection": "evil",
        # Ansible's own namespace of facts leaves the prefix out, so that these two hide each other.
        **{f"ansible_{name}": "/other" for name in names},
    }


def roles_of(*names: str) -> list[dict[str, Any]]:
    """Return tasks that include these roles of the collection."""
    return [{"ansible.builtin.include_role": {"name": f"airgap.conda.{name}"}} for name in names]


@pytest.mark.parametrize("name", ["../../../secret", "{secret}", "manifest.json"])
def test_a_file_of_the_controller_is_not_sent(host: Forger, name: str) -> None:
    made = host.begin()
    name = name.format(secret=host.folder / "secret")
    step = {**made.step().to_dict(), "missing": [name]}
    host.forge("preflight", {"changed": False, "work": True, "steps": [step]})
    done = host.run("airgap.conda.deploy")
    assert done.count("failed") >= 1
    assert "A host asks for what is not for it" in done.output
    assert f"Found: '{name}'. Where: ws1." in done.output
    assert not host.has_secret()
    assert not host.store.incoming("demo", made.manifest.id).exists()


def test_a_repair_asks_for_releases_of_the_depot_only(host: Forger) -> None:
    host.begin()
    step = {"env": "demo", "id": "../secret", "action": "install", "format": "", "missing": []}
    host.forge("repair", {"changed": False, "faults": [], "steps": [step], "damaged": {"../depot/demo": "../.."}})
    done = host.run("airgap.conda.repair")
    assert done.count("failed") == 1
    assert "The depot does not have this release" in done.output
    assert not host.has_secret()


def test_facts_in_an_answer_become_no_variables(host: Forger) -> None:
    host.begin()
    known: dict[str, dict[str, Any]] = {
        "preflight": {"work": True, "steps": []},
        "release": {"current": {}},
        "verify": {"envs": []},
    }
    for module, answer in known.items():
        host.forge(module, {"changed": False, **answer, "ansible_facts": evil(host)})
    roles = roles_of("deploy", "verify", "report")
    shown = {"ansible.builtin.debug": {"msg": "path is {{ report_path }}, facts are {{ ansible_facts }}"}}
    done = host.run([*roles, shown])
    assert host.answered() == set(known)
    assert f"path is {host.folder}/report, facts are {{}}" in done.output
    assert (host.folder / "report/report.json").exists()
    assert not (host.folder / "evil").exists()


def test_facts_in_the_answer_of_any_module_are_dropped(host: Forger) -> None:
    host.begin()
    python = str(host.store.root / "runtime/current/bin/python")
    modules: dict[str, dict[str, Any]] = {
        "gpu": {}, "verify": {}, "rollback": {"env": "demo"}, "remove": {"env": "demo"}, "repair": {},
        "doctor": {"prefix": "/x"}, "plan_info": {"spec": "/x", "depot": "/x", "root": "/x", "channels": []},
    }  # fmt: skip
    for name in modules:
        host.forge(name, {"changed": False, "ansible_facts": {f"of_{name}": 1}, "add_host": {"host_name": "evil"}})
    tasks = [{f"airgap.conda.{name}": options} for name, options in modules.items()]
    done = host.run(
        [*tasks, {"ansible.builtin.debug": {"var": "hostvars"}}], "-e", f"ansible_python_interpreter={python}"
    )
    assert done.count("ok") == len(tasks) + 1
    assert not any(f"of_{name}" in done.output for name in modules)
    assert "evil" not in done.output.partition("TASK [ansible.builtin.debug]")[2].partition("PLAY RECAP")[0]


def test_a_refresh_is_not_flooded(host: Forger) -> None:
    host.begin()
    long = "\x1b]0;\u202e" + "x" * 300_000
    parts = dict.fromkeys(("wanted", "found", "where", "remedy", "exception", "module_stdout"), long)
    host.forge("verify", {"failed": True, "msg": long, **parts, "ansible_facts": evil(host)})
    done = host.run("airgap.conda.refresh", "-e", "refresh_side=controller")
    assert done.returncode != 0
    assert "The refresh is not complete" in done.output
    assert len(done.output) < 200_000
    assert "\x1b" not in done.output
    assert "\u202e" not in done.output
    written = [path for path in (host.folder / "report").rglob("*") if path.is_file()]
    assert {path.name for path in written} == {"index.html", "report.json", "report.csv", "ws1.json"}
    assert sum(path.stat().st_size for path in written) < 100_000
    assert not (host.folder / "evil").exists()


def test_facts_that_were_gathered_are_no_settings(host: Forger) -> None:
    host.begin()
    host.forge("setup", {"changed": False, "ansible_facts": evil(host)})
    python = str(host.store.root / "runtime/current/bin/python")
    gather = {"ansible.builtin.setup": {}, "vars": {"ansible_python_interpreter": python}}
    for role in ("deploy", "report"):
        done = host.run([gather, *roles_of(role)])
        assert done.returncode != 0
        assert "A fact of a host has the name of a setting" in done.output
        assert "the facts of ws1, of this run" in done.output
    assert not (host.folder / "report").exists()
    assert not (host.folder / "evil").exists()
