# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""People at work: a process keeps its release, and what it loads from it later, through every switch and prune."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scenes import ENV, Share, World, install_command
from tally import Tally

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, release_id

PROMISE = "a process keeps loading from its own release after every switch and prune; afterwards prune removes it"
# It loads a module after each line that it reads, and prints what that module says.
PROGRAM = """\
import importlib, sys
for line in sys.stdin:
    print(importlib.import_module(line.strip()).SERIAL, flush=True)
"""
MODULES = [f"module{number}" for number in range(8)]


def _activated(prefix: Path) -> list[str]:
    script = f'. "{prefix.parent}/activate" && PYTHONPATH=$CONDA_PREFIX/lib exec "{sys.executable}" -Bc "$0"'
    return ["sh", "-c", script, PROGRAM]


def _by_path(prefix: Path) -> list[str]:
    """What a shebang gives: Python, and the path of a script in the release."""
    return [sys.executable, "-B", str(prefix / "lib/tool.py")]


def _inside(prefix: Path) -> list[str]:
    return ["sh", "-c", f'cd "{prefix}/lib" && exec "{sys.executable}" -Bc "$0"', PROGRAM]


def _idle(prefix: Path) -> list[str]:
    """An idle activated shell: it starts no program, and its working directory is outside the release."""
    look = 'while read -r module; do read -r line <"$CONDA_PREFIX/lib/$module.py"; echo "${line#SERIAL = }"; done'
    return ["sh", "-c", f'. "$0"/activate; {look}', str(prefix.parent)]


def _elsewhere(prefix: Path) -> list[str]:
    """What a container has: the release under another name."""
    mount = 'mount --bind "$0" /mnt && cd / && exec "$1" -Bc "$2"'
    program = f"import sys; sys.path.insert(0, '/mnt/lib'); held = open('/mnt/lib/tool.py')\n{PROGRAM}"
    return ["unshare", "-m", "sh", "-c", mount, str(prefix), sys.executable, program]


WAYS: dict[str, Callable[[Path], list[str]]] = {
    "activated": _activated,
    "by path": _by_path,
    "inside": _inside,
    "idle shell": _idle,
    "elsewhere": _elsewhere,
}


def run(world: World, share: Share) -> Tally:
    """Start a program from a release in each way, and deploy four newer ones while it works."""
    tally = Tally("in_use", PROMISE)
    for way in share.of(list(WAYS)):
        if way == "elsewhere" and os.geteuid() != 0:
            tally.notes.append("a process that has the store mounted elsewhere: that needs root")
            continue
        _at_work(tally, world.base / "in-use", way, 20 if share.long else 2)
    return tally


def _at_work(tally: Tally, place: Path, way: str, rounds: int) -> None:
    for _round in range(rounds):
        store = Store(place / "opt")
        _deploy(store, place, 1)
        prefix = store.release(ENV, release_id(1))
        with subprocess.Popen(
            WAYS[way](prefix), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
        ) as user:
            said = _ask(user, MODULES[0])
            tally.case(f"{way}: first import", "" if said == "1" else f"got {said!r}")
            for serial, module in enumerate(MODULES[1:6], start=2):
                _deploy(store, place, serial, from_a_drive=bool(_round % 2))
                said = _ask(user, module)
                gone = release_id(1) not in store.releases(ENV)
                tally.case(
                    f"{way}: import after the deploy of {serial}",
                    "its release was removed" if gone else "" if said == "1" else f"got {said!r}",
                )
            assert user.stdin is not None
            user.stdin.close()
            user.wait(20)
        _deploy(store, place, 7)
        left = release_id(1) in store.releases(ENV)
        tally.case(f"{way}: after its end", "its release is still there" if left else "")
        tally.counts[way] += 1
        shutil.rmtree(place)


def _ask(user: subprocess.Popen[str], module: str) -> str:
    assert user.stdin is not None
    assert user.stdout is not None
    user.stdin.write(f"{module}\n")
    user.stdin.flush()
    return user.stdout.readline().strip()


def _deploy(store: Store, place: Path, serial: int, from_a_drive: bool = False) -> None:
    modules = {f"lib/{name}.py": f"SERIAL = {serial}\n" for name in MODULES}
    tree = {"lib/tool.py": PROGRAM, **modules}
    made = make_release(place / "depot", store.root, serial, tree=tree, checks=Checks(), part_size=1 << 20)
    if from_a_drive:
        install_command(store, place / "depot", serial, keep=1)
        return
    made.send(store)
    deploy(store, made.step(), made.sha256, keep=1)
