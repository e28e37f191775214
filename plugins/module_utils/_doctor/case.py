# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the doctor's findings are, and the lines of environment.yml that they ask to change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, DEGRADED, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.complaints import ERROR, complaint
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import normal_name
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import Installed, Package, Tree
from ansible_collections.airgap.conda.plugins.module_utils._environment.tried import Tried, tried
from ansible_collections.airgap.conda.plugins.module_utils._spec import pip_line
from ansible_collections.airgap.conda.plugins.module_utils._spec.conda import selected
from ansible_collections.airgap.conda.plugins.module_utils._spec.nodes import read_yaml
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import ENVIRONMENT, RELEASE, Spec

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


@dataclass(frozen=True)
class Complained(Finding):
    """A finding about an environment, of a kind in the catalogue: broken stops the build, degraded is a warning.

    It concerns ``packages``. ``allowed`` is the reason given for letting it pass, empty without one.
    """

    packages: tuple[Package, ...] = ()
    allowed: str = ""

    @property
    def stops(self) -> bool:
        """Tell whether it stops the build."""
        return self.verdict == BROKEN and not self.allowed

    def as_dict(self) -> dict[str, Any]:
        """Return the entry for the manifest."""
        packages = [package.as_dict() for package in self.packages]
        level = complaint(self.check).level
        return {"name": self.check, "level": level, "what": self.found, "packages": packages, "allowed": self.allowed}

    def as_error(self, problem: str = "") -> AirgapError:
        """Return the whole complaint for the user."""
        error = super().as_error(problem)
        if not complaint(self.check).final:
            error.remedy += f'. To build anyway, write in {RELEASE}: allow: {{{self.check}: "the reason"}}'
        return error


def complain(name: str, found: str, packages: tuple[Package, ...], change: str, where: str) -> Complained:
    """Return a finding of the kind ``name``; ``change`` says what to write instead, ``where`` is file and line."""
    known = complaint(name)
    verdict = BROKEN if known.level == ERROR else DEGRADED
    problem = f"{known.title} ({name}). {known.why}"
    return Complained(name, "", verdict, problem, known.wanted, found, where, change, packages=packages)


@dataclass(frozen=True)
class Line:
    """One entry of environment.yml: ``where`` is ``path:line``."""

    text: str
    where: str


@dataclass(frozen=True)
class Case:
    """What a finder looks at: the environment, the spec it was made from, and its path on the hosts (may be empty).

    ``work`` is the folder that this and other environments are built in; without one, that of the prefix.
    """

    tree: Tree
    spec: Spec
    dest_prefix: str = ""
    work: Path | None = None

    @cached_property
    def tried(self) -> Tried:
        """What came of sourcing every activation script once; the folder with what they wrote is gone."""
        with tried(self.tree.prefix) as found:
            return found

    @property
    def file(self) -> Path:
        """The path of environment.yml."""
        return self.spec.directory / ENVIRONMENT

    @cached_property
    def conda_lines(self) -> dict[str, Line]:
        """Return the conda dependencies of environment.yml by package name."""
        return {_conda_name(line.text): line for line in self._lines(False)}

    @cached_property
    def pip_lines(self) -> dict[str, Line]:
        """Return the entries of the pip list by normalised name; those of included files are not there."""
        named = ((re.match(r"[A-Za-z0-9][\w.-]*", line.text), line) for line in self._lines(True))
        return {normal_name(match.group()): line for match, line in named if match}

    def _lines(self, pip: bool) -> Iterable[Line]:
        root = read_yaml(self.file)
        entries = root.mapping()["dependencies"].items() if root else []
        for entry in entries:
            chosen = [entry] if entry.kind != "map" else selected(entry)
            if chosen is not None and not pip:
                yield from (Line(" ".join(item.text.split()), item.where) for item in chosen)
            elif chosen is None and pip and not entry.mapping()["pip"].is_empty:
                yield from (Line(item.text.strip(), item.where) for item in entry.mapping()["pip"].items())

    def conda_change(self, name: str, new: str) -> tuple[str, str]:
        """Return the place of the conda dependency ``name`` and how to write it as ``new``.

        The channel of the present line is kept.
        """
        line = self.conda_lines.get(name)
        if line is None:
            return str(self.file), f"add the line `- {new}` to the dependencies"
        channel, colons, _rest = line.text.rpartition("::")
        if "::" not in new:
            new = channel + colons + new
        return line.where, f"write `- {new}` instead of `- {line.text}`"

    def move_to_conda(self, key: str, name: str, new: str) -> tuple[str, str]:
        """Return where and how to let conda bring ``new`` in place of pip's distribution ``key``."""
        where, change = self.conda_change(name, new)
        line = self.pip_lines.get(key)
        if line is None:
            return where, change
        return line.where, f"{self.removal(line)} from the pip list, and {change}"

    def removal(self, line: Line) -> str:
        """Return how to remove an entry."""
        _file, number, _column = line.where.rsplit(":", 2)
        return f"remove `- {line.text}` (line {number})"

    def requirers(self, key: str) -> list[tuple[str, SpecifierSet]]:
        """Return who among the pip packages asks for a distribution, with the versions they accept.

        What the pip list itself asks for comes first, named as its line.
        """
        from packaging.requirements import InvalidRequirement, Requirement

        found = []
        asked: list[tuple[Installed | None, str]] = []
        asked += [(item, text) for item in self.tree.pip for text in item.metadata.requires or ()]
        if key in self.pip_lines:
            asked.insert(0, (None, pip_line.split(self.pip_lines[key].text)[0]))
        for item, text in asked:
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue  # an old package may have what only old pips read
            if (
                normal_name(requirement.name) == key
                and self._applies(requirement)
                and (item is None or item.key != key)
            ):
                found.append((str(item.package) if item else f"the pip list (`- {text}`)", requirement.specifier))
        return found

    def _applies(self, requirement: Any) -> bool:
        """Tell whether the marker of a requirement holds for the environment's Python, without extras."""
        python = next((p.package.version for p in self.tree.conda if p.package.name == "python"), "")
        versions = {"python_version": ".".join(python.split(".")[:2]), "python_full_version": python} if python else {}
        return requirement.marker is None or requirement.marker.evaluate({"extra": "", **versions})


def pin(name: str, version: str, accepted: Sequence[SpecifierSet]) -> str:
    """Return the loosest simple conda spec around ``version`` (``name=11.*``) whose every version is accepted."""
    from packaging.version import InvalidVersion, Version

    try:
        release = Version(version).release
    except InvalidVersion:
        return f"{name}={version}"
    mentioned = {bound.version.removesuffix(".*") for bounds in accepted for bound in bounds}
    for length in (1, 2):
        start = ".".join(str(number) for number in release[:length])
        samples = [f"{start}.0", f"{start}.99999", *(text for text in mentioned if f"{text}.".startswith(f"{start}."))]
        if all(sample in bounds for bounds in accepted for sample in samples):
            return f"{name}={start}.*"
    return f"{name}={version}"


def some(paths: Iterable[str], most: int = 3) -> str:
    """Return the first of ``paths``, and how many more there are."""
    ordered = sorted(paths)
    more = len(ordered) - most
    return ", ".join(ordered[:most]) + (f" and {more} more" if more > 0 else "")


def named(items: Iterable[Package | Installed]) -> str:
    """Return the packages as one text."""
    return ", ".join(str(item.package if isinstance(item, Installed) else item) for item in items)


def _conda_name(text: str) -> str:
    match = re.match(r"(?:\S+::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)", text)
    return match.group(1).lower() if match else ""
