# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Activate an environment in any shell that is here, and see each variable before, in it and after."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.env_vars import env_var_files
from ansible_collections.airgap.conda.plugins.module_utils._activation.files import activate_files
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

# Shell -> the words that start it without a user's own settings.
STARTS = {
    "dash": ["dash"],
    "bash": ["bash", "--norc"],
    "zsh": ["zsh", "-f"],
    "busybox": ["busybox", "sh"],
    "fish": ["fish", "--no-config"],
    "tcsh": ["tcsh", "-f"],
}
HERE = [
    pytest.param(name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"no {name} here")) for name in STARTS
]
SOURCE = {"fish": "source {}/activate.fish", "tcsh": "source {}/activate.csh"}
# What belongs to each shell itself.
OWN = {"_", "PWD", "OLDPWD", "SHLVL", "HOSTTYPE", "VENDOR", "OSTYPE", "MACHTYPE", "LOGNAME", "USER", "GROUP", "HOST"}


@dataclass(frozen=True)
class Seen:
    """What a child of the shell saw: the environment at each ``show``."""

    shows: Sequence[Mapping[str, str]]
    stderr: str

    def changes(self, start: int = 0, end: int = 1) -> dict[str, str | None]:
        """Return what is different at one show from another; None for what is gone."""
        before, after = self.shows[start], self.shows[end]
        return {
            name: after.get(name)
            for name in sorted({*before, *after} - OWN)
            if before.get(name) != after.get(name) and not name.startswith("__fish")
        }


def write_env(folder: Path, tree: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> Path:
    """Make an environment with one release as a build and a deploy leave it; returns its prefix."""
    prefix = write_tree(folder / "1-00000001", {"bin/tool": "#!/bin/sh\n", **tree})
    write_tree(prefix, env_var_files(prefix, variables or {}))
    (folder / "current").symlink_to(prefix.name)
    write_tree(folder, activate_files(folder.name, folder))
    return prefix


def session(shell: str, folder: Path, steps: Sequence[str], variables: Mapping[str, str] | None = None) -> Seen:
    """Run steps in a shell: activate, deactivate, ``show``, the folder of another environment, or its own command.

    It is a script and no ``-c``: csh knows an alias only on the next line.
    """
    source = SOURCE.get(shell, ". {}/activate")
    words = {"activate": source.format("."), "show": "/usr/bin/env -0; printf '\\001'", "deactivate": "deactivate"}
    lines = [words.get(step, source.format(step) if step.startswith("..") else step) for step in steps]
    script = folder / f"steps.{shell}"
    script.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    done = subprocess.run(
        [*STARTS[shell], str(script)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", **(variables or {})},
        cwd=folder,
        capture_output=True,
        check=False,
    )
    shows = []
    for text in done.stdout.decode().split("\1")[:-1]:
        pairs = [item.partition("=") for item in text.split("\0") if item]
        shows.append({name: value for name, _equals, value in pairs})
    return Seen(shows, done.stderr.decode())
