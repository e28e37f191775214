# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of settings_*.yml: how people set Ansible, and how each run must end, be left and be told.

A row cannot be written without all three: the exit status, the state of every host afterwards, and what the run says of
every host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "settings_results.yml"
LISTS = sorted(path for path in FOLDER.glob("settings_*.yml") if path != RESULTS)
PLAYBOOKS = ("deploy", "refresh", "report", "rollback", "verify", "remove")
# In the order of the inventory: what is done with the variables of the first host shows in the others, and the reverse.
HOSTS = ("first", "away", "broken", "last")
# What may be current afterwards: nothing, release 1, 2, 3, one that is damaged; or as it was.
STATES = ("none", "1", "2", "3", "damaged", "as before")
STATUSES = ("ok", "failed")
# What a run may say of a host, or of all when it is refused; every other text is a pattern that the reason must match
# why this host is not right.
RIGHT, NOTHING, THE_RUN = "right", "nothing", "the run: "


class TableError(ValueError):
    """A row that says too little, or what cannot be."""


@dataclass(frozen=True)
class Result:
    """How a run must end: its exit status, the state of every host, and what it says of every host."""

    status: str
    state: Mapping[str, str]
    said: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse a result that leaves something open."""
        if self.status not in STATUSES:
            raise TableError(f"status is {' or '.join(STATUSES)}, not {self.status!r}")
        for name in ("state", "said"):
            given: Mapping[str, str] = getattr(self, name)
            if sorted(given) != sorted(HOSTS):
                raise TableError(f"{name} is of {', '.join(HOSTS)}, not of {', '.join(given) or 'none'}")
        for host, state in self.state.items():
            if state not in STATES:
                raise TableError(f"the state of {host} is one of {', '.join(STATES)}, not {state!r}")
        for host, said in self.said.items():
            if not isinstance(said, str) or not said:
                raise TableError(f"what is said of {host} is a text, not {said!r}")
            re.compile(said)


@dataclass(frozen=True)
class Row:
    """One setting, what it changes, and the result of each playbook that it is tried with.

    In all texts @folder@ is the place of the site, @depot@ and @signers@ are its own, and @first@ … are hosts' names.
    """

    name: str
    kind: str
    # For the page: the setting as a reader writes it, and what comes of it.
    text: str
    results: Mapping[str, Result]
    then: str = "no difference"
    # Alone in the short form, with these playbooks; the others are tried by turns.
    short: tuple[str, ...] = ()
    # It changes nothing that is to be seen, and is tried together with others of its kind in the short form.
    harmless: bool = False
    cfg: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    # Variables of all hosts, of one, of localhost (which is then in the inventory), and of the command line.
    vars: Mapping[str, Any] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    localhost: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    # Other names of hosts in the inventory, further groups, files, and a playbook of the site's own.
    names: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    play: str = ""
    options: tuple[str, ...] = ()
    stdin: str = ""
    folder: str = "@folder@"
    # Additional faults of hosts, and their login shells.
    faults: Mapping[str, str] = field(default_factory=dict)
    shells: Mapping[str, str] = field(default_factory=dict)
    # It is started twice at the same time.
    twice: bool = False
    # What must be installed with Ansible: ansible-runner, which then runs the playbook, or mitogen.
    needs: str = ""


@dataclass(frozen=True)
class Case:
    """One run: some rows at once, with one playbook."""

    rows: tuple[Row, ...]
    playbook: str

    @property
    def result(self) -> Result:
        return self.rows[0].results[self.playbook]

    def __str__(self) -> str:
        """Return what a line of the output names it by."""
        return f"{self.playbook}: {' + '.join(row.name for row in self.rows)}"


def load() -> list[Row]:
    """Return the rows of all lists."""
    named = yaml.safe_load(RESULTS.read_text(encoding="utf-8"))
    found = [row for path in LISTS for row in read_rows(yaml.safe_load(path.read_text(encoding="utf-8")), named)]
    names = [row.name for row in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TableError(f"two rows have the name {twice[0]}")
    return found


def read_rows(document: Mapping[str, Any], named: Mapping[str, Any]) -> Iterator[Row]:
    """Return the rows of one list: a mapping with ``kind`` and ``rows``."""
    for given in document["rows"]:
        try:
            yield _row(dict(given), document["kind"], named)
        except (TableError, TypeError, KeyError, re.error) as error:
            raise TableError(f"{given.get('name', given)}: {error}") from error


def _row(given: dict[str, Any], kind: str, named: Mapping[str, Any]) -> Row:
    results = given.pop("result")
    results = dict.fromkeys(given.pop("for", PLAYBOOKS), results) if isinstance(results, str) else results
    if not results:
        raise TableError("a row has the result of at least one playbook")
    for name in ("short", "options"):
        if name in given:
            given[name] = tuple(given[name])
    unknown = given.keys() - {one.name for one in fields(Row)}
    unknown |= {*results, *given.get("short", ())} - {*PLAYBOOKS}
    if unknown:
        raise TableError(f"there is no {sorted(unknown)[0]}")
    wanted = {playbook: _result(result, playbook, named) for playbook, result in results.items()}
    row = Row(kind=kind, results=wanted, **given)
    strangers = {*row.hosts, *row.names, *row.faults, *row.shells} - {*HOSTS, "localhost"}
    if not row.text or strangers:
        raise TableError(f"a row has a text, and speaks of {', '.join(HOSTS)} and localhost")
    return row


def _result(given: str | Mapping[str, Any], playbook: str, named: Mapping[str, Any]) -> Result:
    """Return a result that is written out, or that settings_results.yml has under this name."""
    result: Mapping[str, Any] = (
        (named[given].get(playbook) or named[given]["each"]) if isinstance(given, str) else given
    )
    unknown = {*result} ^ {"status", "state", "said"}
    if unknown:
        raise TableError(f"a result is status, state and said; see {sorted(unknown)[0]}")
    return Result(str(result["status"]), {**result["state"]}, {**result["said"]})


def every(rows: list[Row]) -> list[Case]:
    """Return each row with each of its playbooks."""
    return [Case((row,), playbook) for row in rows for playbook in row.results]


def some(rows: list[Row], turn: int, count: int) -> list[Case]:
    """Return what the short form tries: what tells most, all that is harmless, in few runs, ``count`` more by turns."""
    telling = [Case((row,), playbook) for row in rows for playbook in row.short]
    together = [
        Case(tuple(mixed), PLAYBOOKS[(turn + number) % len(PLAYBOOKS)]) for number, mixed in enumerate(_mixed(rows))
    ]
    rest = [Case((row,), name) for row in rows if not row.harmless for name in row.results if name not in row.short]
    step = max(1, len(rest) // count)
    return [*telling, *together, *rest[turn % step :: step]]


def _mixed(rows: list[Row]) -> list[list[Row]]:
    """Put harmless rows together, as many as do not set the same thing."""
    groups: list[list[Row]] = []
    for row in rows:
        if row.harmless:
            fitting = (group for group in groups if not any(_keys(row) & _keys(other) for other in group))
            group = next(fitting, None)
            if group is None:
                groups.append(group := [])
            group.append(row)
    return groups


def _keys(row: Row) -> set[str]:
    """Return what a row sets, so that two that set the same are known."""
    cfg = {f"cfg {section} {key}" for section, keys in row.cfg.items() for key in keys}
    hosts = {f"host {host} {key}" for host, keys in row.hosts.items() for key in keys}
    single = {name for name in ("names", "groups", "localhost", "stdin", "play", "needs") if getattr(row, name)}
    many = {f"{name} {key}" for name in ("env", "vars", "extra", "files", "shells") for key in getattr(row, name)}
    return cfg | hosts | single | many | {option.split("=")[0] for option in row.options if option.startswith("-")}
