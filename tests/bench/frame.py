# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all benchmarks share: arms that take turns in one run, medians, the machine and its load, JSON, a table.

An arm is a function that does its work once and returns what it measured, by name. A benchmark gives groups of arms;
within a group the arms do the same work in different ways, and every ratio is to the group's ``base``, in the same run.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent.parent
CACHE = CHECKOUT / ".cache"
RESULTS = Path(__file__).resolve().parent / "results"
# How a measure is shown, by its unit: what it is divided by, and how it is written.
UNITS = {
    "s": (1, "s", ".2f"),
    "ms": (0.001, "ms", ".1f"),
    "bytes": (1e6, "MB", ".1f"),
    "B": (1, "bytes", ".0f"),
    "count": (1, "number", ".2f"),
}

Arm = Callable[[], Mapping[str, float]]
Values = dict[str, dict[str, list[float]]]


@dataclass
class Group:
    """Arms that were compared. ``units`` has the measures in their order; ``arms`` has a value for each round."""

    title: str
    base: str
    units: dict[str, str]
    arms: Values
    note: str = ""

    def median(self, arm: str, measure: str) -> float | None:
        """Return the median of all rounds; None if the arm does not have that measure."""
        values = self.arms[arm].get(measure)
        return statistics.median(values) if values else None

    def times(self, arm: str, measure: str) -> float | None:
        """Return how many times as much an arm took as the base; None if one of them does not have that measure."""
        mine, base = self.median(arm, measure), self.median(self.base, measure) if self.base in self.arms else None
        return None if mine is None or not base else mine / base


@dataclass
class Result:
    """What a benchmark measured, and where. ``findings`` are sentences; ``failures`` say what it had to reach."""

    groups: list[Group]
    findings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it for a file, with the medians and the ratios that readers want."""
        groups = []
        for group in self.groups:
            medians = {arm: {name: rounded(group.median(arm, name)) for name in had} for arm, had in group.arms.items()}
            times = {
                arm: {name: rounded(ratio) for name in had if (ratio := group.times(arm, name)) is not None}
                for arm, had in group.arms.items()
                if arm != group.base
            }
            groups.append({**asdict(group), "medians": medians, "times_the_base": times})
        return {"about": self.about, "groups": groups, "findings": self.findings, "failures": self.failures}


def rounded(value: float | None) -> float | None:
    """Return a number with as many digits as it deserves."""
    return None if value is None else int(value) if float(value).is_integer() else float(f"{value:.4g}")


def read_result(path: Path) -> Result | None:
    """Return what a benchmark wrote; None if there is no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    groups = [Group(**{name: group[name] for name in Group.__dataclass_fields__}) for group in content["groups"]]
    return Result(groups, content["findings"], content["failures"], content["about"])


def take_turns(arms: Mapping[str, Arm], rounds: int, before: Callable[[str], object] | None = None) -> Values:
    """Run every arm ``rounds`` times, in the opposite order each time.

    ``before`` gets the name of the arm that is next; what it does is in no arm's time, nor is writing what an earlier
    arm left to be written.
    """
    values: Values = {name: {} for name in arms}
    for number in range(rounds):
        for name in list(arms)[:: -1 if number % 2 else 1]:
            if before:
                before(name)
            os.sync()
            measured = arms[name]()
            for measure, value in measured.items():
                values[name].setdefault(measure, []).append(round(value, 7))
            said = ", ".join(f"{measure} {rounded(value)}" for measure, value in measured.items())
            print(f"  round {number + 1}: {name}: {said}", flush=True)
    return values


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds ``work`` took."""
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock


def processor() -> float:
    """Return the seconds of a processor that all children which have ended took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def in_a_process(program: str, *options: object) -> dict[str, float]:
    """Run a program of this folder with ``options`` in a process of its own; return the JSON that it printed last."""
    done = subprocess.run(
        [sys.executable, program, *map(str, options)], stdout=subprocess.PIPE, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(map(str, options))}: exit status {done.returncode}\n{done.stdout}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


# --- the machine -----------------------------------------------------------------------------------------------------


def about(*distributions: str, **programs: Sequence[str]) -> dict[str, Any]:
    """Return what a reader has to know of the machine and the tools.

    ``distributions`` are of Python; ``programs`` are commands whose first line of output names a version.
    """
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "processors": os.cpu_count(),
        "processor": _processor(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name: _version(name) for name in distributions},
        **{name: _first_line(command) for name, command in programs.items()},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _first_line(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError:
        return "not installed"
    return done.stdout.strip().partition("\n")[0]


def load() -> list[float]:
    """Return how many processes wanted a processor, on average over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


# --- what is shown ---------------------------------------------------------------------------------------------------


def table(result: Result) -> str:
    """Return the medians, and their ratios to the base, as tables of Markdown."""
    lines = []
    for group in result.groups:
        lines += [f"**{group.title}**" + (f" ({group.note})" if group.note else ""), ""]
        heads = [f"{name}, {UNITS[unit][1]}" for name, unit in group.units.items()]
        lines += [f"| | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(heads)]
        for arm in group.arms:
            cells = [_cell(group, arm, name, unit) for name, unit in group.units.items()]
            lines.append(f"| {arm} | {' | '.join(cells)} |")
        lines.append("")
    lines += [f"- {sentence}" for sentence in [*result.findings, *result.failures]]
    lines += [f"- {_where(result.about)}"]
    return "\n".join(lines) + "\n"


def shown(value: float, unit: str) -> str:
    """Return a number as its unit is written."""
    divisor, _name, form = UNITS[unit]
    return format(value / divisor, form)


def _cell(group: Group, arm: str, measure: str, unit: str) -> str:
    value, times = group.median(arm, measure), group.times(arm, measure)
    if value is None:
        return ""
    return shown(value, unit) + ("" if arm == group.base or times is None else f" ({times:.2f} x)")


def _where(facts: Mapping[str, Any]) -> str:
    words = []
    for name, value in facts.items():
        if name == "memory":
            words.append(f"memory {value / 2**30:.0f} GiB")
        elif isinstance(value, Mapping):
            words.append(f"{name} " + ", ".join(f"{key} {part}" for key, part in value.items()))
        else:
            words.append(f"{name} {value}")
    return "; ".join(words)
