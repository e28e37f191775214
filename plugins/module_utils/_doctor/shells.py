# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor on activation: scripts that some shell cannot run, what they want to write, variables that are none."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.airgap.conda.plugins.module_utils._activation.env_vars import env_vars
from ansible_collections.airgap.conda.plugins.module_utils._doctor.case import Case, Complained, complain, named, some
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import Package


def activation_script_fails(case: Case) -> Iterator[Complained]:
    """Find the scripts that do not work in bash or in sh; both source each of them once."""
    scripts: dict[str, dict[str, str]] = {}
    for failure in case.tried.failures:
        scripts.setdefault(failure.path, {})[failure.shell] = failure.message
    for path, messages in scripts.items():
        packages = _owners(case, path)
        works = next((f"works in {name}; " for name in ("bash", "sh") if name not in messages), "")
        said = "; ".join(f"in {name}: {message}" for name, message in messages.items())
        change = "use a version of the package whose script works, or make sure that its users have bash"
        if "bash" in messages:
            change = "use another version of the package, or set its variables under activation in release.yml"
        yield complain(
            "activation-script-fails",
            f"{path} of {named(packages) or 'no package'}: {works}{said}",
            packages,
            change,
            _where(case, packages),
        )


def activation_writes(case: Case) -> Iterator[Complained]:
    """Find the scripts that want to change the release: what could be done at the build is done, and not told."""
    scripts: dict[str, list[str]] = {}
    for wish in case.tried.wishes:
        scripts.setdefault(wish.script, []).append(
            f"{wish.path.replace(str(case.tree.prefix)[1:], '...')} ({wish.how})"
        )
    for path, wishes in scripts.items():
        packages = _owners(case, path)
        yield complain(
            "activation-writes",
            f"{path} of {named(packages) or 'no package'} tries to write {some(wishes)}",
            packages,
            "add its files with copies in release.yml, or use a version that writes outside the environment",
            _where(case, packages),
        )


def env_vars_unusable(case: Case) -> Iterator[Complained]:
    """Find what packages declare as environment variables and no shell can export."""
    for fault in env_vars(case.tree.prefix, {})[1]:
        packages = _owners(case, fault.path)
        yield complain(
            "env-vars-unusable",
            f"{fault.path} of {named(packages) or 'no package'}: {fault.what}",
            packages,
            "set the variable under activation in release.yml, or use another version of the package",
            _where(case, packages),
        )


def _owners(case: Case, path: str) -> tuple[Package, ...]:
    return tuple(package.package for package, _file in case.tree.claims.get(path, ()))


def _where(case: Case, packages: tuple[Package, ...]) -> str:
    lines = [case.conda_lines[package.name] for package in packages if package.name in case.conda_lines]
    return lines[0].where if lines else str(case.file)
