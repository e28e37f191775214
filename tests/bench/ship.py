# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runtimes of conda-ship with the packages of an environment that was built here.

conda-ship takes a project that is solved already. Its package on PyPI asks for a conda that PyPI does not have; its
program ``cs`` needs none, so it is installed without what it asks for.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "0.11.1"
LAYOUTS = ("embedded", "external")
PROJECT = """\
[workspace]
name = "demo"
channels = [{channel}]
platforms = ["linux-64"]

[dependencies]
python = "*"

[tool.conda-ship]
runtime-name = "demo"
runtime-version = "1.0"
delegate-executable = "python"
source-environment = "default"
"""


class Missing(Exception):
    """conda-ship cannot be had, or does not build; the text says why."""


def build(programs: Path, prefix: Path, folder: Path) -> dict[str, list[Path]]:
    """Build a runtime of each layout with the conda packages of ``prefix``; return the files that a host needs.

    conda-ship itself is installed below ``programs``, unless it is there.
    """
    program = programs / f"conda-ship-{VERSION}" / "bin" / "cs"
    if not program.exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
        _run([*pip, "--target", str(program.parent.parent), f"conda-ship=={VERSION}"], programs)
    folder.mkdir(parents=True, exist_ok=True)
    _write_project(prefix, folder)
    files = {}
    for layout in LAYOUTS:
        made = folder / layout
        shutil.rmtree(made, ignore_errors=True)
        _run([str(program), "build", "--artifact-layout", layout, "--out-dir", str(made)], folder)
        files[layout] = [made / "demo", *made.glob("*.bundle.tar.zst")]
    return files


def _write_project(prefix: Path, folder: Path) -> None:
    from rattler import LockChannel, LockFile, LockPlatform, PrefixRecord

    records = [PrefixRecord.from_path(path) for path in sorted((prefix / "conda-meta").glob("*.json"))]
    channel = sorted({record.url.rsplit("/", 2)[0] for record in records})[0]
    platform = LockPlatform("linux-64")
    lock = LockFile([platform])
    lock.set_channels("default", [LockChannel(f"{channel}/")])
    for record in records:
        lock.add_conda_package("default", platform, record)
    lock.to_path(folder / "pixi.lock")
    (folder / "pixi.toml").write_text(PROJECT.format(channel=json.dumps(channel)), encoding="utf-8")


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError as error:
        raise Missing(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        last = [line for line in done.stdout.strip().splitlines() if line.strip()][-1:]
        raise Missing(f"`{' '.join(command[:4])} …` ended with {done.returncode}: {' '.join(last)}")
