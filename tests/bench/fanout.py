# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a release takes to all hosts when they share it: ``./dev bench fanout [--peers N…] [--short]``."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._swarm import graph, settings
from ansible_collections.airgap.conda.tests.bench.wires import Network, Place, sent

MEMBER = Path(__file__).resolve().with_name("member.py")
PORT = 6881


@dataclass(frozen=True)
class Trial:
    """What one arm does."""

    peers: int
    rate: int
    size: int
    graph: Any = None
    settings: dict[str, Any] = field(default_factory=dict)
    piece: int = 0
    rough: bool = False
    link_rate: int = 0
    kill: float = 0.1
    plan: dict[str, Any] = field(default_factory=dict)
    congestion: str = "cubic"
    torrent_flags: int = 0


def places(trial: Trial) -> list[Place]:
    """The seed first."""
    far = trial.peers // 2 if trial.rough or trial.link_rate else 0
    near = trial.peers - far
    return [*(Place(0, number) for number in range(near + 1)), *(Place(1, number + 1) for number in range(far))]


def make(folder: Path, size: int, piece: int) -> None:
    import libtorrent as lt

    (folder / "rel").mkdir()
    with (folder / "rel/env.part").open("wb") as file:
        left = size
        while left:
            left -= file.write(os.urandom(min(left, 1 << 20)))
    made = lt.create_torrent([lt.create_file_entry("rel/env.part", size)], piece, lt.create_torrent.v1_only)
    lt.set_piece_hashes(made, str(folder))
    (folder / "torrent").write_bytes(lt.bencode(made.generate()))


class Hosts:
    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.places = places(trial)
        self.network = Network(self.places, trial.rate, trial.link_rate or trial.rate, trial.congestion)
        self.running: dict[Place, subprocess.Popen[str]] = {}

    def start(self, works: dict[Place, dict[str, Any]]) -> None:
        for place in works:
            self.running[place] = self.network.start(place, [sys.executable, str(MEMBER)])
        time.sleep(0.3)
        for place, work in works.items():
            host = self.running[place]
            self.network.wire(place, host.pid)
            line = {**work, "join": self.network.joining(place)}
            self.write(place, json.dumps(line))
        for place in works:
            if self.running[place].stdout.readline() != "ready\n":
                raise SystemExit("bench: a member did not start")

    def write(self, place: Place, line: str) -> None:
        self.running[place].stdin.write(line + "\n")
        self.running[place].stdin.flush()

    def go(self, *which: Place) -> float:
        for place in which:
            self.write(place, "go")
        return time.monotonic()

    def answer(self, place: Place) -> dict[str, Any] | None:
        out, _ = self.running[place].communicate()
        return json.loads(out.splitlines()[-1]) if self.running[place].returncode == 0 and out.strip() else None

    def end(self) -> None:
        for host in self.running.values():
            host.kill()
        for host in self.running.values():
            host.wait()


def busy() -> tuple[float, float]:
    words = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(words) - words[3] - words[4]) / os.sysconf("SC_CLK_TCK"), sum(words) / os.sysconf("SC_CLK_TCK")


def wire(trial: Trial, folder: Path) -> dict[str, float]:
    hosts = Hosts(replace(trial, peers=1, rough=False, link_rate=0))
    seed, one = hosts.places
    try:
        way = {"address": seed.address, "port": PORT, "file": str(folder / "rel/env.part")}
        hosts.start({seed: {"work": "give", **way}, one: {"work": "get", **way}})
        hosts.go(seed)
        hosts.running[seed].stdout.readline()
        begin = hosts.go(one)
        found = hosts.answer(one)
        assert found and found["received"] == trial.size
        return {"last": found["at"] - begin, "median": found["at"] - begin, "sent": trial.size}
    finally:
        hosts.end()


def swarm(trial: Trial, folder: Path) -> dict[str, Any]:
    hosts = Hosts(trial)
    seed, *others = hosts.places
    ordered, first = (trial.graph or line)(hosts.places)
    works = {}
    for place in hosts.places:
        home = folder / ("rel" if place == seed else place.wire)
        home.mkdir(exist_ok=True)
        plan = {"folder": str(home), "address": place.address, "port": PORT, "seed": place == seed,
                "peers": [(one.address, PORT) for one in ordered[place]], "first": first[place],
                "behind": [(one.address, PORT) for one in hosts.places if one != seed and ordered[one][0] == place],
                "linger": 300, "deadline": 300, "idle": 60, **trial.plan}
        works[place] = {"work": "take_part", "size": trial.size, "plan": plan, "torrent": str(folder / "torrent"), "settings": trial.settings}
    try:
        hosts.start(works)
        before = sent()
        used = busy()
        begin = hosts.go(*hosts.places)
        events = {"base": before[seed.wire][0]}
        dead = doomed(trial, others) if trial.rough else []
        live = [place for place in others if place not in dead]
        # all complete?
        left = set(live)
        limit = begin + 280
        ends = {}
        while left and time.monotonic() < limit:
            time.sleep(0.2)
            if trial.rough:
                disturb(hosts, trial, seed, dead, events)
            for place in list(left):
                done = (folder / place.wire / "done").exists()
                if done:
                    left.discard(place)
        took = time.monotonic() - begin
        spent = busy()
        after = sent()
        for host in hosts.running.values():
            host.terminate()
        answers = {place: hosts.answer(place) for place in hosts.places}
        times = sorted((answers[p]["at"] or 9e9) - begin for p in live if answers[p])
        rx = {name: after[name][0] - before[name][0] for name in after}
        up = {name: after[name][1] - before[name][1] for name in after}
        return {"last": times[-1], "median": statistics.median(times), "first": times[0], "sent": rx[seed.wire],
                "missing": len(left), "payload": answers[seed]["sent"] if answers[seed] else None,
                "redundant": max((a["received"] for p, a in answers.items() if a and p != seed)) / trial.size,
                "busy": (spent[0] - used[0]) / (spent[1] - used[1]), "cpu": max(a["cpu"] for a in answers.values() if a),
                "cpu_all": sum(a["cpu"] for a in answers.values() if a),
                "memory": max(a["memory"] for a in answers.values() if a) / 1e6,
                "cross": (rx.get("down1", 0)), "cross_back": up.get("down1", 0), "all": [round(t, 2) for t in times]}
    finally:
        hosts.end()
        for place in others:
            shutil.rmtree(folder / place.wire, ignore_errors=True)


def doomed(trial, others):
    step = round(1 / trial.kill)
    return others[step // 2 :: step]


def disturb(hosts, trial, seed, dead, events):
    share = (sent()[seed.wire][0] - events["base"]) / trial.size
    now = time.monotonic()
    if share > 0.3 and "killed" not in events:
        events["killed"] = now
        for number, place in enumerate(dead):
            if number % 2 == 0:
                subprocess.run(["ip", "link", "set", place.wire, "down"], check=True)
            else:
                hosts.running[place].kill()
    if share > 0.6 and "cut" not in events:
        events["cut"] = now
        subprocess.run(["ip", "link", "set", seed.wire, "down"], check=True)
    if "cut" in events and "back" not in events and now - events["cut"] > trial.size * 8 / trial.rate / 4:
        events["back"] = now
        subprocess.run(["ip", "link", "set", seed.wire, "up"], check=True)


def line(all_places):
    by = {place.address: place for place in all_places}
    asked = graph.ordered([all_places[0].address], [place.address for place in all_places[1:]])
    return {by[address]: [by[one] for one in others] for address, others in asked.items()}, dict.fromkeys(all_places, 1)


def full(all_places):
    return {place: [one for one in all_places if one != place] for place in all_places}, dict.fromkeys(all_places, 0)
