# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A site whose owner has set Ansible in some way: a controller's folder, an inventory, and four simulated hosts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_hosts import Fleet
from settings_said import failures, reasons, recap, seen
from settings_table import HOSTS, NOTHING, RIGHT, THE_RUN, Case, Result

from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_host import BYTECODE
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release

COLLECTIONS = Path(__file__).resolve().parents[2] / ".cache/collections"
RUNNER = "ansible-runner"
# Seconds after which a run is taken for one that hangs.
LIMIT = 240
# These begin with the older release; the others with both, the newer one current.
OLDER = ("deploy", "refresh")
EXTRA: dict[str, dict[str, Any]] = {
    "deploy": {},
    "refresh": {"refresh_side": "controller"},
    "report": {},
    "rollback": {"rollback_env": "demo"},
    "verify": {},
    "remove": {"remove_env": "demo"},
}
# What may lie in a home: Ansible makes these folders for what it then removes, and fish keeps a history.
EXPECTED = {".ansible", ".ansible/tmp", ".remote-tmp", "local-tmp"}
KEPT = (".ansible/cp", ".config", ".local", ".cache")
# What a start-up file of a shell prints: a title, and lines like those that are looked for.
NOISE = r"""printf '\033]0;a host\007Welcome. root=/elsewhere\nroot\t/elsewhere\nworks=yes\nuser=12\n'
echo 'Authorized use only' >&2
printf 'demo/current\t9-00000009\t1\ncurrent='
"""


@dataclass(frozen=True)
class Seen:
    """How a run ended: what it returned and printed, the state of each host, and what the page says of each."""

    status: int
    output: str
    names: Mapping[str, str]
    before: Mapping[str, str]
    state: Mapping[str, str]
    page: Mapping[str, str]
    left: tuple[str, ...]


class Site:
    """One worker's site below ``folder``."""

    def __init__(self, folder: Path) -> None:
        """Make the depot, and what a host looks like at the start."""
        self.folder = folder
        self.fleet = Fleet(folder, len(HOSTS))
        made = self.fleet.make()
        self.inventory: dict[str, Any] = json.loads((folder / "inventory.json").read_text(encoding="utf-8"))
        store = Store(self.fleet.root)
        for release, template in zip(made, ("runtime", "older", "newer"), strict=True):
            release.send(store)
            deploy(store, release.step(), release.sha256, 2)
            write_command(store)
            shutil.copytree(store.root, folder / "templates" / template, symlinks=True)
        shutil.rmtree(store.root)
        store.root.mkdir()
        self._more_depots()
        (folder / "noise").write_text(NOISE, encoding="ascii")

    @property
    def places(self) -> dict[str, str]:
        """Return what the texts of rows mean by @names@."""
        own = {"folder": self.folder, "depot": self.folder / "depot", "signers": self.folder / "key.signers"}
        return {
            name: str(path)
            for name, path in {**own, "collections": COLLECTIONS, "mitogen": installed("mitogen")}.items()
        }

    def run(self, case: Case) -> Seen:
        """Put the site into its first state, set it as the rows say, and run the playbook."""
        self._reset(case)
        names = {host: f"ws-{host}" for host in HOSTS}
        for row in case.rows:
            names.update(row.names)
        before = self._states()
        told = self._set(case, names)
        command, environment = self._command(case, told)
        folder, stdin = Path(told(case.rows[-1].folder)), "".join(row.stdin for row in case.rows)
        folder.mkdir(parents=True, exist_ok=True)
        runs = [_start(command, environment, folder) for _number in range(2 if case.rows[0].twice else 1)]
        outputs = [_end(run, stdin) for run in runs]
        status = max(run.returncode for run in runs)
        if case.rows[0].needs == RUNNER and not any(self.folder.glob("site/private/artifacts/*/job_events/*.json")):
            outputs.append("ansible-runner wrote no events")
            status = 1
        output, shown = "\n".join(outputs), " ".join(command)
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            log.write(f"$ {case}\n$ {shown}\n{output}\n= {status}\n")
        return Seen(status, output, names, before, self._states(), self._page(names), tuple(self._left()))

    # --- before ------------------------------------------------------------------------------------------------------

    def _more_depots(self) -> None:
        """Make a depot with a third release, and signers that signed nothing here."""
        other = self.folder / "other-depot"
        shutil.copytree(self.folder / "depot", other)
        python = (self.fleet.folder / "depot/tree-demo-1/bin/python").read_text(encoding="ascii")
        made = make_release(other, self.fleet.root, 3, tree={"bin/python": python})
        signature.sign(made.folder / MANIFEST, self.folder / "key")
        (self.folder / "strict").mkdir()
        make_key(self.folder / "strict")

    def _reset(self, case: Case) -> None:
        for name in ("hosts", "homes", "home", "faults", "shells", "report", "site", "temp"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()
        template = self.folder / "templates" / ("older" if case.playbook in OLDER else "newer")
        for name in self.fleet.names:
            shutil.copytree(template, self.fleet.tree(name), symlinks=True)
            (self.folder / "homes" / name).mkdir()
        broken = {"report": "damaged", "verify": "damaged"}.get(case.playbook, "read-only")
        faults = {"away": "off", "broken": broken}
        for row in case.rows:
            faults.update(row.faults)
            for host, shell in row.shells.items():
                self._mark("shells", host, shell)
        for host, fault in faults.items():
            if fault == "damaged":
                (self.fleet.tree(self._address(host)) / "demo/2-00000002/lib/data").write_bytes(b"x" * 300_000)
            elif fault == "bare":
                shutil.rmtree(self.fleet.tree(self._address(host)))
                self.fleet.tree(self._address(host)).mkdir()
            elif fault == "fails-check":
                (self.fleet.tree(self._address(host)) / fault).touch()
            else:
                self._mark("faults", host, fault)

    def _mark(self, folder: str, host: str, text: str) -> None:
        (self.folder / folder / self._address(host)).write_text(text, encoding="ascii")

    def _address(self, host: str) -> str:
        return self.fleet.names[HOSTS.index(host)] if host in HOSTS else host

    def _set(self, case: Case, names: Mapping[str, str]) -> _Told:
        """Write the inventory, ansible.cfg and the files of the rows; returns what fills in places."""
        told = _Told({**self.places, **names})
        variables = {**self.inventory["all"]["vars"]}
        del variables["ansible_remote_tmp"]
        hosts: dict[str, dict[str, Any]] = {
            names[host]: {"ansible_host": self._address(host)} if names[host] != self._address(host) else {}
            for host in HOSTS
        }
        inventory: dict[str, Any] = {
            "all": {"vars": variables, "hosts": hosts},
            "workstations": {"hosts": {name: {} for name in hosts}},
        }
        cfg: dict[str, dict[str, Any]] = {"ssh_connection": {"pipelining": True}}
        for row in case.rows:
            variables.update(told(row.vars))
            for host, more in row.hosts.items():
                hosts[names[host]].update(told(more))
            if row.localhost is not None:
                inventory["ungrouped"] = {"hosts": {"localhost": told(row.localhost)}}
            inventory.update(told(row.groups))
            for section, keys in row.cfg.items():
                cfg[section] = {**cfg.get(section, {}), **told(keys)}
            for name, text in row.files.items():
                path = self.folder / "site" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(told(text), encoding="utf-8")
        for name, found in variables.copy().items():
            if found is None:
                del variables[name]  # a row takes it away
        site = self.folder / "site"
        (site / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
        config = ConfigParser(interpolation=None)
        config.read_dict(cfg)
        with open(site / "ansible.cfg", "w", encoding="utf-8") as stream:
            config.write(stream)
        return told

    def _command(self, case: Case, told: _Told) -> tuple[list[str], dict[str, str]]:
        ansible = installed("ansible-playbook")
        variables = {**EXTRA[case.playbook]}
        options: list[str] = []
        play, environment = f"airgap.conda.{case.playbook}", self._environment()
        for row in case.rows:
            variables.update(told(row.extra))
            options += [told(option) for option in row.options]
            environment.update(told(row.env))
            if row.play:
                play = str(self.folder / "site/play.yml")
                Path(play).write_text(told(row.play), encoding="utf-8")
        variables = {name: value for name, value in variables.items() if value is not None}
        inventory = str(self.folder / "site/inventory.json")
        if case.rows[0].needs == RUNNER:
            return self._runner(ansible, inventory, variables, play, environment)
        extra = ["-e", json.dumps(variables)] if variables else []
        return [ansible, "-i", inventory, *extra, *options, play], environment

    def _runner(
        self, ansible: str, inventory: str, variables: Mapping[str, Any], play: str, environment: dict[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """Return the command that has ansible-runner run a playbook, with the variables where it looks for them."""
        private = self.folder / "site/private"
        (private / "env").mkdir(parents=True)
        (private / "env/extravars").write_text(json.dumps(variables), encoding="utf-8")
        path = f"{Path(ansible).parent}{os.pathsep}{environment['PATH']}"
        command = [installed(RUNNER), "run", str(private), "--inventory", inventory, "--playbook", play]
        return command, {**environment, "PATH": path}

    def _environment(self) -> dict[str, str]:
        """Return the environment of a controller that nobody has set: a home, and where this collection is."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("ANSIBLE_", "XDG_"))}
        return {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(self.folder / "site/ansible.cfg"),
            "ANSIBLE_NOCOLOR": "true",
            "FLEET": str(self.folder),
            "PYTHONPATH": str(BYTECODE),
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "temp"),
        }

    # --- afterwards --------------------------------------------------------------------------------------------------

    def _states(self) -> dict[str, str]:
        return {host: self._state(name) for host, name in zip(HOSTS, self.fleet.names, strict=True)}

    def _state(self, name: str) -> str:
        current = self.fleet.current(name)
        if current.startswith("no current release"):
            return "none"
        return "damaged" if ", but " in current else current.partition("-")[0]

    def _page(self, names: Mapping[str, str]) -> dict[str, str]:
        """Return what the page says of each host: "ok", or its findings."""
        try:
            found = json.loads((self.folder / "report/report.json").read_text(encoding="utf-8"))["hosts"]
        except FileNotFoundError:
            return {}
        roles = {name: host for host, name in names.items()}
        said = {roles.get(one["host"], one["host"]): one for one in found}
        return {host: "ok" if one["verdict"] == "ok" else json.dumps(one) for host, one in said.items()}

    def _left(self) -> Iterable[str]:
        """Return what lies in the temporary folders of the hosts and the controller."""
        for name in ("homes", "home", "temp", "tmp"):
            for path in sorted((self.folder / name).rglob("*")):
                inside = path.relative_to(self.folder / name).as_posix()
                if name == "homes":
                    inside = inside.partition("/")[2]
                if inside and inside not in EXPECTED and not inside.startswith(KEPT):
                    yield f"{name}/{path.relative_to(self.folder / name)}"


def installed(name: str) -> str:
    """Return the path of a program, next to that of --ansible or in PATH, or of mitogen's strategies."""
    ansible = os.environ.get("FAULTS_ANSIBLE") or shutil.which("ansible-playbook") or ""
    if name == "mitogen":
        found = sorted(Path(ansible).parents[1].glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy"))
        return str(found[0]) if found else ""
    near = Path(ansible).with_name(name)
    return str(near) if near.exists() else shutil.which(name) or ""


class _Told:
    """Fills in the places of a text, or of all texts in a structure."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __call__(self, given: Any) -> Any:
        if isinstance(given, str):
            return re.sub(r"@(\w+)@", lambda match: self._places.get(match[1], match[0]), given)
        if isinstance(given, Mapping):
            return {self(key): self(value) for key, value in given.items()}
        return [self(value) for value in given] if isinstance(given, (list, tuple)) else given


def _start(command: list[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _end(run: subprocess.Popen[str], stdin: str) -> str:
    try:
        return run.communicate(stdin, timeout=LIMIT)[0]
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        return f"{run.communicate()[0]}\nno end after {LIMIT} s"


def faults(case: Case, found: Seen) -> list[str]:
    """Say in what a run differs from its row: exit status, state of every host, what it says of every host, traces."""
    wanted: Result = case.result
    wrong = []
    if (found.status == 0) != (wanted.status == "ok"):
        wrong.append(f"exit status {found.status}")
    if "Traceback (most recent" in found.output:
        wrong.append("a traceback")
    for host in HOSTS:
        state = found.before[host] if wanted.state[host] == "as before" else wanted.state[host]
        if found.state[host] != state:
            wrong.append(f"{host} has {found.state[host]}, not {state}")
        wrong += [f"{host}: {fault}" for fault in _said(case, found, host)]
    return wrong + [f"left: {path}" for path in found.left[:3]]


def _said(case: Case, found: Seen, host: str) -> Iterable[str]:
    """Say in what the words on one host are not as its row wants them."""
    wanted, name, page = case.result.said[host], found.names[host], found.page.get(host, "")
    why = reasons(found.output, name)
    if wanted.startswith(THE_RUN):
        yield from _reason(wanted.removeprefix(THE_RUN), failures(found.output), "the run is not refused")
    elif wanted == NOTHING:
        if page or seen(found.output, name):
            yield "it is spoken of"
    elif wanted == RIGHT:
        yield from _right(found, name, why, page, case.rows[0].twice)
    else:
        yield from _reason(wanted, [*why, *[page][: bool(page)]], "it is not called wrong")
        if page == "ok" and why:
            yield "the page calls it right"


def _right(found: Seen, name: str, why: list[str], page: str, twice: bool) -> Iterable[str]:
    # Of two runs at once, one may be told that the other is at work, and then counts that as a failure.
    held = [text for text in why if twice and "holds the lock" in text]
    if why != held:
        yield f"it is called wrong: {why[-1][:300]}"
    if recap(found.output).get(name) and not held:
        yield "the recap counts a failure"
    if page not in ("", "ok"):
        yield f"the page calls it wrong: {page[:300]}"
    if not seen(found.output, name):
        yield "nothing is said of it"


def _reason(pattern: str, said: list[str], fault: str) -> Iterable[str]:
    if not any(re.search(pattern, text, re.DOTALL) for text in said):
        yield f"{fault} for {pattern!r}, but: {(said or ['nothing'])[-1][:300]}"
