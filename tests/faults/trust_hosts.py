# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hostile hosts: in one run of a playbook, each of many answers with its own forgery, among honest hosts."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice, zip_longest
from pathlib import Path
from typing import Any

from fleet_hosts import TWO, Fleet, Played
from tally import Tally
from trust_canary import LIMIT, SECRET, UNFIT, Canary
from trust_forge import SETTINGS, Forgery
from trust_truth import Truths, forgeries, said, temporary_folder

from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release

CHECKOUT = Path(__file__).resolve().parents[2]
# Hostile hosts of each play in the short form, and the most of one play in the long form.
SHORT, MOST = {"refresh": 32, "repair": 16, "rollback": 5, "remove": 4}, 150
GOOD = 2
VARIABLES: dict[str, dict[str, Any]] = {
    "refresh": {
        "refresh_side": "controller",
        "deploy_batches": [1, "100%"],
        "deploy_max_failed": 100,
        "report_envs": ["demo"],
    },
    "repair": {},
    "rollback": {"rollback_env": "demo"},
    "remove": {"remove_env": "demo"},
}


@dataclass(frozen=True)
class Hostile:
    """A fleet in which each host except the last ``GOOD`` has forgeries, with a canary next to its depot."""

    fleet: Fleet
    truths: Truths
    canary: Canary
    forged: dict[str, list[Forgery]]

    @property
    def hostile(self) -> list[str]:
        return self.fleet.names[:-GOOD]

    @property
    def good(self) -> list[str]:
        return self.fleet.names[-GOOD:]

    def forge(self, host: str, forged: list[Forgery]) -> None:
        """Let a host answer with some forgeries, and else in truth."""
        self.forged[host] = forged
        folder = self.fleet.folder / "answers" / host
        folder.mkdir()
        answers = {**self.truths.answers(), **{forgery.kind: forgery.answer() for forgery in forged}}
        for kind, answer in answers.items():
            (folder / kind).write_bytes(answer.encode("utf-8", "surrogateescape"))


def run(tally: Tally, long: bool) -> None:
    """Play each playbook with as many hostile hosts as the form has, those whose answers decide first."""
    for playbook, count in SHORT.items():
        start, size = 0, count
        while start < size:
            hostile = _make(CHECKOUT / f".cache/faults/trust-{playbook}", MOST if long else count)
            groups = forgeries(playbook, hostile.fleet.folder, hostile.truths)
            size = max(map(len, groups)) if long else count
            some = [_some(group, size)[start:] for group in groups]
            for host, *forged in zip(hostile.hostile, *some, strict=False):
                hostile.forge(host, forged)
            _play(tally, playbook, hostile)
            start += len(hostile.hostile)


def _some(group: Sequence[Forgery], size: int) -> list[Forgery]:
    """Return ``size`` forgeries in an order that is the same every time, again from the start at the end.

    Every second one is of those that decide.
    """
    numbers = random.Random(1)  # noqa: S311 - the same order every time
    mixed = numbers.sample(group, len(group))
    first, others = ([one for one in mixed if one.decides is decides] for decides in (True, False))
    first.sort(key=lambda one: not one.worst)
    # What is done once for all hosts, Ansible does with the variables of the first.
    settings = [one for one in others if one.name == SETTINGS]
    both = settings + [one for pair in zip_longest(first, others) for one in pair if one]
    return list(islice(cycle(both), size))


def _play(tally: Tally, playbook: str, hostile: Hostile) -> None:
    played = hostile.fleet.play(playbook, **VARIABLES[playbook])
    seen = hostile.canary
    tally.case(f"{playbook}: exit status", [] if played.status else ["0, though hosts are not right"])
    tally.case(f"{playbook}: {seen.vault.name}", ["opened"] if seen.opened() else [])
    tally.case(f"{playbook}: outside", seen.appeared())
    tally.case(f"{playbook}: the output", ["a traceback"] if "Traceback (most" in played.output else [])
    seen.end()
    reports = _reports(hostile)
    for host, forged in hostile.forged.items():
        faults = [*_leaked(hostile, host), *_shown(played, host), *_report_of(hostile, host)]
        decides = any(forgery.decides for forgery in forged)
        if decides and reports.get(host, "ok") == "ok" and "fatal: " not in _said(played, host):
            faults.append("it counts as right")
        for forgery in forged:
            tally.case(f"{playbook}: {host}: {forgery}", faults)
            tally.counts[f"forged: {forgery.kind}"] += 1
    for host in hostile.good:
        tally.case(f"{playbook}: {host} among them", _good(hostile, playbook, host, played, reports))
    if not tally.broken:
        shutil.rmtree(hostile.fleet.folder)


def _make(folder: Path, count: int) -> Hostile:
    fleet = Fleet(folder, count + GOOD)
    truths = Truths(fleet.root, fleet.make())
    canary = Canary(folder)
    canary.set()
    (folder / "received").mkdir()
    (folder / "answers").mkdir()
    for kind, answer in (("tmp", temporary_folder()), ("other", said({}))):
        (folder / "answers" / kind).write_text(answer, encoding="ascii")
    _evil_depot(folder / "evil", fleet)
    return Hostile(fleet, truths, canary, {})


def _evil_depot(folder: Path, fleet: Fleet) -> None:
    """Make a depot whose releases carry the secret, signed with a key of its own: no host gets anything of it."""
    folder.mkdir()
    key, _signers = make_key(folder)
    for serial in (1, 2):
        made = make_release(folder / "depot", fleet.root, serial, tree={"lib/data": SECRET})
        for part in made.folder.glob("env.*"):
            part.write_text(SECRET, encoding="ascii")
        signature.sign(made.folder / MANIFEST, key)


def _leaked(hostile: Hostile, host: str) -> list[str]:
    """Say whether anything that a host received holds the secret."""
    got = hostile.fleet.folder.glob(f"received/{host}-*")
    return [f"it received the secret in {path.name}" for path in got if SECRET.encode() in path.read_bytes()]


def _shown(played: Played, host: str) -> list[str]:
    said = _said(played, host)
    faults = [f"{len(said)} characters in the output"] if len(said) > LIMIT else []
    unfit = UNFIT.findall(said)
    return [*faults, f"{len(unfit)} unfit characters in the output: {unfit[0]!r}"] if unfit else faults


def _said(played: Played, host: str) -> str:
    """Return all lines of a run that speak of a host."""
    return "\n".join(line for line in played.output.split("\n") if re.search(rf"\b{host}\b", line))


def _report_of(hostile: Hostile, host: str) -> list[str]:
    try:
        text = (hostile.fleet.report / f"hosts/{host}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    faults = [f"a report of {len(text)} bytes"] if len(text) > LIMIT else []
    unfit = UNFIT.findall(json.dumps(json.loads(text), ensure_ascii=False))
    return [*faults, f"unfit characters in the report: {unfit[0]!r}"] if unfit else faults


def _reports(hostile: Hostile) -> dict[str, str]:
    """Return the verdict of each host in report.json."""
    try:
        hosts = json.loads((hostile.fleet.report / "report.json").read_text(encoding="utf-8"))["hosts"]
    except FileNotFoundError:
        return {}
    return {host["host"]: host["verdict"] for host in hosts}


def _good(hostile: Hostile, playbook: str, host: str, played: Played, reports: dict[str, str]) -> list[str]:
    if playbook != "refresh":
        return []
    current, verdict = hostile.fleet.current(host), reports.get(host, "missing")
    faults = [f"current is {current}"] if current != TWO else []
    return [*faults, f"the report says {verdict}: {played.said(host)}"] if verdict != "ok" else faults
