# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 1 as a folder: find, publish and check the releases of a depot."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names, measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import flush_directory, make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    is_env_name,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import read_manifest
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import OtherContentError, TrustedRelease

# Seconds that one run waits until another has published its release; an import copies it from a drive meanwhile.
PUBLISH_WAIT = 600.0


@dataclass(frozen=True)
class Verified:
    """A release in ``folder`` whose signature and files were checked."""

    folder: Path
    release: TrustedRelease

    @property
    def manifest(self) -> Manifest:
        """The manifest that was signed."""
        return self.release.manifest

    @property
    def signer(self) -> str:
        """Who signed it."""
        return self.release.signer

    def as_result(self) -> dict[str, Any]:
        """Return what the modules that work on a host need to know of it."""
        trusted = self.release
        sums = (trusted.manifest_sha256, trusted.signature_sha256)
        return Release.of(self.manifest, str(self.folder), self.signer, *sums).to_dict()


@dataclass(frozen=True)
class Depot:
    """A directory of releases: <path>/<env>/<release>/."""

    path: Path

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

    def choose(self, env: str, release: str = "") -> str:
        """Return the id ``release``, or that of the newest release when it is empty; raises when there is none."""
        releases = self.releases(env)
        if not releases or (release and release not in releases):
            envs = [name for name in list_names(self.path) if is_env_name(name) and self.releases(name)]
            raise AirgapError(
                "The depot does not have this release",
                code="release-missing",
                wanted=f"{env} {release or '(the newest)'}",
                found=f"releases {', '.join(releases)}" if releases else f"environments {', '.join(envs) or 'none'}",
                where=str(self.path),
                remedy="build or import it first, or correct its name",
            )
        return release or releases[-1]

    def verify(self, env: str, release: str, allowed_signers: Path) -> Verified:
        """Verify the signature of a release, then all that its manifest names; raises AirgapError at the first fault.

        Reads every byte of the release once: 2 GB/s a core where the processor has SHA instructions.
        """
        folder = self.folder(env, release)
        trusted = signed_release(folder, allowed_signers)
        trusted.require_name(env, release, "copy the depot again; releases keep the folder names they were built with")
        check_files(folder, trusted)
        return Verified(folder, trusted)

    @contextmanager
    def new_release(self, manifest: Manifest) -> Iterator[Path]:
        """Give a folder to fill; it becomes the release by one rename when the block ends well.

        Holds the depot's lock, so that two builds cannot take one serial. On an error nothing is left.
        """
        env = self.path / manifest.env
        with os_errors(f"Publishing {manifest.env} {manifest.id}", env):
            make_folder(self.path)
            with locked(self.path, "publish", f"the depot {self.path}", PUBLISH_WAIT):
                (self.path / ".lock").unlink(missing_ok=True)  # of an earlier version: everybody could hold it
                self._require_next(manifest)
                env.mkdir(exist_ok=True)
                for left in env.glob(".new-*"):  # of a run that was killed; the lock says that none is at work
                    shutil.rmtree(left)
                folder = Path(tempfile.mkdtemp(prefix=".new-", dir=env))
                try:
                    yield folder
                    folder.chmod(0o755)
                    _flush(folder)
                    os.rename(folder, env / manifest.id)
                    flush_directory(env)
                    flush_directory(self.path)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                    with suppress(OSError):
                        env.rmdir()  # the first release of this environment failed

    def _require_next(self, manifest: Manifest) -> None:
        releases = self.releases(manifest.env)
        newest = serial_of(releases[-1]) if releases else 0
        if manifest.serial <= newest:
            raise AirgapError(
                "Another build published first",
                code="serial-taken",
                wanted=f"serial {newest + 1} or higher",
                found=f"serial {manifest.serial}",
                where=str(self.path / manifest.env),
                remedy="run the build again",
            )


def signed_release(folder: Path, allowed_signers: Path) -> TrustedRelease:
    """Take the manifest in ``folder``, if its signature there is accepted; raises AirgapError if not."""
    release, path = TrustedRelease(str(folder)), folder / SIGNATURE
    with _whole(folder / MANIFEST, "a manifest"):
        data = read_small(folder / MANIFEST, limits.MANIFEST)
    release.signed(data, signature.read_signature(path), signature.verifier(path, allowed_signers))
    return release


def check_files(folder: Path, release: TrustedRelease) -> None:
    """Compare the list of files, every document and every part of every payload in ``folder`` with the manifest."""
    for content in release.contents():
        wanted = f"sha256 {content.sha256}"
        with _whole(folder / content.name, wanted if content.size is None else f"{content.size} bytes, {wanted}"):
            release.accept(measure(folder / content.name, content.size, limit=content.limit))
    release.require_whole()


@contextmanager
def _whole(path: Path, wanted: str) -> Iterator[None]:
    try:
        yield
    except FileFault as fault:
        raise AirgapError(
            "A file of this release is damaged or missing",
            code="file-damaged",
            wanted=wanted,
            found=f"sha256 {fault.sha256}" if isinstance(fault, OtherContentError) else str(fault),
            where=str(path),
            remedy="copy the release to this depot again",
        ) from fault


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    flush_directory(folder)
