# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a release takes to all hosts when they share it: ``./dev bench fanout [--peers N…] [--short]``.

Every host, the seed too, has a wire of the same rate for each direction. The base is one copy over one connection from
the seed to one host: less cannot be asked of a swarm. The arms differ in whom a host asks.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import selectors
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._swarm import graph, settings, torrent
from ansible_collections.airgap.conda.tests.bench import program
from ansible_collections.airgap.conda.tests.bench.frame import CACHE, Group, Result, about, take_turns
from ansible_collections.airgap.conda.tests.bench.wires import Network, Place, received

MEMBER = Path(__file__).resolve().with_name("member.py")
# In a network namespace of its own; it ends with the process that starts it.
APART = ("setpriv", "--pdeathsig", "KILL", "unshare", "--net")
PORT, PART = 6881, "env.part"
WIRE, LINE, MESH = "one copy on the wire", "airgap.conda, each asks the one before it", "everybody asks everybody"
LAST, MEDIAN, SENT, CROSSED = "last host", "median host", "sent by the seed", "through the link"
PROCESSOR, MEMORY = "processor of a host", "memory of a host"
UNITS = {LAST: "s", MEDIAN: "s", SENT: "bytes", PROCESSOR: "s", MEMORY: "bytes"}
COUNTS, SHORT = (16, 48), 4
# Bits a second of a wire, and how many bytes go through it. All hosts are on one machine: many get slower wires.
RATE, SIZE, FEW, SLOWER = 20_000_000, 64 << 20, 16, 4
# How many times as long as the base for that many hosts; copies that the seed sends, and that cross the link.
WANTED, COPIES, CROSSING = {16: 1.5, 48: 1.8}, 2.0, 1.5
MEMORY_LIMIT = 300 * 2**20
# The rough run: the part of the hosts that die, half of them without a word; the share of one copy after which they do;
# the share after which the seed is cut off, and for how much of the time of one copy; the link's part of a wire's rate.
DYING, DIE, CUT, AWAY, LINK = 0.1, 0.3, 0.6, 0.25, 0.5


@dataclass(frozen=True)
class Trial:
    """What an arm does."""

    arm: str
    peers: int
    rate: int
    size: int
    rough: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Return how long one copy takes at the rate, nothing but the bytes themselves."""
        return self.size * 8 / self.rate

    def places(self) -> list[Place]:
        """Return where the hosts are, the seed first; half of them are in a second subnet in a rough run."""
        far = self.peers // 2 if self.rough else 0
        near = [Place(0, number) for number in range(self.peers - far + 1)]
        return [*near, *(Place(1, number) for number in range(far))]


class Hosts:
    """The processes of all hosts, in a network."""

    def __init__(self, trial: Trial, places: Sequence[Place]) -> None:
        self.network = Network(places, trial.rate, int(trial.rate * LINK))
        self.running: dict[Place, subprocess.Popen[str]] = {}

    def start(self, works: Mapping[Place, dict[str, Any]]) -> None:
        """Start all of them; each waits until it is told to begin."""
        for place in works:
            self.running[place] = subprocess.Popen(
                [*APART, sys.executable, str(MEMBER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        for place, work in works.items():
            process = self.running[place].pid
            while os.readlink(f"/proc/{process}/ns/net") == os.readlink("/proc/self/ns/net"):
                time.sleep(0.01)
            self.network.lay(place, process)
            self._tell(place, json.dumps({**work, "join": self.network.joining(place)}))
        for place in works:
            self.hear(place, "ready")

    def _tell(self, place: Place, line: str) -> None:
        stream = self.running[place].stdin
        assert stream
        print(line, file=stream, flush=True)

    def begin(self, *places: Place) -> float:
        """Let hosts begin; returns the machine's clock."""
        for place in places:
            self._tell(place, "begin")
        return time.monotonic()

    def hear(self, place: Place, word: str) -> str:
        """Wait for a line that begins with a word; returns the rest."""
        stream = self.running[place].stdout
        assert stream
        line = stream.readline()
        if line.partition(" ")[0].strip() != word:
            raise SystemExit(f"bench: {place.address}: wanted {word}, found {line or 'nothing'}")
        return line.partition(" ")[2]

    def end(self, place: Place) -> dict[str, Any] | None:
        """End a host that takes part; returns what it took, None if it died before."""
        self.running[place].terminate()
        said, _nothing = self.running[place].communicate()
        found = [line for line in said.splitlines() if line.startswith("{")]
        return json.loads(found[-1]) if found else None

    def close(self) -> None:
        """Leave no process behind."""
        for host in self.running.values():
            host.kill()
        for host in self.running.values():
            host.communicate()


def one_copy(trial: Trial, folder: Path) -> dict[str, float]:
    """Send the file from the seed to one host over one connection."""
    seed, host = Place(0, 0), Place(0, 1)
    hosts = Hosts(trial, [seed, host])
    try:
        way = {"address": seed.address, "port": PORT, "file": str(folder / "seed" / PART)}
        hosts.start({seed: {"work": "give", **way}, host: {"work": "get", **way}})
        hosts.begin(seed)
        hosts.hear(seed, "listening")
        before, begin = received(), hosts.begin(host)
        seconds = float(hosts.hear(host, "there")) - begin
        sent = received()[seed.wire] - before[seed.wire]
        return {LAST: seconds, MEDIAN: seconds, SENT: sent, CROSSED: sent}
    finally:
        hosts.close()


def plans(trial: Trial, places: Sequence[Place], folder: Path) -> dict[Place, dict[str, Any]]:
    """Return what each host has to do."""
    seed, *others = places
    lines = graph.lines([seed.address], [place.address for place in others])
    works = {}
    for place in places:
        home = folder / ("seed" if place == seed else place.wire)
        home.mkdir(exist_ok=True)
        plan = {
            "folder": str(home),
            "address": place.address,
            "port": PORT,
            "peers": [(address, PORT) for address in graph.asked(lines, place.address)],
            "first": 1 if trial.arm == LINE else 0,
            "behind": [(address, PORT) for address in graph.behind(lines, place.address)],
            "seed": place == seed,
            "linger": 1000,
        }
        torrent = str(folder / "torrent")
        works[place] = {
            "work": "take_part", "plan": plan, "torrent": torrent, "size": trial.size, "settings": trial.settings
        }  # fmt: skip
    return works


class Roughness:
    """What goes wrong in a rough run, by what the seed has sent."""

    def __init__(self, trial: Trial, hosts: Hosts, places: Sequence[Place]) -> None:
        self.trial, self.hosts = trial, hosts
        self.seed, *others = places
        step = min(round(1 / DYING), len(others))
        self.dying = others[step // 2 :: step] if trial.rough else []
        self._todo = ["die", "cut", "mend"] if trial.rough else []
        self._cut = 0.0

    def look(self, sent: int) -> None:
        """Do what is due."""
        share = sent / self.trial.size
        if self._todo[:1] == ["die"] and share >= DIE:
            for number, place in enumerate(self.dying):
                if number % 2:
                    self.hosts.running[place].kill()
                else:
                    self.hosts.network.cut(place)
        elif self._todo[:1] == ["cut"] and share >= CUT:
            self.hosts.network.cut(self.seed)
            self._cut = time.monotonic()
        elif self._todo[:1] == ["mend"] and time.monotonic() - self._cut >= AWAY * self.trial.seconds:
            self.hosts.network.mend(self.seed)
        else:
            return
        del self._todo[0]


def share(trial: Trial, folder: Path) -> dict[str, float]:
    """Let all hosts have the file."""
    places = trial.places()
    seed, *others = places
    hosts = Hosts(trial, places)
    rough = Roughness(trial, hosts, places)
    waiting = {place for place in others if place not in rough.dying}
    times: list[float] = []
    try:
        hosts.start(plans(trial, places, folder))
        with selectors.DefaultSelector() as selector:
            for place in waiting:
                selector.register(hosts.running[place].stdout, selectors.EVENT_READ, place)  # type: ignore[arg-type]
            before, begin = received(), hosts.begin(*places)
            while waiting and time.monotonic() - begin < 10 * trial.seconds:
                for key, _event in selector.select(0.2):
                    times.append(float(hosts.hear(key.data, "there")) - begin)
                    waiting.remove(key.data)
                    selector.unregister(key.fileobj)
                rough.look(received()[seed.wire] - before[seed.wire])
        if waiting:
            raise SystemExit(
                f"bench: {len(waiting)} of {trial.peers} hosts got nothing whole in {10 * trial.seconds} s"
            )
        after = received()
        took = [found for place in places if place not in rough.dying and (found := hosts.end(place))]
        return {
            LAST: max(times),
            MEDIAN: statistics.median(times),
            SENT: after[seed.wire] - before[seed.wire],
            PROCESSOR: statistics.median(one["processor"] for one in took),
            MEMORY: max(one["memory"] for one in took),
            **({CROSSED: after["from1"] - before["from1"]} if trial.rough else {}),
        }
    finally:
        hosts.close()
        for place in others:
            shutil.rmtree(folder / place.wire, ignore_errors=True)


def make(folder: Path, size: int) -> None:
    """Make the file and its torrent."""
    (folder / "seed").mkdir()
    with (folder / "seed" / PART).open("wb") as file:
        for _number in range(size >> 20):
            file.write(os.urandom(1 << 20))
    (folder / "torrent").write_bytes(torrent.make(folder / "seed", [PART], settings.piece_length(size)))


def in_a_network(trial: Trial, folder: Path) -> dict[str, float]:
    """Run an arm in a process with a network of its own."""
    command = [
        *APART,
        sys.executable,
        __file__,
        "--arm",
        json.dumps(asdict(trial)),
        "--folder",
        str(folder),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode:
        raise SystemExit(f"bench: {trial.arm}: exit status {done.returncode}\n{done.stdout}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(trials: Sequence[Trial], title: str, rounds: int) -> Group:
    """Compare arms that bring the same bytes over the same wires."""
    print(title, flush=True)
    memory = Path("/dev/shm")  # noqa: S108 - disks are not what is compared
    room = memory if shutil.disk_usage(memory).free > 3 * trials[0].peers * trials[0].size else CACHE
    with tempfile.TemporaryDirectory(dir=room) as name:
        folder = Path(name)
        make(folder, trials[0].size)
        arms = {trial.arm: functools.partial(in_a_network, trial, folder) for trial in trials}
        units = {**UNITS, CROSSED: "bytes"} if trials[0].rough else UNITS
        return Group(title, WIRE, units, take_turns(arms, rounds))


def missed(group: Group, peers: int) -> list[str]:
    """Return what the swarm of the product had to reach in a group and did not."""
    wanted = {SENT: COPIES, CROSSED: CROSSING} if CROSSED in group.units else {SENT: COPIES, LAST: WANTED.get(peers)}
    times = {name: (group.times(LINE, name), most) for name, most in wanted.items() if most}
    found = [
        f"{group.title}: {name}: {ratio:.2f} times the base; aimed at: {most}"
        for name, (ratio, most) in times.items()
        if ratio is not None and ratio > most
    ]
    if max(group.arms[LINE][MEMORY]) > MEMORY_LIMIT:
        found.append(f"{group.title}: more than {MEMORY_LIMIT >> 20} MiB of memory on a host")
    return found


def measure(counts: Sequence[int], tried: dict[str, Any], short: bool, rounds: int) -> Result:
    """Compare for each number of hosts, first where nothing goes wrong, then where much does."""
    result = Result([])
    for peers in counts:
        slower = 1 if peers <= FEW else SLOWER
        rate, size = RATE // slower, SIZE // slower >> (3 if short else 0)
        wires = f"{peers} hosts, {rate / 1e6:g} Mbit/s each way, {size >> 20} MiB"
        for rough, arms in ((False, (WIRE, LINE, MESH)), (True, (WIRE, LINE))):
            trials = [Trial(arm, peers, rate, size, rough, {} if arm == WIRE else tried) for arm in arms]
            group = compare(trials, wires + (", rough" if rough else ""), rounds)
            result.groups.append(group)
            if not short:
                result.failures += missed(group, peers)
    result.findings.append(
        f"rough: two subnets, joined by a link of {LINK:.0%} of a wire; {DYING:.0%} of the hosts die when {DIE:.0%} of "
        f"a copy have left the seed, every second one silently; at {CUT:.0%} the seed is cut off for {AWAY:.0%} of the "
        "time of a copy; every other host got the whole"
    )
    return result


def main() -> int:
    options = program.parser("Measure how long a release takes to hosts that share it.", rounds=5)
    options.add_argument("--peers", type=int, nargs="+", help=f"numbers of hosts ({' '.join(map(str, COUNTS))})")
    options.add_argument("--settings", type=json.loads, default={}, help="settings of libtorrent to try, as JSON")
    options.add_argument("--arm", type=json.loads, help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.arm:
        trial = Trial(**chosen.arm)
        print(json.dumps((one_copy if trial.arm == WIRE else share)(trial, chosen.folder)))
        return 0
    counts = tuple(chosen.peers or ((SHORT,) if chosen.short else COUNTS))
    if not all(2 <= count <= 250 for count in counts):
        options.error(f"--peers {' '.join(map(str, counts))}: wanted 2 to 250")
    work = functools.partial(measure, counts, chosen.settings, chosen.short)
    return program.run(chosen, work, lambda: about("libtorrent"))


if __name__ == "__main__":
    sys.exit(main())
