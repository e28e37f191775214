# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 1 as its readers see it: find and check the releases of a folder that is laid out as a depot."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    is_env_name,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import read_manifest
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import Rings, read_rings
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import TrustedRelease
from ansible_collections.airgap.conda.plugins.module_utils._source.place import Here
from ansible_collections.airgap.conda.plugins.module_utils._source.source import Source, Verified, check_at, signed_at


@dataclass(frozen=True)
class Folder(Source):
    """A directory of releases as its readers see it: <path>/<env>/<release>/."""

    path: Path

    @property
    def where(self) -> str:  # type: ignore[override]
        """The path."""
        return str(self.path)

    def names(self) -> list[str]:
        """Return the names in the folder, sorted."""
        return list_names(self.path)

    def releases(self, env: str) -> list[str]:
        """Return the ids of the releases of ``env``, oldest first; what is no name of an environment has none."""
        names = list_names(self.path / env) if is_env_name(env) else []
        return sorted((name for name in names if serial_of(name)), key=serial_of)

    def latest(self, env: str) -> Manifest | None:
        """Return the manifest of the newest release of ``env``, or None. Its signature is not looked at."""
        releases = self.releases(env)
        return read_manifest(self.folder(env, releases[-1]) / MANIFEST) if releases else None

    def folder(self, env: str, release: str) -> Path:
        """Return the folder of one release."""
        return self.path / env / release

    def place(self, env: str, release: str) -> Here:
        """Return the same as a place."""
        return Here(self.folder(env, release))

    def rings(self) -> Rings:
        """Return what the rings have said."""
        return read_rings(self.path)

    def verify(self, env: str, release: str, allowed_signers: Path) -> Verified:
        """Verify the signature of a release, then all that its manifest names; raises AirgapError at the first fault.

        Reads every byte of the release once: 2 GB/s a core where the processor has SHA instructions.
        """
        verified = self.signed(env, release, allowed_signers)
        check_at(verified.place, verified.release)
        return verified


def signed_release(folder: Path, allowed_signers: Path) -> TrustedRelease:
    """Take the manifest in ``folder``, if its signature there is accepted; raises AirgapError if not."""
    return signed_at(Here(folder), allowed_signers)


def check_files(folder: Path, release: TrustedRelease) -> None:
    """Compare the list of files, every document and every part of every payload in ``folder`` with the manifest."""
    check_at(Here(folder), release)


def recorded(folder: Path) -> Verified | None:
    """Return a release that was verified when it came, by what ``folder``, which others cannot write, has of it.

    None where that cannot be read. Nobody is said to have signed it.
    """
    try:
        data, signed = read_small(folder / MANIFEST, limits.MANIFEST), read_small(folder / SIGNATURE, limits.SIGNATURE)
        release = TrustedRelease(str(folder))
        release.hashed(data, hashlib.sha256(data).hexdigest(), hashlib.sha256(signed).hexdigest())
    except (FileFault, AirgapError):
        return None
    return Verified(Here(folder), release)
