# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host of a small fleet would answer in truth to each command of a playbook, and every forgery of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fleet_hosts import ONE, TWO
from trust_forge import Forgery, additions, fields, noise, replaced, texts, values

from ansible_collections.airgap.conda.tests.unit.tiny_release import Made

# What simulated_ssh.sh takes from the command that is answered: the mark, and the name of a folder.
MARK, NAME = "@mark@", "@name@"
# What each playbook asks hosts for: of each group one thing is forged.
ASKED = {
    "refresh": (("look", "preflight", "release", "tmp"), ("raw", "verify")),
    "repair": (("look", "repair"),),
    "rollback": (("rollback",),),
    "remove": (("remove",),),
}
# Fields in which only some values can be true; whoever answers otherwise is not right.
DECIDE = {
    "preflight": ("steps", "steps.1", "steps.1.env", "steps.1.id", "steps.1.missing", "steps.1.missing.0"),
    "repair": ("steps", "steps.0", "steps.0.env", "steps.0.id", "steps.0.missing", "steps.0.missing.0", "damaged.demo"),
    "verify": ("envs", "envs.0", "envs.0.release"),
}
# These can be true where a list of names is asked for.
MAY_BE, LISTS = {"an empty list"}, ("missing", "steps", "envs")


@dataclass(frozen=True)
class Truths:
    """The answers of a host with a store at ``root`` that has the first release of all that was ``made``."""

    root: Path
    made: Sequence[Made]

    def answers(self) -> dict[str, str]:
        """Return the text of each answer by the kind of its command."""
        modules = {name: json.dumps(result) for name, result in self.results().items()}
        return {**modules, "look": said(self.look()), "raw": self.raw(), "tmp": temporary_folder()}

    def look(self) -> dict[str, str]:
        """Return what the look at a host prints."""
        return {
            "root": str(self.root), "current": ONE, "works": "yes", "high_water": "1", "machine": "x86_64",
            "glibc": "glibc 2.36", "folder": str(self.root), "writable": "yes", "free_kib": "99999999",
            "mount": "rw,relatime", "user": "0", "above_1": "0:0:41ed:/opt",
        }  # fmt: skip

    def raw(self) -> str:
        """Return what the report's look at a host prints."""
        return said({"link": f"1772452800 {ONE} runtime\n{MARK} link=1772452800 {TWO} demo"})

    def results(self) -> dict[str, dict[str, Any]]:
        """Return what each module returns."""
        demo = next(made for made in self.made if (made.manifest.env, made.manifest.id) == ("demo", TWO))
        parts = [part.name for part in demo.manifest.payloads[0].parts]
        runtime = {"env": "runtime", "id": ONE, "action": "none", "current": ONE, "format": "", "missing": []}
        step = {"env": "demo", "id": TWO, "action": "install", "current": ONE, "format": "tar.zst", "missing": parts}
        more: dict[str, Any] = {"prune": [], "kernels": "", "kernel": ""}
        verdict = {
            "check": "kernel",
            "subject": "",
            "verdict": "ok",
            "wanted": "w",
            "found": "f",
            "problem": "",
            "where": "",
        }
        fault = {"env": "demo", "release": TWO, "path": "lib/data", "package": "p", "found": "other content"}
        diff = {"before": f"demo {ONE}\n", "after": f"demo {TWO}\n"}
        gpu = {
            "check": "driver",
            "verdict": "degraded",
            "wanted": "w",
            "found": "f",
            "where": "w",
            "remedy": "r",
            "gpu": 0,
        }
        sound = {"env": "demo", "release": TWO, "installed": [ONE, TWO], "previous": ONE, "gpu": gpu}
        return {
            "preflight": {
                "changed": False, "work": True, "steps": [{**runtime, **more}, {**step, **more}],
                "verdicts": [verdict],
            },
            "release": {
                "changed": True, "current": {"runtime": ONE, "demo": TWO}, "pruned": [f"demo {ONE}"],
                "seconds": {"demo": {"unpack": 1.5}}, "diff": diff,
            },
            "verify": {
                "changed": False, "warnings": [], "envs": [sound],
            },
            "repair": {
                "changed": True, "faults": [fault], "damaged": {"demo": TWO}, "diff": diff,
                "steps": [{**step, "action": "install", **more}],
            },
            "rollback": {"changed": True, "before": TWO, "current": ONE, "diff": diff},
            "remove": {"changed": True, "removed": [f"demo {ONE}"], "diff": diff},
        }  # fmt: skip


def forgeries(playbook: str, place: Path, truths: Truths) -> list[list[Forgery]]:
    """Return the forgeries of each group of answers that a playbook asks for."""
    return [[forgery for kind in kinds for forgery in _of_kind(kind, place, truths)] for kinds in ASKED[playbook]]


def _of_kind(kind: str, place: Path, truths: Truths) -> Iterator[Forgery]:
    answer = truths.answers()[kind]
    if kind in truths.results():
        yield from _of_result(kind, place, truths.results()[kind])
    elif kind == "look":
        for name, text in texts(place).items():
            for field in truths.look():
                yield Forgery(kind, f"{field} = {name}", partial(said, {**truths.look(), field: text}))
    else:
        for name, text in texts(place).items():
            for number, word in enumerate(sorted({str(truths.root), TWO, "demo", "1772452800", "nowhere"})):
                if word in answer:
                    yield Forgery(kind, f"word {number} = {name}", partial(answer.replace, word, text))
    for name, text in noise(answer).items():
        yield Forgery(kind, name, partial(str, text))


def _of_result(kind: str, place: Path, result: Mapping[str, Any]) -> Iterator[Forgery]:
    for path in fields(result):
        field = ".".join(map(str, path))
        for name, text in values(place).items():
            decides = field in DECIDE.get(kind, ()) and not (name in MAY_BE and field.endswith(LISTS))
            worst = decides and path[-1] == 0 and "path" in name
            yield Forgery(kind, f"{field} = {name}", partial(replaced, result, path, text), decides, worst)
    for name, more in additions(place).items():
        yield Forgery(kind, name, partial(json.dumps, {**result, **more}))


def said(values_of: Mapping[str, str]) -> str:
    """Return what a host that knows the mark prints."""
    lines = "".join(f"{MARK} {name}={value}\n" for name, value in values_of.items())
    return f"{MARK} begin\n{lines}{MARK} end=0\n"


def temporary_folder() -> str:
    """Return what a host prints that has made a temporary folder."""
    return said({"folder": f"/nowhere/{NAME}"})
