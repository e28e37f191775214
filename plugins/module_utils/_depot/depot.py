# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 1 as a folder: find, publish and check the releases of a depot."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import (
    FileFault,
    list_names,
    measure,
    read_small,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import flush_directory, make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SIGNATURE,
    Manifest,
    is_env_name,
    parse_manifest,
    read_manifest,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release

# Seconds that one run waits until another has published its release; an import copies it from a drive meanwhile.
PUBLISH_WAIT = 600.0


@dataclass(frozen=True)
class Verified:
    """A release in ``folder`` whose signature and files were checked, the hash of its manifest, and who signed it."""

    folder: Path
    manifest: Manifest
    manifest_sha256: str
    signer: str

    def as_result(self) -> dict[str, Any]:
        """Return what the modules that work on a host need to know of it."""
        signature_sha256 = measure(self.folder / SIGNATURE, limit=limits.SIGNATURE).sha256
        release = Release.of(self.manifest, str(self.folder), self.signer, self.manifest_sha256, signature_sha256)
        return release.to_dict()


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
        path = folder / MANIFEST
        try:
            data = read_small(path, limits.MANIFEST)
        except FileFault as fault:
            raise AirgapError(
                "A file of this release is damaged or missing",
                wanted="a manifest",
                found=str(fault),
                where=str(path),
                remedy="copy the release to this depot again",
            ) from fault
        signer = signature.verify(data, folder / SIGNATURE, allowed_signers)
        manifest = parse_manifest(data.decode("utf-8", "replace"), str(path))
        if (manifest.env, manifest.id) != (env, release):
            raise AirgapError(
                "A release stands in the folder of another",
                wanted=f"{env} {release}",
                found=f"{manifest.env} {manifest.id}",
                where=str(path),
                remedy="copy the depot again; releases keep the folder names they were built with",
            )
        check_files(folder, manifest)
        return Verified(folder, manifest, hashlib.sha256(data).hexdigest(), signer)

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
                "Another build of this environment was faster",
                wanted=f"serial {newest + 1} or higher",
                found=f"serial {manifest.serial}",
                where=str(self.path / manifest.env),
                remedy="run the build again",
            )


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare the list of files, every document and every part of every payload in ``folder`` with the manifest."""
    _check_file(folder / FILES, None, manifest.files_sha256, limits.FILES_PACKED)
    for name, sha256 in manifest.documents.items():
        _check_file(folder / name, None, sha256, limits.DOCUMENT)
    for payload in manifest.payloads:
        for part in payload.parts:
            _check_file(folder / part.name, part.size, part.sha256, limits.PART)


def _check_file(path: Path, size: int | None, sha256: str, limit: int) -> None:
    found = ""
    try:
        actual_sha256 = measure(path, size, limit=limit).sha256
        if actual_sha256 != sha256:
            found = f"sha256 {actual_sha256}"
    except FileFault as fault:
        found = str(fault)
    if found:
        raise AirgapError(
            "A file of this release is damaged or missing",
            wanted=f"{size} bytes, sha256 {sha256}" if size is not None else f"sha256 {sha256}",
            found=found,
            where=str(path),
            remedy="copy the release to this depot again",
        )


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    flush_directory(folder)
