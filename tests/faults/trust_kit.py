# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drives that anybody may have filled, with a trusted install.sh: it ends, says one thing, and installs nothing."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from scenes import Share
from tally import Tally
from trust_canary import LIMIT, UNFIT, Canary
from trust_drives import THINGS

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.tests.unit.tiny_kit import Place, make_place
from ansible_collections.airgap.conda.tests.unit.tiny_release import again, keep, release_id

# Seconds for one run, and how many drives a run without --long has.
DEADLINE, SHORT = 30, 40
RELEASE = f"depot/runtime/{release_id(1)}"
# All that install.sh uses before there is a Python.
USED = (
    *(f"{RELEASE}/{name}" for name in ("env.tar.gz.000", MANIFEST, SIGNATURE, FILES)),
    *(f"kit/{name}" for name in ("airgap-envs", "compare", "scripts")),
    "SHA256SUMS",
    "SHA256SUMS.sig",
)
FOLDERS = ("kit", "depot", "depot/runtime", RELEASE)
SHELLS = ("dash", "busybox", "bash")

Spoil = Callable[[Place], Any]


def run(tally: Tally, base: Path, share: Share) -> None:
    """Run install.sh with each drive, as root."""
    shells = [shell for shell in SHELLS if shutil.which(shell)]
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = base / "kit"
        folder.mkdir()
        keep(make_place(folder, monkeypatch).path)
    every = [(f"{shell}: {what}", shell, spoil) for shell in shells for what, spoil in cases()]
    chosen = every if share.long else random.Random(1).sample(every, SHORT)  # noqa: S311 - always the same
    for name, shell, spoil in share.of(chosen):
        place, canary = Place(again(folder)), Canary(folder)
        canary.set()
        spoil(place)
        tally.case(f"install.sh, {name}", _faults(place, canary, shell))
        tally.counts["drives with a kit"] += 1
        canary.end()


def cases() -> Iterator[tuple[str, Spoil]]:
    """Yield names and functions that spoil a drive with a kit, so that nothing of it may be installed."""
    for name in USED:
        for what, put in THINGS.items():
            yield f"{name} is {what}", partial(_put, name, put)
    for name in FOLDERS:
        for target in ("/proc", "/dev", "/", ".", "nothing", "ASIDE"):
            yield f"{name} is a link to {target}", partial(_elsewhere, name, target)
    for name in FOLDERS:
        for what in ("a pipe", "a file", "missing"):
            yield f"{name} is {what}", partial(_instead, name, what)


def _put(name: str, put: Callable[[Any, Path], None], place: Place) -> None:
    path = place.drive / name
    path.unlink()
    put(place, path)


def _elsewhere(name: str, target: str, place: Place) -> None:
    """Put a link in the place of a folder; behind it may be the very files that install.sh wants."""
    path = place.drive / name
    path.rename(place.path / "aside")
    path.symlink_to(target.replace("ASIDE", str(place.path / "aside")))


def _instead(name: str, what: str, place: Place) -> None:
    shutil.rmtree(place.drive / name)
    if what == "a pipe":
        os.mkfifo(place.drive / name)
    elif what == "a file":
        (place.drive / name).write_text("x", encoding="ascii")


def _faults(place: Place, canary: Canary, shell: str) -> list[str]:
    try:
        done = place.install("--yes", str(place.drive), shell=shell, timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        return [f"no end within {DEADLINE} s"]
    said = done.stderr
    faults = [] if done.returncode == 1 else [f"exit status {done.returncode}: {said[-500:]}"]
    faults += [] if said.count("\n") == 5 else [f"not one message: {said[:500]!r}"]
    faults += [f"a message of {len(said)} characters"] if len(said) > LIMIT else []
    faults += [f"unfit in the message: {unfit!r}" for unfit in UNFIT.findall(said)[:1]]
    faults += [f"{canary.vault.name} was opened"] if canary.opened() else []
    faults += canary.appeared()
    faults += [f"the command ran: {words}" for words in place.asked()[:1]]
    faults += [f"installed: {path}" for path in (place.store.command, place.pins) if path.exists()]
    faults += [f"installed: {name}" for name in place.store.releases("runtime")]
    return faults
