# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one interface to what solves and installs: the rattler library, or conda, mamba or micromamba."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._solve.cli import CliBackend
from ansible_collections.airgap.conda.plugins.module_utils._solve.rattler_install import install, records_of
from ansible_collections.airgap.conda.plugins.module_utils._solve.rattler_solve import solve
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage, package_at
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target

RATTLER = "rattler"
PROGRAMS = ("conda", "mamba", "micromamba")
# For auto, fastest first; rattler when none of them is there.
PREFERRED = ("micromamba", "mamba", "conda")


class Backend(Protocol):
    """Finds packages for a spec, and puts packages into a prefix; the two need not be called in one run."""

    name: str
    # The default alias of channels; None if the backend has its own.
    alias: str | None
    # Whether installing runs the scripts that packages want run after it.
    runs_link_scripts: bool

    def solve(self, specs: Sequence[str], channels: Channels, target: Target, where: str) -> list[CondaPackage]:
        """Return the packages that make the environment; ``where`` is the file of the specs, for messages."""

    def install(self, packages: Sequence[CondaPackage], prefix: Path, target: Target) -> None:
        """Link exactly these packages into the absent ``prefix``, each checked against its hash."""


class RattlerBackend:
    """The rattler library: nothing else has to be on the bastion. ``cache`` is for packages and indexes."""

    name = RATTLER
    alias: str | None = "https://conda.anaconda.org"
    runs_link_scripts = False

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._records: dict[CondaPackage, Any] = {}

    def solve(self, specs: Sequence[str], channels: Channels, target: Target, where: str) -> list[CondaPackage]:
        """See Backend."""
        records = solve(specs, channels, target, self._cache, where)
        self._records = {_package(record): record for record in records}
        return list(self._records)

    def install(self, packages: Sequence[CondaPackage], prefix: Path, target: Target) -> None:
        """See Backend."""
        records = self._records
        if not all(package in records for package in packages):
            records = dict(zip(packages, records_of(packages, self._cache)))
        install([records[package] for package in packages], packages, prefix, target.platform, self._cache)


def _package(record: Any) -> CondaPackage:
    sha256 = record.sha256.hex() if record.sha256 else ""
    package = package_at(record.url, sha256, record.md5.hex() if record.md5 else "", record.size or 0)
    if package is None:
        raise AirgapError(
            "A channel lists an archive with an invalid name",
            code="archive-name",
            wanted="name-version-build.conda or .tar.bz2",
            found=record.file_name,
            where=record.name.normalized,
            remedy="index the channel again",
        )
    return package


def backend(name: str, executable: str | None, cache: Path, deadline: float) -> Backend:
    """Return the backend of this name; ``executable`` is its program, if it is not on PATH.

    ``auto`` takes the first of micromamba, mamba and conda that is on PATH, else rattler. ``deadline`` is how many
    seconds one call of the program may take. Raises AirgapError when the program is not there.
    """
    if name == "auto":
        name = next((program for program in PREFERRED if shutil.which(program)), RATTLER)
    if name == RATTLER:
        return RattlerBackend(cache)
    return CliBackend(name, _program(name, executable), cache / name, deadline)


def _program(name: str, executable: str | None) -> str:
    found = shutil.which(str(Path(executable).expanduser()) if executable else name)
    if found:
        return os.path.abspath(found)
    raise AirgapError(
        f"{name} is missing",
        code="program-missing",
        wanted=f"the program {executable or name}",
        found="no such file, or one that cannot be executed",
        where=executable or f"PATH ({os.environ.get('PATH', os.defpath)})",
        remedy=f"install {name}, set its path in 'executable' (role build: build_backend_path), or leave the backend "
        "at rattler, which needs no program",
    )
