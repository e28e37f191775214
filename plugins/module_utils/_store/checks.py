# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a release's own checks in the release itself, and start it as its users do."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activation.script import activate_script
from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import shell
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Manifest
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._run.process import ENVIRONMENT
from ansible_collections.airgap.conda.plugins.module_utils._run.shield import Shield

# What the users of a release do first, and what tells that they are in it: a script that ends the shell tells nothing.
STARTS = """\
. {activate} || exit
if [ -e {python} ] || [ -h {python} ]; then {python} -c '' || exit; fi
printf '\\nactivated %s\\n' "$CONDA_PREFIX"
"""


def failed_check(
    prefix: Path, manifest: Manifest, concerns: list[str] | None = None
) -> tuple[str, process.Outcome] | None:
    """Run every check of a release; return the first that fails, as its author wrote it, and how it ended.

    ``concerns`` gets what checks added to the release and what was removed again; raises AirgapError for what they
    changed, see ``Shield``.
    """
    shield, start = Shield(prefix), activate_script(manifest.env, prefix)
    imports = [(f"import {name}", _import(name)) for name in manifest.checks.imports]
    with _home() as home:
        try:
            # All in one process first: mostly they all work, and numpy need not be loaded for each of them again.
            together = _import(", ".join(manifest.checks.imports))
            if imports and _run(start, manifest, together, home, shield).ok:
                imports = []
            shield.look("the checks")
            for name, command in imports + [(command, command) for command in manifest.checks.commands]:
                outcome = _run(start, manifest, command, home, shield)
                shield.look(f"the check {name}")
                if not outcome.ok:
                    return name, outcome
        finally:
            if concerns is not None:
                concerns += shield.concerns
    return None


@contextmanager
def _home() -> Iterator[str]:
    """Give the block a HOME: libraries write caches and settings below it at their first import."""
    with os_errors("Running the checks", Path(tempfile.gettempdir())):
        home = tempfile.mkdtemp(prefix="airgap-conda-")
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _import(names: str) -> str:
    return f'exec "$CONDA_PREFIX/bin/python" -c "import {names}"'


def _run(start: str, manifest: Manifest, command: str, home: str, shield: Shield) -> process.Outcome:
    script, activation = ([*shell(), "-c", f"{start}\n{what}"] for what in (command, ":"))
    return shield.run(script, deadline=manifest.checks.timeout, env=_environment(home), activation=activation)


def _environment(home: str) -> dict[str, str]:
    return {**ENVIRONMENT, "HOME": home}


def require_start(prefix: Path, manifest: Manifest, consequence: str, activate: Path) -> None:
    """Raise AirgapError unless a shell that sources ``activate`` is in the release at ``prefix``, and Python starts.

    The release's own checks passed there before, and nothing else is seen now: ``activate`` leads to the folder of the
    release itself, not to the link by which it is current.
    """
    shield, real = Shield(prefix), os.path.realpath(prefix)
    script = STARTS.format(activate=shlex.quote(str(activate)), python=shlex.quote(f"{real}/bin/python"))
    with _home() as home:
        outcome = shield.run([*shell(), "-c", script], deadline=manifest.checks.timeout, env=_environment(home))
        shield.look("the activation")
    last = outcome.output.rstrip("\n").rpartition("\n")[2]
    if not outcome.ok or last != f"activated {real}":
        raise AirgapError(
            f"{manifest.env} {manifest.id} does not start as its users start it; {consequence}",
            code="start-failed",
            wanted=f"a shell that sources {activate} to be in {real}, and its Python to start there",
            found=outcome.explain(),
            where=str(activate),
            remedy=f"correct the scripts in etc/conda/activate.d of {manifest.env} and build a new release",
        )


def require_checks(prefix: Path, manifest: Manifest, consequence: str) -> list[str]:
    """Run the checks of a release and raise AirgapError with the failing check's own output; returns concerns."""
    concerns: list[str] = []
    failed = failed_check(prefix, manifest, concerns)
    if failed:
        check, outcome = failed
        raise AirgapError(
            f"A check of {manifest.env} {manifest.id} failed; {consequence}",
            code="check-failed",
            wanted=f"success of: {check}",
            found=outcome.explain(),
            where=str(prefix),
            remedy=f"correct environment.yml or release.yml of {manifest.env} and build a new release",
        )
    return concerns
