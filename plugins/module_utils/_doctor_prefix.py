# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor on the prefix: files that cannot be told where the environment lives on a host."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterable, Iterator

from ansible_collections.airgap.conda.plugins.module_utils._doctor_finding import Case, Finding, Line, named, some
from ansible_collections.airgap.conda.plugins.module_utils._doctor_tree import Package
from ansible_collections.airgap.conda.plugins.module_utils._files import leads_out


def link_leads_out(case: Case) -> Iterator[Finding]:
    """Find symbolic links that lead out of the environment, absolute ones into it included."""
    links = case.tree.links
    outward = [path for path in links if leads_out(path, links)]
    for packages, paths in _by_owner(case, outward).items():
        lines = [line for package in packages for line in _lines(case, package)]
        yield Finding(
            "link-leads-out",
            f"{named(packages) or 'no package'}: {some(f'{path} -> {links[path]}' for path in paths)}",
            packages,
            f"{case.removal(lines[0])}, or take another version" if lines else "leave out what makes the link",
            lines[0].where if lines else str(case.tree.prefix),
        )


def prefix_too_long(case: Case) -> Iterator[Finding]:
    """Find binary files that have no room for the path on the hosts. Without that path nothing can be said."""
    length = len(os.fsencode(case.dest_prefix))
    short: dict[Package, list[tuple[int, str]]] = {}
    for claimed in case.tree.claims.values():
        package, file = claimed[0]
        room = len(os.fsencode(file.placeholder))
        if file.mode == "binary" and room < length:
            short.setdefault(package.package, []).append((room, file.path))
    if not short:
        return
    room, path = min(entry for entries in short.values() for entry in entries)
    yield Finding(
        "prefix-too-long",
        f"{case.dest_prefix} has {length} bytes, {path} room for {room}; packages: {named(short)}",
        tuple(short),
        f"write a build_root that is at least {length - room} characters shorter",
        "build_root in the inventory",
    )


def prefix_in_binary(case: Case) -> Iterator[Finding]:
    """Find binary files, not brought by conda, that hold the path of the environment on this machine.

    conda-pack takes what is UTF-8 for text and rewrites that, such as the console scripts of pip's packages.
    """
    found = [path for path in case.tree.unmanaged if _holds(case.tree.prefix / path, os.fsencode(case.tree.prefix))]
    for packages, paths in _by_owner(case, found).items():
        where, change = str(case.file), "leave out what writes them"
        if packages:
            name = packages[0].name
            where, change = case.move_to_conda(name, name, f"{name}={packages[0].version}")
        yield Finding(
            "prefix-in-binary",
            f"{named(packages) or 'no package'}: {some(paths)}",
            packages,
            change,
            where,
        )


def _holds(path: os.PathLike[str], prefix: bytes) -> bool:
    """Tell whether a binary file contains ``prefix``; text files, links and empty files do not count."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        return False
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(prefix) < 0:
            return False
        try:
            content[:].decode("utf-8")
        except UnicodeDecodeError:
            return True
    return False


def _by_owner(case: Case, paths: Iterable[str]) -> dict[tuple[Package, ...], list[str]]:
    """Sort paths by the packages that brought them: one, or several that share them, or none."""
    groups: dict[tuple[Package, ...], list[str]] = {}
    for path in paths:
        owners = [package.package for package, _file in case.tree.claims.get(path, ())]
        owners += [item.package for item in case.tree.pip_files.get(path, ())]
        groups.setdefault(tuple(owners), []).append(path)
    return groups


def _lines(case: Case, package: Package) -> list[Line]:
    lines = case.conda_lines if package.manager == "conda" else case.pip_lines
    return [lines[package.name]] if package.name in lines else []
