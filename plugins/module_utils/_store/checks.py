# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a release's own checks in the release itself."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activation.script import activate_script
from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import shell
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Manifest
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._run.process import ENVIRONMENT
from ansible_collections.airgap.conda.plugins.module_utils._run.shield import Shield


def failed_check(
    prefix: Path, manifest: Manifest, activate: Path | None = None, concerns: list[str] | None = None
) -> tuple[str, process.Outcome] | None:
    """Run every check of a release; return the first that fails, as its author wrote it, and how it ended.

    ``activate`` is the script that activates it for users, once it is current. ``concerns`` gets what checks added to
    the release and what was removed again; raises AirgapError for what they changed, see ``Shield``.
    """
    shield = Shield(prefix)
    start = f". {shlex.quote(str(activate))} || exit 1" if activate else activate_script(manifest.env, prefix)
    imports = [(f"import {name}", _import(name)) for name in manifest.checks.imports]
    # Libraries write caches and settings below HOME at their first import.
    with os_errors("Running the checks", Path(tempfile.gettempdir())):
        home = tempfile.mkdtemp(prefix="airgap-conda-")
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
        shutil.rmtree(home, ignore_errors=True)
        if concerns is not None:
            concerns += shield.concerns
    return None


def _import(names: str) -> str:
    return f'exec "$CONDA_PREFIX/bin/python" -c "import {names}"'


def _run(start: str, manifest: Manifest, command: str, home: str, shield: Shield) -> process.Outcome:
    script, activation = ([*shell(), "-c", f"{start}\n{what}"] for what in (command, ":"))
    env = {**ENVIRONMENT, "HOME": home}
    return shield.run(script, deadline=manifest.checks.timeout, env=env, activation=activation)


def require_checks(prefix: Path, manifest: Manifest, consequence: str, activate: Path | None = None) -> list[str]:
    """Run the checks of a release and raise AirgapError with the failing check's own output; returns concerns."""
    concerns: list[str] = []
    failed = failed_check(prefix, manifest, activate, concerns)
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
