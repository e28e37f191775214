# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible as people set it: each run ends, leaves every host and speaks of it as the table settings_*.yml says.

FAULTS_SETTINGS=TEXT in the environment tries all rows whose name has that text, with all their playbooks; PLAYBOOK/TEXT
with that one alone. The short form takes turns: FAULTS_TURN=N is one of them, else the day decides.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from scenes import Share, World
from settings_site import Site, faults, installed
from settings_table import Case, every, load, some
from tally import Tally

PROMISE = "Ansible as people set it: exit status, state of every host and what is said of each, as they should be"
CHECKOUT = Path(__file__).resolve().parents[2]
# Runs of the short form beside those that tell most.
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
        playbook, _number, name = only.rpartition("/")
        cases = every([row for row in rows if name in row.name])
        cases = [case for case in cases if playbook in ("", case.playbook)]
    else:
        cases = every(rows) if share.long else some(rows, turn, OTHERS)
    missing = {row.needs for row in rows if row.needs and not installed(row.needs)}
    cases = [case for case in cases if not {row.needs for row in case.rows} & missing]
    tally.notes += [f"{name}, which is not installed beside Ansible" for name in sorted(missing)]
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
    found = site.run(case)
    tally.case(str(case), faults(case, found))
    tally.counts[f"runs: {case.playbook}"] += 1
