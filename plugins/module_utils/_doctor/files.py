# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor on files: who brought them, who wrote over them, whether they are still there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.airgap.conda.plugins.module_utils._doctor.case import (
    Case,
    Complained,
    complain,
    named,
    pin,
    some,
)
from ansible_collections.airgap.conda.plugins.module_utils._environment.link_scripts import script_of
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import read_marker
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import GONE, CondaPackage, Installed
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import RUN
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import RELEASE


@dataclass(frozen=True)
class _Damage:
    """What happened to the files of one conda package: those pip touched, by whom, and the rest."""

    package: CondaPackage
    culprits: tuple[Installed, ...]
    by_pip: tuple[str, ...]
    others: tuple[str, ...]


def pip_replaced_conda_files(case: Case) -> Iterator[Complained]:
    """Find the packages whose files pip wrote over or deleted: what conda-pack refuses, or silently puts back."""
    for damage in _damages(case):
        if not damage.culprits:
            continue
        package = damage.package.package
        gone = sum(case.tree.damage[path] == GONE for path in damage.by_pip)
        counts = [f"{gone} deleted"] if gone else []
        counts += [f"{len(damage.by_pip) - gone} overwritten"] if len(damage.by_pip) > gone else []
        shown = sorted(damage.by_pip, key=lambda path: ("-info/" in path, path.endswith(".pyc"), path))[:3]
        where, change, because = _take_it_from_conda(case, damage)
        yield complain(
            "pip-replaced-conda-files",
            f"{package}: {' and '.join(counts)} by {named(damage.culprits)}{because}; such as {', '.join(shown)}",
            (package, *(culprit.package for culprit in damage.culprits)),
            change,
            where,
        )


def _take_it_from_conda(case: Case, damage: _Damage) -> tuple[str, str, str]:
    """Return where and what to change so that conda brings what pip wants, and who wants it."""
    package = damage.package.package
    same = case.tree.claimed_distributions(damage.package)
    culprit = next((item for item in damage.culprits if item.key in same), damage.culprits[0])
    if culprit.key not in same:
        where, change = case.move_to_conda(culprit.key, culprit.key, f"{culprit.key}={culprit.package.version}")
        return where, change, ""
    requirers = case.requirers(culprit.key)
    unmet = [(who, bounds) for who, bounds in requirers if not bounds.contains(package.version, prereleases=True)]
    new = pin(package.name, culprit.package.version, [bounds for _who, bounds in requirers])
    where, change = case.move_to_conda(culprit.key, package.name, new)
    if culprit.key not in case.pip_lines and unmet:
        change += f", or use another version of the requiring package that accepts {package.version}"
    because = "".join(f", which {who} requires ({culprit.key}{bounds})" for who, bounds in unmet[:1])
    return where, change, because


def conda_files_changed(case: Case) -> Iterator[Complained]:
    """Find files of conda packages that were changed by something else than pip.

    A copy of release.yml over a file is as good as any, unless the file holds the prefix: then it is not packed.
    """
    targets = [to for _source, to in case.spec.release.copies]
    for damage in _damages(case):
        rewritten = {file.path for file in damage.package.files if file.placeholder}
        changed = [
            path for path in damage.others if path in rewritten or not any(_is_below(path, to) for to in targets)
        ]
        if not changed:
            continue
        copies = [to for to in targets if any(_is_below(path, to) for path in changed)]
        states = sorted({case.tree.damage[path] for path in changed})
        where = str(case.tree.prefix)
        change = "do not change files of conda packages, and remove the prefix to build it again"
        by = ""
        if copies:
            where, by = str(case.spec.directory / RELEASE), f" by the copies to {some(copies)}"
            change = f"give the copies to {some(copies)} another 'to'"
        yield complain(
            "conda-files-changed",
            f"{damage.package.package}: {' or '.join(states)}{by}: {some(changed)}",
            (damage.package.package,),
            change,
            where,
        )


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _damages(case: Case) -> Iterator[_Damage]:
    tree = case.tree
    found: dict[str, tuple[CondaPackage, list[str]]] = {}
    for path in tree.damage:
        package = tree.claims[path][0][0]
        found.setdefault(package.package.name, (package, []))[1].append(path)
    for package, paths in found.values():
        names = tree.claimed_distributions(package)
        successors = {item.key: item for item in tree.pip if item.key in names}
        culprits, by_pip = dict(successors), []
        for path in paths:
            owners = tree.pip_files.get(path, [])
            culprits.update((item.key, item) for item in owners)
            # pip's uninstall of conda's version leaves nothing to see but the version that came in its place.
            if owners or (successors and tree.damage[path] == GONE):
                by_pip.append(path)
        others = tuple(sorted(set(paths) - set(by_pip)))
        yield _Damage(package, tuple(culprits.values()) if by_pip else (), tuple(by_pip), others)


def conda_files_owned_twice(case: Case) -> Iterator[Complained]:
    """Find paths that two conda packages bring with different contents."""
    claims: dict[str, list[tuple[CondaPackage, str]]] = {}
    for package in case.tree.conda:
        for file in package.files:
            if not file.wanted.endswith(".pyc"):  # two of one source differ by its time
                claims.setdefault(file.wanted, []).append((package, file.content))
    clashes: dict[tuple[str, ...], list[str]] = {}
    owners: dict[tuple[str, ...], list[CondaPackage]] = {}
    for path, claimed in claims.items():
        if len(claimed) > 1 and len({content for _package, content in claimed}) > 1:
            key = tuple(package.package.name for package, _content in claimed)
            owners[key] = [package for package, _content in claimed]
            clashes.setdefault(key, []).append(path)
    for key, paths in clashes.items():
        packages = tuple(owner.package for owner in owners[key])
        lines = [case.conda_lines[name] for name in key if name in case.conda_lines]
        change = f"use one channel for both, as in `- {packages[0].channel}::{packages[-1].name}`"
        yield complain(
            "conda-files-owned-twice",
            f"{named(packages)} contain {some(paths)}",
            packages,
            f"keep one of them: {case.removal(lines[-1])}" if lines else change,
            lines[-1].where if lines else str(case.file),
        )


def pip_files_owned_twice(case: Case) -> Iterator[Complained]:
    """Find paths that two pip packages bring with different contents."""
    clashes: dict[tuple[str, ...], list[str]] = {}
    items = {item.key: item for item in case.tree.pip}
    for path, owners in case.tree.pip_files.items():
        hashes = {item.key: item.files[path] for item in owners}
        if len(set(hashes.values()) - {""}) > 1 and path not in case.tree.claims:
            clashes.setdefault(tuple(hashes), []).append(path)
    for keys, paths in clashes.items():
        lines = [case.pip_lines[key] for key in keys if key in case.pip_lines]
        yield complain(
            "pip-files-owned-twice",
            f"{named(items[key] for key in keys)} contain {some(paths)}",
            tuple(items[key].package for key in keys),
            f"keep one of them: {case.removal(lines[-1])}" if lines else "change the package that requires one of them",
            lines[-1].where if lines else str(case.file),
        )


def package_cache_missing(case: Case) -> Iterator[Complained]:
    """Find packages whose extracted folder is gone; conda-pack reads there which files hold the prefix."""
    missing = [package for package in case.tree.conda if not package.cache or not os.path.isdir(package.cache)]
    if missing:
        folders = {os.path.dirname(package.cache) for package in missing if package.cache}
        packages = tuple(package.package for package in missing)
        place = f"not in {some(folders)}" if folders else "in none of the caches in conda-meta"
        yield complain(
            "package-cache-missing",
            f"{some(map(str, packages))} {place}",
            packages,
            f"remove {case.tree.prefix} and build again",
            some(folders) if folders else str(case.tree.prefix / "conda-meta"),
        )


def link_script_not_run(case: Case) -> Iterator[Complained]:
    """Find scripts that conda would have run for its packages: what they make or set up is missing.

    Only an environment whose marker says what was run is looked at; conda itself has run them all.
    """
    try:
        made = json.loads(read_marker(case.tree.prefix) or "null")
        run = set(made.get("link_scripts", ()))
    except (ValueError, TypeError, AttributeError):
        return
    for package in case.tree.conda:
        name = package.package.name
        for action in ("pre-link", "post-link"):
            script = script_of(name, action)
            if script in run or not any(file.path == script for file in package.files):
                continue
            lines = case.conda_lines
            change = f"write `link_scripts: {RUN}` in {RELEASE}, if the script may run on this machine"
            if action == "pre-link":
                change = "use a version without it: only old versions of conda run such scripts"
                change = f"{case.removal(lines[name])}, or {change}" if name in lines else change
            yield complain(
                "link-script-not-run",
                f"{package.package}: {script}",
                (package.package,),
                change,
                str(case.spec.directory / RELEASE),
            )
