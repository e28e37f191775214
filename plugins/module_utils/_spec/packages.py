# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A package of conda or pip as solvers choose it, locks name it and installers take it."""

from __future__ import annotations

import posixpath
import re
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import without_credentials

_FILE = re.compile(r"(?P<name>[^/]+)-(?P<version>[^/-]+)-(?P<build>[^/-]+)\.(?:conda|tar\.bz2)")


@dataclass(frozen=True)
class CondaPackage:
    """One archive of a channel.

    ``url`` is the address anyone may read; ``source`` is where to fetch it from, with what credentials that takes,
    and never appears in messages. ``sha256`` and ``md5`` are lower-case hex, empty if unknown; ``size`` is in bytes, 0
    if unknown.
    """

    name: str
    version: str
    build: str
    subdir: str
    url: str
    sha256: str = ""
    md5: str = ""
    size: int = field(default=0, compare=False)
    source: str = field(default="", compare=False, repr=False)

    @property
    def file(self) -> str:
        """The name of the archive."""
        return posixpath.basename(self.url)

    @property
    def channel(self) -> str:
        """The address of the channel it is in."""
        return posixpath.dirname(posixpath.dirname(self.url))

    @property
    def stem(self) -> str:
        """What names the package in conda-meta and in a package cache."""
        return f"{self.name}-{self.version}-{self.build}"

    @property
    def hash(self) -> str:
        """The hash as in an explicit list: sha256 if it is known, otherwise md5, otherwise nothing."""
        return f"sha256:{self.sha256}" if self.sha256 else self.md5


def package_at(url: str, sha256: str = "", md5: str = "", size: int = 0) -> CondaPackage | None:
    """Return the package whose archive is at ``url``; None when that cannot be the address of one."""
    folder, name = posixpath.split(url)
    subdir = posixpath.basename(folder)
    match = _FILE.fullmatch(unquote(name))
    if not match or "://" not in posixpath.dirname(folder) or not subdir:
        return None
    clean = without_credentials(url)
    return CondaPackage(
        match["name"], match["version"], match["build"], subdir, clean, sha256.lower(), md5.lower(), size, url
    )


@dataclass(frozen=True)
class PipPackage:
    """What pip installed: ``sha256`` is the hash of the file it took, empty when there was no file (a repository).

    ``direct`` tells that it can only be had from its ``url``, since the requirement named that or no hash is known.
    ``built`` tells that pip built it here, from sources.
    """

    name: str
    version: str
    sha256: str
    url: str
    direct: bool = False
    built: bool = field(default=False, compare=False)


def load_packaging() -> Any:
    """Return the library that reads the requirements and versions of pip's packages, or raise AirgapError."""
    try:
        import packaging.requirements
        import packaging.utils
    except ImportError as error:
        raise AirgapError(
            "The Python library packaging is missing",
            code="library-missing",
            wanted="packaging, to read the versions and requirements of pip's packages",
            found=str(error),
            where=sys.executable,
            remedy="install it with 'python -m pip install packaging', for the Python that runs the modules",
        ) from error
    return packaging
