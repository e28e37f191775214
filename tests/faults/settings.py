# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible as people set it: each run ends, leaves every host and speaks of it as the table settings_*.yml says.

FAULTS_SETTINGS=TEXT in the environment tries all rows whose name has that text, with all their playbooks; PLAYBOOK/TEXT
with that one alone; separate several with semicolons. FAULTS_REST=1 leaves out what was right in an earlier
run: each verdict is added to VERDICTS when it is known, so that a long run can be stopped and go on.
The short form takes turns: FAULTS_TURN=N is one of them, else the day decides.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

from scenes import Share, World
from settings_site import Site, faults, installed
from settings_table import Case, every, load, some
from tally import Tally

PROMISE = "configurations of Ansible: exit status, state of every host and its message are as expected"
CHECKOUT = Path(__file__).resolve().parents[2]
VERDICTS = CHECKOUT / ".cache/faults/settings.jsonl"
# Runs of the short form in addition to the most significant ones.
OTHERS = 4


def run(_world: World, share: Share) -> Tally:
    """Run the playbooks under this worker's settings."""
    tally = Tally("settings", PROMISE)
    if os.geteuid() != 0:
        tally.notes.append("settings of Ansible: each simulated host is a mount namespace, which needs root")
        return tally
    rows, only = load(), os.environ.get("FAULTS_SETTINGS", "")
    turn = int(os.environ.get("FAULTS_TURN", time.gmtime().tm_yday))
    if only:
        cases = [case for case in every(rows) if any(_is_meant(case, text) for text in only.split(";"))]
    else:
        cases = every(rows) if share.long else some(rows, turn, OTHERS)
    if os.environ.get("FAULTS_REST"):
        right = _right()
        cases = [case for case in cases if str(case) not in right]
    missing = {row.needs for row in rows if row.needs and not installed(row.needs)}
    cases = [case for case in cases if not {row.needs for row in case.rows} & missing]
    tally.notes += [f"{name}, which is not installed with Ansible" for name in sorted(missing)]
    site = Site(CHECKOUT / f".cache/faults/settings{'-only' if only else ''}-{share.number}")
    for case in share.of(cases):
        _try(tally, site, case)
    if share.number == 0:
        tally.counts["settings in the table"] = len(rows)
        tally.counts["settings with a playbook in the table"] = len(every(rows))
        tally.counts["settings tried"] = len({row.name for case in cases for row in case.rows})
        if not share.long and not only:
            tally.counts[f"turn {turn}"] = 1
    if not tally.broken:
        shutil.rmtree(site.folder)
    return tally


def _try(tally: Tally, site: Site, case: Case) -> None:
    found = faults(case, site.run(case))
    tally.case(str(case), found)
    with VERDICTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"case": str(case), "ansible": _ansible(), "faults": found}) + "\n")
    tally.counts[f"runs: {case.playbook}"] += 1


def _is_meant(case: Case, text: str) -> bool:
    playbook, _slash, name = text.strip().rpartition("/")
    return playbook in ("", case.playbook) and any(name in row.name for row in case.rows)


def _ansible() -> str:
    return os.environ.get("FAULTS_ANSIBLE", "")


def _right() -> set[str]:
    """Return the cases whose last verdict with this Ansible was that all is well."""
    if not VERDICTS.exists():
        return set()
    verdicts = [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]
    last = {verdict["case"]: verdict["faults"] for verdict in verdicts if verdict["ansible"] == _ansible()}
    return {case for case, found in last.items() if not found}
