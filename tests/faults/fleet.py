# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet with bad hosts in it: the good ones get the release, the bad ones keep theirs and say why."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleet_hosts import FAULTS, ONE, TWO, Fleet
from scenes import Share, World
from tally import Tally

PROMISE = "a fleet with bad hosts: every good one gets the target, every bad one keeps its release and says why"
CHECKOUT = Path(__file__).resolve().parents[2]
# Hosts: one in five of many is bad, of few as many as there are faults, and two are good.
SHORT, LONG, EVERY = 12, 500, 5
BATCHES = [1, "10%", "100%"]


def run(_world: World, share: Share) -> Tally:
    """Deploy release 1; release 2 stops in its second batch, continues with bad hosts, ends when they are fixed."""
    tally = Tally("fleet", PROMISE)
    if os.geteuid() != 0:
        tally.notes.append("a fleet of simulated hosts: each is a mount namespace, which needs root")
        return tally
    count = LONG if share.long else SHORT
    fleet = Fleet(CHECKOUT / f".cache/faults/fleet-{count}", count)
    fleet.make()
    played = fleet.begin()
    tally.case("the first deploy: exit status", _unless(played.status == 0, str(played.status)))
    _every_host(tally, fleet, "the first deploy", lambda _host: ONE)
    tried = _stops(tally, fleet)
    bad = _with_bad_hosts(tally, fleet, tried)
    fleet.fix()
    played = fleet.play("deploy")
    tally.case("all fixed: exit status", _unless(played.status == 0, str(played.status)))
    _every_host(tally, fleet, "all fixed", lambda _host: TWO, switched=bad)
    played = fleet.play("deploy")
    tally.case("once more: exit status", _unless(played.status == 0, str(played.status)))
    tally.case("once more: changes", [host for host, count in played.changes.items() if count])
    _every_host(tally, fleet, "once more", lambda _host: TWO, switched=set())
    tally.counts["hosts"] = fleet.count
    if not tally.broken:
        shutil.rmtree(fleet.folder)
    return tally


def _stops(tally: Tally, fleet: Fleet) -> set[str]:
    """Deploy release 2, which fails on half of the second batch: no third one starts. Returns who has it."""
    first, last = 1, 1 + fleet.count // 10
    failing = set(fleet.names[first : (first + last + 1) // 2])
    fleet.spoil(dict.fromkeys(failing, "fails-check"))
    played = fleet.play("deploy", deploy_batches=BATCHES)
    has = set(fleet.names[:last]) - failing
    tally.case("stopped: exit status", _unless(played.status != 0, "0"))
    _every_host(tally, fleet, "stopped", lambda host: TWO if host in has else ONE, switched=has)
    for host in fleet.names[last:]:
        said = played.said(host)
        tally.case(f"stopped: {host} says so", _unless("The deploy was not tried on this host" in said, said))
    fleet.fix()
    return has


def _with_bad_hosts(tally: Tally, fleet: Fleet, tried: set[str]) -> set[str]:
    """Deploy release 2 and report while some hosts are bad; returns those."""
    left = [host for host in fleet.names if host not in tried]
    chosen = left[::EVERY] if fleet.count == LONG else left[: len(FAULTS)]
    bad = {host: list(FAULTS)[number % len(FAULTS)] for number, host in enumerate(chosen)}
    # One of the others is sent what changed, as all are, and cannot use it: it gets the whole release.
    changed = next(host for host in left if host not in bad)
    (fleet.tree(changed) / "demo" / ONE / "lib/data").write_bytes(b"written by somebody")
    with fleet.small_disk():
        fleet.spoil(bad)
        with fleet.locks():
            # The share that would stop it has been tried; here every host is to be reached.
            played = fleet.play("refresh", refresh_side="controller", deploy_batches=BATCHES, deploy_max_failed=100)
        tally.case("with bad hosts: exit status", _unless(played.status != 0, "0"))
        good = set(left) - set(bad)
        late = {host for host, fault in bad.items() if fault == "fails-later"}  # there and back
        _every_host(tally, fleet, "with bad hosts", lambda host: ONE if host in bad else TWO, switched=good | late)
        pages = _pages(fleet)
        for host, fault in bad.items():
            wanted, said, shown = FAULTS[fault], played.said(host), json.dumps(pages.get(host, {}).get("findings"))
            tally.case(
                f"with bad hosts: {host} ({fault}) says why", _unless(re.search(wanted, said), said or "nothing")
            )
            tally.case(f"with bad hosts: {host} ({fault}) on the page", _unless(re.search(wanted, shown), shown))
            tally.counts[f"bad: {fault}"] += 1
        again = re.findall(r"^included: .*whole.yml for (.*)$", played.output, re.MULTILINE)
        tally.case("with bad hosts: who got the whole release", _unless(again == [changed], f"{again}, not {changed}"))
        for host in [*good, *tried]:
            verdict = pages.get(host, {}).get("verdict", "missing")
            tally.case(f"with bad hosts: {host} on the page", _unless(verdict == "ok", verdict))
    return set(bad)


def _pages(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """Return what report.json says of each host, and of those alone that index.html names too."""
    try:
        hosts = json.loads((fleet.report / "report.json").read_text(encoding="utf-8"))["hosts"]
        page = (fleet.report / "index.html").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    return {host["host"]: host for host in hosts if host["host"] in page}


def _every_host(
    tally: Tally, fleet: Fleet, when: str, wanted: Callable[[str], str], switched: set[str] | None = None
) -> None:
    """Compare the current release of each host with the wanted one, and who was switched with who should have been."""
    seen = fleet.switched()
    for host in fleet.names:
        current = fleet.current(host)
        faults = _unless(current == wanted(host), f"current is {current}")
        if switched is not None:
            faults += _unless((host in seen) == (host in switched), "switched" if host in seen else "not switched")
        tally.case(f"{when}: {host} ({fleet.faults.get(host, 'good')})", faults)


def _unless(well: object, found: str) -> list[str]:
    return [] if well else [found]
