# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run programs in the activated environment while it is built, as ``conda run`` does: pip, and packages' scripts.

Compilers and JDKs set CC and JAVA_HOME when they are activated, and what pip builds looks for them.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activation.script import activate_script
from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import FIND_BASH
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import walk
from ansible_collections.airgap.conda.plugins.module_utils._environment.container import Container
from ansible_collections.airgap.conda.plugins.module_utils._environment.python import clean_variables
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._run.process import ANSWER_LIMIT

# Looked for where it runs: an image of the hosts' system may have no bash.
SHELL = ["/bin/sh", "-c", f'{FIND_BASH}\nexec $shell -c "$0" "$@"']
# Variables of the shell itself.
# Seconds: pip may have a large package to compile.
LIMIT = 6 * 3600
_SHELLS = ("_", "PWD", "OLDPWD", "SHLVL")


@dataclass(frozen=True)
class Inside:
    """The environment at ``prefix``, whose programs run in the ``container`` if there is one."""

    prefix: Path
    container: Container | None = None

    def run(self, words: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None) -> process.Outcome:
        """Run ``words`` in ``folder`` with these ``variables`` and those of the activated environment.

        Both streams are in its output. Raises AirgapError when the environment cannot be activated.
        """
        return self._run(words, folder, {**self.activated, **(variables or {})})

    @cached_property
    def activated(self) -> dict[str, str]:
        """Return the variables that the activation sets or changes.

        What a script writes into the environment meanwhile is taken away again: a host's environment cannot be
        written, so nothing may count on it.
        """
        present = set(walk(self.prefix)) if self.prefix.is_dir() else set()
        with tempfile.TemporaryDirectory(prefix="airgap-activate-") as folder:
            before, after = Path(folder, "before"), Path(folder, "after")
            ask = "/usr/bin/env -0 >"
            script = (
                f"{ask} {shlex.quote(str(before))}\n{activate_script('build', self.prefix)}\n"
                f"exec {ask} {shlex.quote(str(after))}"
            )
            try:
                done = self._run([*SHELL, script], Path(folder), {})
            finally:
                if self.prefix.is_dir():
                    remove_others(self.prefix, lambda path: path in present)
            if not before.is_file():
                return {}  # nothing runs here; whoever wants to run something is told so
            if not done.ok or not after.is_file():
                raise self._not_activated("; ".join(done.output.strip().splitlines()[-3:]) or done.how)
            old, new = _variables(before), _variables(after)
        return {name: value for name, value in new.items() if old.get(name) != value}

    def _run(self, words: Sequence[str], folder: Path, variables: Mapping[str, str]) -> process.Outcome:
        every = {**clean_variables(self.prefix, os.environ), **variables}
        if self.container:
            words = self.container.command(words, every, self.prefix, folder, variables)
        return process.run(words, deadline=LIMIT, cwd=folder, env=every, limit=ANSWER_LIMIT, whole=False)

    def _not_activated(self, found: str) -> AirgapError:
        return AirgapError(
            "The environment cannot be activated to run pip or the scripts of its packages",
            code="activation-failed",
            wanted="scripts in etc/conda/activate.d that do not end the shell",
            found=found,
            where=str(self.prefix / "etc/conda/activate.d"),
            remedy="use another version of the package whose script ends the shell (exit, set -e), or remove it",
        )


def remove_others(prefix: Path, keep: Callable[[str], bool]) -> None:
    """Remove the paths below ``prefix`` that are not to ``keep``, which is given each relative to it."""
    for path in reversed(walk(prefix)):
        if not keep(path):
            place = prefix / path
            with contextlib.suppress(OSError):  # a folder that has something in it
                place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()


def _variables(path: Path) -> dict[str, str]:
    pairs = (item.partition("=") for item in path.read_bytes().decode("utf-8", "surrogateescape").split("\0"))
    return {
        name: value
        for name, equals, value in pairs
        if equals and name not in _SHELLS and not name.startswith("_AIRGAP_")
    }
