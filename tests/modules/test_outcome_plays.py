# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Playbooks under settings that make Ansible drop hosts, tasks and plays: a run ends well only by what it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_host import PLAYBOOK, RUNTIME, Done, Host, playbook
from ansible_collections.airgap.conda.tests.unit.tiny_release import release_id, skip_flushes

PLAYBOOKS = COLLECTIONS / "ansible_collections/airgap/conda/playbooks"
# Ports of this machine that nobody listens on: a workstation that is off, and a controller without sshd.
OFF = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-F none -o ConnectTimeout=5"}
# What stands in public ansible.cfg files, all at once.
HARD = {
    "ANSIBLE_ANY_ERRORS_FATAL": "true",
    "ANSIBLE_STRATEGY": "free",
    "ANSIBLE_FORKS": "1",
    "ANSIBLE_FORCE_HANDLERS": "1",
}
# A controller that no task could be delegated to.
HOSTILE_HOME = {
    **OFF, "ansible_connection": "ssh", "ansible_python_interpreter": "/nonexistent", "ansible_become": True,
    "ansible_become_user": "nobody", "ansible_remote_tmp": "/proc/no", "ansible_user": "nobody",
}  # fmt: skip


class Site(Host):
    """A host with two releases beside one that is off and a localhost that nobody can reach."""

    def begin(self, there: bool = False) -> None:
        """Bring release 1 and sign release 2, and bring that too if it is to be ``there``."""
        made = [self.bring(1, env="runtime", tree=RUNTIME, formats=("tar.gz",)), self.bring(1)]
        made += [self.bring(2) if there else self.make(2)]
        self.write({"all": {"vars": self.signed(*made)}, "workstations": {"hosts": {"a-off": OFF}}})

    def write(self, groups: dict[str, Any]) -> None:
        """Add to the inventory, which has localhost in it."""
        groups = {"ungrouped": {"hosts": {"localhost": HOSTILE_HOME}}, **groups}
        (self.folder / "more.json").write_text(json.dumps(groups), encoding="ascii")

    def run(self, what: str | list[dict[str, Any]], *options: str, **variables: Any) -> Done:
        return self.play(what, "-i", str(self.folder / "more.json"), *options, **variables)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    skip_flushes(monkeypatch)
    for name, value in HARD.items():
        monkeypatch.setenv(name, value)
    return Site(tmp_path)


def said_of(done: Done, host: str) -> str:
    """Return the last line of a failure of a host."""
    return [line for line in done.output.splitlines() if line.startswith(f"fatal: [{host}]: FAILED")][-1]


def test_a_rollback_with_a_host_that_is_off(site: Site) -> None:
    site.begin(there=True)
    done = site.run("airgap.conda.rollback", rollback_env="demo")
    assert done.returncode == 2
    assert site.store.current("demo") == release_id(1)
    assert "The host cannot be reached" in said_of(done, "a-off")
    assert "fatal: [ws1]" not in done.output


def test_a_refresh_with_a_host_that_is_off(site: Site) -> None:
    site.begin()
    done = site.run("airgap.conda.refresh", refresh_side="controller")
    assert done.returncode == 2
    assert site.store.current("demo") == release_id(2)
    assert "The host cannot be reached" in said_of(done, "a-off")
    assert "Found: a-off: The host cannot be reached" in said_of(done, "localhost")
    assert "fatal: [ws1]" not in done.output
    assert "1 of 2 hosts is right" in (site.folder / "report/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--tags", "x"), "no step was tried on this host; --tags x left steps out"),
        (("--start-at-task", "Say what is not right"), "--start-at-task Say what is not right left steps out"),
        (("--skip-tags", "always"), "This run has looked at no host"),
        (("--start-at-task", "nothing"), "This run has looked at no host"),
        # These are refused before, by their settings.
        (("--limit", "localhost"), "Remedy: "),
        (("-e", "airgap_workstations=nobody"), "Remedy: "),
    ],
)
def test_a_run_that_looks_at_no_host_fails(site: Site, options: tuple[str, ...], found: str) -> None:
    site.write({})
    done = site.run("airgap.conda.verify", *options)
    assert done.returncode != 0
    assert found in done.output


def test_who_imports_a_playbook_may_leave_it_out_by_its_tag(site: Site) -> None:
    site.write({})
    wrapper = [{"ansible.builtin.import_playbook": "airgap.conda.verify", "tags": ["conda"]}]
    (site.folder / "site.json").write_text(json.dumps(wrapper), encoding="ascii")
    assert site.run(str(site.folder / "site.json"), "--tags", "web").returncode == 0
    done = site.run(str(site.folder / "site.json"), "--tags", "conda")
    assert done.returncode == 2
    assert "This host has no runtime that works" in said_of(done, "ws1")


def test_a_report_where_hosts_do_not_wait_for_each_other(site: Site) -> None:
    site.begin()
    slow = {"ansible_connection": "local", "wait": 1}
    hosts = {"a-first": {"ansible_connection": "local"}, "z-slow": slow}
    settings = {"report_root": str(site.store.root), "report_path": str(site.folder / "report")}
    site.write({"workstations": {"hosts": hosts, "vars": settings}})
    wait = {"ansible.builtin.raw": "sleep {{ wait | default(0) }}"}
    done = site.run([wait, {"ansible.builtin.import_role": {"name": "airgap.conda.report"}}], "--forks", "3")
    assert done.returncode == 0
    assert done.output.count("hosts are right: ") == 1
    assert "3 of 3 hosts are right: " in done.output


@pytest.mark.parametrize("options", [["--syntax-check"], ["--list-tasks", "--list-hosts", "--list-tags"]])
def test_what_editors_and_checks_ask_for(site: Site, options: list[str]) -> None:
    site.write({"workstations": {"hosts": {"ws1": {}}}})
    books = [f"airgap.conda.{path.stem}" for path in sorted(PLAYBOOKS.glob("*.yml"))]
    for inventory in (["-i", str(site.folder / "more.json")], []):
        command = [str(PLAYBOOK), *options, *inventory, *books]
        done = playbook(command)
        assert done.returncode == 0, done.stdout
