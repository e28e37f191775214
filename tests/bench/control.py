# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What many hosts cost the controller when there is nothing to do: ``./dev bench control [--hosts N…] [--short]``.

The hosts are simulated (tests/faults/fleet_hosts.py): everything is real but ssh, and each host is a mount namespace of
this machine. What they take of the processors is counted apart from the controller's share. The base is the least that
Ansible does for a host: one task with a module that does nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import sys
from functools import partial
from pathlib import Path

from ansible_collections.airgap.conda.tests.bench.frame import (
    CACHE,
    CHECKOUT,
    Arm,
    Group,
    Result,
    about,
    in_a_process,
    take_turns,
    timed,
)
from ansible_collections.airgap.conda.tests.bench.program import parser, run

sys.path.insert(0, str(CHECKOUT / "tests/faults"))

from fleet_hosts import Fleet, Played

COUNTED_SSH = Path(__file__).resolve().with_name("counted_ssh.sh")
WORK = CACHE / "bench" / "control"
COUNTS, SHORT = (10, 100, 500), (4,)
OURS, BASE = "airgap.conda.deploy, nothing to do", "one task that does nothing"
TIME, CONTROLLER, HOSTS, MEMORY = "time", "controller's processor", "hosts' processors", "largest process"
UNITS = {TIME: "s", CONTROLLER: "s", HOSTS: "s", MEMORY: "bytes"}
# How many times as long as the base, from 100 hosts on.
WANTED, MANY = 1.5, 100
NOOP = [
    {
        "hosts": "workstations",
        "gather_facts": False,
        "tasks": [{"name": "Nothing", "ansible.builtin.command": {"cmd": "true"}, "changed_when": False}],
        "vars": {"ansible_python_interpreter": sys.executable},
    }
]
# What `times` of sh writes for its children, second line: user, system.
_TIMES = re.compile(r"(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$")


def run_arm(name: str, folder: Path, count: int) -> int:
    """Run a playbook on all hosts, and print what it took."""
    counted = folder / "counted"
    shutil.rmtree(counted, ignore_errors=True)
    counted.mkdir()
    os.environ["COUNTED"] = str(counted)
    fleet = Fleet(folder, count)
    playbook = "deploy" if name == OURS else str(folder / "noop.yml")
    played: list[Played] = []

    def play() -> None:
        played.append(fleet.play(playbook, ansible_ssh_executable=str(COUNTED_SSH)))

    seconds = timed(play)
    if played[0].status or any(played[0].changes.values()):
        raise SystemExit(f"bench: {name}: exit status {played[0].status}\n{played[0].output[-2000:]}")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    hosts = sum(spent(path.read_text(encoding="ascii")) for path in counted.iterdir())
    controller = usage.ru_utime + usage.ru_stime - hosts
    print(json.dumps({TIME: seconds, CONTROLLER: controller, HOSTS: hosts, MEMORY: usage.ru_maxrss * 1024}))
    return 0


def spent(text: str) -> float:
    """Return the seconds of all lines that ``times`` of sh wrote."""
    return sum(
        60 * int(words[0]) + float(words[1]) + 60 * int(words[2]) + float(words[3])
        for words in (found.groups() for found in map(_TIMES.search, text.splitlines()) if found)
    )


def compare(count: int, rounds: int) -> Group:
    """Bring a tiny release to ``count`` hosts, and then let both arms run."""
    folder = WORK / str(count)
    print(f"{count} hosts", flush=True)
    fleet = Fleet(folder, count)
    fleet.make()
    try:
        (folder / "noop.yml").write_text(json.dumps(NOOP), encoding="utf-8")
        fleet.begin()
        settled = fleet.play("deploy")
        if settled.status:
            raise SystemExit(f"bench: the first deploy: exit status {settled.status}\n{settled.output[-2000:]}")

        def arm(name: str) -> Arm:
            return lambda: in_a_process(__file__, "--arm", name, "--folder", folder, "--hosts", count)

        arms = take_turns({name: arm(name) for name in (OURS, BASE)}, rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Group(f"{count} hosts", BASE, UNITS, arms)


def growth(groups: list[Group], arm: str, measure: str) -> tuple[float, float, float]:
    """Fit a line through the medians: what no host costs, what each one adds, and the share that fits worst."""
    points = [(int(group.title.split()[0]), group.median(arm, measure) or 0) for group in groups]
    line = statistics.linear_regression(*zip(*points, strict=True))
    worst = max(abs(line.intercept + line.slope * count - value) / value for count, value in points if value)
    return line.intercept, line.slope, worst


def law(groups: list[Group], arm: str) -> list[str]:
    """Say how what an arm takes grows with the hosts."""
    start, each, worst = growth(groups, arm, CONTROLLER)
    said = [f"{arm}: the controller's processor takes {start:.2f} s + {1000 * each:.1f} ms a host (within {worst:.0%})"]
    start, each, worst = growth(groups, arm, MEMORY)
    return [
        *said,
        f"{arm}: its largest process has {start / 1e6:.0f} MB + {each / 1e3:.0f} kB a host (within {worst:.0%})",
    ]


def measure(counts: tuple[int, ...], short: bool, rounds: int) -> Result:
    """Compare both for each number of hosts."""
    result = Result([compare(count, rounds) for count in counts])
    if len(counts) > 2:  # a line fits any two
        result.findings += [*law(result.groups, OURS), *law(result.groups, BASE)]
    for count, group in zip(counts, result.groups, strict=True):
        times = group.times(OURS, TIME) or 0
        if times > WANTED and count >= MANY and not short:
            result.failures.append(f"{count} hosts: {times:.2f} times as long as {BASE}; aimed at: {WANTED}")
    return result


def main() -> int:
    options = parser("Measure what hosts cost the controller.")
    options.add_argument("--hosts", type=int, nargs="+", help=f"numbers of hosts ({' '.join(map(str, COUNTS))})")
    options.add_argument("--arm", choices=(OURS, BASE), help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.arm:
        return run_arm(chosen.arm, chosen.folder, chosen.hosts[0])
    counts = tuple(chosen.hosts or (SHORT if chosen.short else COUNTS))
    if min(counts) < 1:
        options.error(f"--hosts {min(counts)}: wanted 1 or more")
    return run(chosen, partial(measure, counts, chosen.short), partial(about, "ansible-core"))


if __name__ == "__main__":
    sys.exit(main())
