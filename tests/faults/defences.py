# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take each defence of defences_*.yml away in turn, in a copy of the checkout, and see a test turn red."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from scenes import Share, World
from tally import Tally

PROMISE = "every defence has a test that fails without the defence, in a copy of the checkout"
CHECKOUT = Path(__file__).resolve().parents[2]
LISTS = sorted(Path(__file__).parent.glob("defences_*.yml"))
CODE = Path("plugins/module_utils")
# Where the tests are that rows name: by the path below tests/unit, or as modules/…
TESTS = (Path("tests/unit"), Path("tests"))
# What pytest returns when tests failed, and not something else went wrong.
GREEN, RED = 0, 1
# A test that is red for these says nothing of a defence.
UNUSABLE = re.compile(r"^E +(NameError|SyntaxError|IndentationError|UnboundLocalError|ImportError)", re.MULTILINE)


def run(world: World, share: Share) -> Tally:
    """Take away every defence of this worker's share."""
    tally = Tally("defences", PROMISE)
    copy = world.base / "checkout"
    for name in ("meta", "playbooks", "plugins", "roles", "tests/unit", "tests/modules"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "galaxy.yml", "tests/conftest.py"):
        shutil.copyfile(CHECKOUT / name, copy / name)
    defences: list[dict[str, Any]] = [row for path in LISTS for row in yaml.safe_load(path.read_text(encoding="utf-8"))]
    mine = share.of(defences)
    tests = sorted({defence["test"] for defence in mine})
    code, said = _pytest(copy, tests)
    if code != GREEN:
        tally.case("with all defences", f"the tests are red before anything is taken away: {said}")
        return tally
    for defence in mine:
        tally.case(f"{defence['file']}: {defence['threat']}", _without(copy, defence))
    return tally


def _without(copy: Path, defence: dict[str, Any]) -> str:
    path = copy / (CODE if defence["file"].startswith("_") else "") / defence["file"]
    text = path.read_text(encoding="utf-8")
    if text.count(defence["take"]) != 1:
        return f"{text.count(defence['take'])} times in the file, and not once: {defence['take']!r}"
    path.write_text(text.replace(defence["take"], defence["leave"]), encoding="utf-8")
    try:
        code, said = _pytest(copy, [defence["test"]])
    finally:
        path.write_text(text, encoding="utf-8")
    if code == RED and UNUSABLE.search(said):
        return f"without it the code does not run: {said}"
    return {GREEN: f"{defence['test']} is green without it", RED: ""}.get(code, f"pytest ended with {code}: {said}")


def _pytest(copy: Path, tests: list[str]) -> tuple[int, str]:
    command = [sys.executable, "-Bm", "pytest", "-qx", "-o", "cache_dir=.cache/pytest", "-p", "no:xdist"]
    names = [_path(copy, test) for test in tests]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    temp = ["--basetemp", str(copy.parent / "pytest")]
    done = subprocess.run([*command, *temp, *names], cwd=copy, env=env, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr)[-2000:]


def _path(copy: Path, test: str) -> str:
    there = (folder / test for folder in TESTS if (copy / folder / test.partition("::")[0]).exists())
    return str(next(there, test))  # of one that is not there, pytest says so
