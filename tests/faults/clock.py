# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clocks that are wrong: serials decide, so ten years more or less change no verdict."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".cache/collections"))

from scenes import ENV, KEEP, Share, World  # noqa: E402
from tally import Tally  # noqa: E402

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE, Checks  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store  # noqa: E402
from ansible_collections.airgap.conda.plugins.module_utils._store.verify import verify  # noqa: E402
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id  # noqa: E402

PROMISE = "clocks ten years wrong, even changing between two steps: the same verdicts, step by step"
LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"
YEAR = 365 * 24 * 3600
# The clock of each step in turn, in years.
CLOCKS = {
    "ten years ahead": (10,),
    "ten years behind": (-10,),
    "ahead, then behind": (10, -10),
    "behind, then ahead": (-10, 10),
}
STEPS = (
    "look 2",
    "deploy 2",
    "verify",
    "look 1",
    "deploy 3",
    "rollback",
    "look 1",
    "look 3",
    "deploy 3",
    "verify",
    "look 2",
)


def run(world: World, share: Share) -> Tally:
    """Take the same steps under right and wrong clocks and compare what is said."""
    tally = Tally("clock", PROMISE)
    found = sorted(Path("/").glob(LIBRARIES.lstrip("/")))
    if not found:
        tally.case("libfaketime", f"not found: {LIBRARIES}")
        return tally
    if share.number:
        return tally
    right = _story(world, (0,), found[0])
    for name, years in CLOCKS.items():
        for number, (step, said) in enumerate(_story(world, years, found[0])):
            fault = "" if [step, said] == right[number] else f"{said}, and with a right clock {right[number][1]}"
            tally.case(f"{name}: {step}", fault)
    tally.counts["steps"] = len(right)
    tally.counts["steps that are refused"] = sum("refused" in said for _step, said in right)
    return tally


def _story(world: World, years: tuple[int, ...], library: Path) -> list[list[str]]:
    place = world.base / "clock"
    shutil.rmtree(place, ignore_errors=True)
    prepare(place)
    told = []
    for number, step in enumerate(STEPS):
        offset = years[number % len(years)]
        env = {**os.environ, "LD_PRELOAD": str(library), "FAKETIME": f"{offset * YEAR:+d}"}
        command = [sys.executable, __file__, str(place), step]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            return [[step, done.stderr[-800:]]]
        answer = json.loads(done.stdout)
        if abs(answer["now"] - time.time() - offset * YEAR) > YEAR / 100:
            return [[step, "the clock is right: libfaketime does not work here"]]
        told.append([step, answer["said"]])
    return told


def prepare(place: Path) -> None:
    """Make a depot of three signed releases."""
    place.mkdir()
    key, _signers = make_key(place)
    for serial in (1, 2, 3):
        made = make_release(place / "depot", place / "opt", serial, checks=Checks())
        (made.folder / SIGNATURE).unlink()
        signature.sign(made.folder / MANIFEST, key)


def take_step(place: Path, step: str) -> str:
    """Do one step as a play does, and say how it ended."""
    store, (verb, _space, serial) = Store(place / "opt"), step.partition(" ")
    try:
        if verb == "rollback":
            return rollback(store, ENV, "", False).release
        if verb == "verify":
            return str(verify(store, ENV)["release"])
        verified = Depot(place / "depot").verify(ENV, release_id(int(serial)), place / "key.signers")
        step_found = _look(store, verified.as_result())
        if verb == "deploy" and step_found.action == "install":
            shutil.copytree(verified.place.where, store.incoming(ENV, release_id(int(serial))))
        if verb == "deploy":
            deploy(store, step_found, verified.release.manifest_sha256, KEEP)
        return f"{step_found.action}, current is {store.current(ENV)}"
    except AirgapError as error:
        return f"refused: {error.problem}, {error.wanted}, {error.found}"


def _look(store: Store, result: dict[str, Any]) -> Step:
    from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release

    return inspect(store, [Release.from_dict(result, "here")], KEEP, False, ["tar.zst"])[0]


if __name__ == "__main__":
    print(json.dumps({"now": time.time(), "said": take_step(Path(sys.argv[1]), sys.argv[2])}))
