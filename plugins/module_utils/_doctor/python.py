# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The doctor on Python packages: from whom they come, how they were installed, whether they are there once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.urls import without_credentials
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import normal_name
from ansible_collections.airgap.conda.plugins.module_utils._doctor.case import Case, Complained, complain, pin, some
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import read_marker
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import Installed, Package, Tree

# How setuptools names the .pth files and finders of an editable install.
_EDITABLE = re.compile(r"__editable__[._-](?P<name>.+?)-(?P<version>[^-]+)\.pth")


def distribution_from_conda_and_pip(case: Case) -> Iterator[Complained]:
    """Find Python packages that both conda and pip installed."""
    tree = case.tree
    by_conda = {item.key: item for item in tree.installed if item.owner}
    for item in tree.pip:
        other = by_conda.get(item.key)
        what = f"the distribution {item.key}"
        brought = other.owner.package if other and other.owner else None
        if brought is None:
            brought, module = _same_module(tree, item)
            what = f"the module {module}"
        if brought is None:
            continue
        requirers = [bounds for _who, bounds in case.requirers(item.key)]
        new = pin(brought.name, item.package.version, requirers)
        where, change = case.move_to_conda(item.key, brought.name, new)
        yield complain(
            "distribution-from-conda-and-pip",
            f"{what} from {brought} and from {item.package}",
            (brought, item.package),
            change,
            where,
        )


def _same_module(tree: Tree, item: Installed) -> tuple[Package | None, str]:
    """Return the conda package that brings a module which pip's ``item`` brings in another shape: cv2.so and cv2/."""
    site = tree.site_packages
    for path in item.files:
        match = re.fullmatch(re.escape(site) + r"/(\w+)(?:/__init__\.py|\.py|\.[\w-]*\.so|\.so)", path)
        if not match or path in tree.claims:
            continue
        for shape in (f"{site}/{match[1]}/__init__.py", f"{site}/{match[1]}.py", *_extensions(tree, match[1])):
            if shape in tree.claims and shape not in tree.damage:
                return tree.claims[shape][0][0].package, match[1]
    return None, ""


def _extensions(tree: Tree, module: str) -> list[str]:
    folder = tree.prefix / tree.site_packages
    return [f"{tree.site_packages}/{path.name}" for path in folder.glob(f"{module}.*so")]


def two_dist_infos(case: Case) -> Iterator[Complained]:
    """Find distributions that are registered twice by the same manager."""
    groups: dict[tuple[str, bool], list[Installed]] = {}
    for item in case.tree.installed:
        groups.setdefault((item.key, item.owner is None), []).append(item)
    for (key, by_pip), items in groups.items():
        # One conda package may bring both an .egg-info and a .dist-info of one version.
        if len({(item.package.version, item.owner and item.owner.package.name) for item in items}) < 2 and not (
            by_pip and len(items) > 1
        ):
            continue
        owners = {item.owner.package.name for item in items if item.owner}
        lines = [case.conda_lines[name] for name in sorted(owners) if name in case.conda_lines]
        choice = len(owners) > 1 and lines
        yield complain(
            "two-dist-infos",
            f"{key} as {some(item.info for item in items)}",
            tuple(item.owner.package if item.owner else item.package for item in items),
            f"keep one of them: {case.removal(lines[-1])}" if choice else f"remove {case.tree.prefix} and build again",
            lines[-1].where if choice else str(case.tree.prefix / case.tree.site_packages),
        )


def editable_install(case: Case) -> Iterator[Complained]:
    """Find packages that are links to a source folder, in every way that pip and setuptools have had of making them."""
    for name, version, how in _editables(case.tree):
        new = f"{name}=={version}" if version else name
        yield complain(
            "editable-install",
            f"{name} {version}: {how}" if version else f"{name}: {how}",
            (Package("pip", name, version, "pypi"),),
            f"put a wheel of it on an index and write `- {new}` into the pip list",
            case.pip_lines[name].where if name in case.pip_lines else str(case.file),
        )


def _editables(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """Yield name, version and evidence of each editable install once."""
    seen = set()
    for item in tree.pip:
        url = _direct_url(item)
        if url.get("dir_info", {}).get("editable"):
            seen.add(item.key)
            yield item.key, item.package.version, f"direct_url.json says editable, in {_address(url)}"
    site = tree.prefix / tree.site_packages
    folder = sorted(site.iterdir()) if tree.site_packages and site.is_dir() else []
    for path in folder:
        name, version, how = _pointer(tree.prefix, path)
        if how and name not in seen:
            seen.add(name)
            yield name, version, how


def _pointer(prefix: Path, path: Path) -> tuple[str, str, str]:
    """Return name, version and evidence when the file makes Python import from outside the environment."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.suffix in (".egg-link", ".pth") else ""
    if path.suffix == ".egg-link":
        return normal_name(path.stem), "", f"{path.name} points to {text.partition(os.linesep)[0]}"
    match = _EDITABLE.fullmatch(path.name)
    if match:
        return normal_name(match["name"]), match["version"], f"{path.name} loads it from its source folder"
    for line in text.splitlines():
        folder = line.strip()
        # A line that starts with import is run, a comment is not; every other one is a folder.
        if folder and not line.startswith(("#", "import ", "import\t")) and _leaves(prefix, path.parent / folder):
            return normal_name(Path(folder).name), "", f"{path.name} adds {folder} to Python's path"
    return "", "", ""


def _leaves(prefix: Path, path: Path) -> bool:
    return os.path.commonpath([os.path.realpath(prefix), os.path.realpath(path)]) != os.path.realpath(prefix)


def pip_built_from_source(case: Case) -> Iterator[Complained]:
    """Find pip's packages that were built here.

    Only pip knows all of them: the environment's marker has its report of the installation. In an environment
    that others made, those are found that leave evidence.
    """
    reported = _reported(case.tree.prefix)
    for item in case.tree.pip:
        evidence = _evidence(item, reported)
        if not evidence:
            continue
        compiled = [path for path in item.files if path.endswith(".so")]
        where, change = case.move_to_conda(item.key, item.key, f"{item.key}={item.package.version}")
        yield complain(
            "pip-built-from-source",
            f"{item.package}: {evidence}; " + (f"compiled: {some(compiled)}" if compiled else "nothing compiled"),
            (item.package,),
            f"{change}, if a channel has it",
            where,
        )


def _reported(prefix: Path) -> set[str] | None:
    try:
        return set(json.loads(read_marker(prefix) or "{}")["built_from_source"])
    except (ValueError, KeyError, TypeError):
        return None


def _evidence(item: Installed, reported: set[str] | None) -> str:
    if item.key in (reported or ()):
        return "pip built it"
    url = _direct_url(item)
    if "vcs_info" in url or "dir_info" in url:
        return f"installed from {_address(url)}"
    if "archive_info" in url and not str(url.get("url", "")).endswith(".whl"):
        return f"installed from {_address(url)}"
    if item.info.endswith(".egg-info"):
        return "installed by its setup.py"
    # PyPI refuses this tag; other indexes have such wheels, so pip's report counts for more.
    wheel = item.metadata.read_text("WHEEL") or "" if reported is None else ""
    tags = re.findall(r"^Tag:\s*\S+-(linux_\w+)\s*$", wheel, re.MULTILINE)
    return f"its wheel is for {tags[0]}, a tag that PyPI refuses" if tags else ""


def _direct_url(item: Installed) -> Mapping[str, Any]:
    try:
        content = json.loads(item.metadata.read_text("direct_url.json") or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _address(url: Mapping[str, Any]) -> str:
    return without_credentials(str(url.get("url", "")))
