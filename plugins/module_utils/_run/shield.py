# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prevent checks from changing the release that they check.

Scripts of packages create links and rewrite files when they are sourced, and a check runs as root. So a check gets a
mount namespace in which the release is read-only. If the system does not allow this (a container without CAP_SYS_ADMIN,
an ordinary user without user namespaces), changes by a check are detected afterwards, and reported with their script.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._run import keeper, process

SCRIPTS = "etc/conda/activate.d"

# Mode, size, time in ns, inode. Not the time of the inode: a hard link from another release changes that one.
State = tuple[int, int, int, int]


@dataclass
class Shield:
    """What keeps programs from changing ``prefix``: they see it ``read_only``; where they cannot, looks at the tree.

    ``concerns`` are what was found and put right. What was added is put into ``catch``, or removed where that is None.
    """

    prefix: Path
    read_only: bool = True
    concerns: list[str] = field(default_factory=list)
    catch: Path | None = None
    _before: dict[str, State] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    @classmethod
    def of_looks(cls, prefix: Path, catch: Path | None = None) -> Shield:
        """Return one that looks at the tree now, and again at each ``look``."""
        return cls(prefix, read_only=False, catch=catch, _before=states(prefix))

    def run(
        self, command: Sequence[str], *, deadline: float, env: Mapping[str, str], activation: Sequence[str] = ()
    ) -> process.Outcome:
        """Run ``command`` as ``process.run`` does, with ``prefix`` read-only.

        Where the system does not allow that, this and all later ones run without, and the tree is looked at: first
        after ``activation``, the command that does nothing but activate, so that each is blamed for what it did.
        """
        if self.read_only:
            outcome = process.run(command, deadline=deadline, env=env, shielded=[str(self.prefix)])
            if not unshielded(outcome):
                return outcome
            self.read_only, self._before = False, states(self.prefix)
            if activation:
                process.run(activation, deadline=deadline, env=env)
                self.look("")
        return process.run(command, deadline=deadline, env=env)

    def look(self, cause: str) -> None:
        """Find what ``cause`` has changed since the last look. What it added is removed, and becomes a concern.

        Raises AirgapError for what it changed or removed.
        """
        if self.read_only:
            return
        now = states(self.prefix)
        added = sorted(now.keys() - self._before.keys())
        others = sorted(path for path, state in self._before.items() if now.get(path) != state)
        for path in reversed(added):
            if self.catch is None or stat.S_ISDIR(now[path][0]):
                _remove(self.prefix / path)
            else:
                (self.catch / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(self.prefix / path, self.catch / path)
        self._before = {path: state for path, state in now.items() if path in self._before}
        new = [path for path in added if path not in self._told]  # each check activates again
        self._told.update(new)
        if new:
            shown = [path for path in new if not stat.S_ISDIR(now[path][0])] or new
            self.concerns.append(
                f"{self._blame(cause, shown)} added {_some(shown)} to {self.prefix}, which was removed again; "
                "users who may not write there do without it"
            )
        if others:
            raise AirgapError(
                "A check changed the release that it checks",
                code="release-changed",
                wanted="activation scripts and checks that leave the release as it was signed",
                found=f"{self._blame(cause, others)} changed {_some(others)}",
                where=str(self.prefix),
                remedy="run airgap.conda.repair; leave out the package that brings the script, or run checks as root "
                "of the host itself, where they see the release read-only",
            )

    def _blame(self, cause: str, paths: list[str]) -> str:
        """Name the scripts that speak of one of the paths by its last name, or else all of them."""
        if cause:
            return cause
        scripts = sorted((self.prefix / SCRIPTS).glob("*"))
        names = [os.fsencode(path.rpartition("/")[2]) for path in paths]
        guilty = [path for path in scripts if any(name in path.read_bytes() for name in names)]
        return ", ".join(f"{SCRIPTS}/{path.name}" for path in guilty or scripts) or "the activation"


def unshielded(outcome: process.Outcome) -> bool:
    """Tell whether a program did not run, since what it should not write to could not be made read-only."""
    return outcome.returncode == keeper.UNSHIELDED and outcome.output.startswith(keeper.NOT_SHIELDED)


def run_over(prefix: Path, command: Sequence[str], *, deadline: float, env: Mapping[str, str]) -> process.Outcome:
    """Run ``command`` as ``process.run`` does, with ``prefix`` read-only where the system allows it."""
    outcome = process.run(command, deadline=deadline, env=env, shielded=[str(prefix)])
    return process.run(command, deadline=deadline, env=env) if unshielded(outcome) else outcome


def states(prefix: Path) -> dict[str, State]:
    """Return what every path below ``prefix`` is; folders by their mode only, and no byte code."""
    found = {}
    for path, status in _walk(str(prefix)):
        state = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino)
        found[path[len(str(prefix)) + 1 :]] = (status.st_mode, 0, 0, 0) if stat.S_ISDIR(status.st_mode) else state
    return found


def _walk(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name != "__pycache__":
                with suppress(OSError):
                    yield entry.path, entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    yield from _walk(entry.path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _some(paths: list[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
