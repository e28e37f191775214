# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 1 as its readers see it: find and check the releases of a folder that is laid out as a depot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names, measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
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
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import (
    Content,
    OtherContentError,
    TrustedRelease,
)


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

    def wanted(self) -> Release:
        """Return what a host needs to know of it."""
        trusted = self.release
        sums = (trusted.manifest_sha256, trusted.signature_sha256)
        return Release.of(self.manifest, str(self.folder), self.signer, *sums)

    def as_result(self) -> dict[str, Any]:
        """Return the same as the modules that work on a host take it."""
        return self.wanted().to_dict()


@dataclass(frozen=True)
class Folder:
    """A directory of releases as its readers see it: <path>/<env>/<release>/."""

    path: Path

    def releases(self, env: str) -> list[str]:
        """Return the ids of the releases of ``env``, oldest first; what is no name of an environment has none."""
        names = list_names(self.path / env) if is_env_name(env) else []
        return sorted((name for name in names if serial_of(name)), key=serial_of)

    def everything(self) -> list[tuple[str, str]]:
        """Return env and id of each release, whole or not; raises AirgapError for more than anybody has."""
        found: list[tuple[str, str]] = []
        for env in filter(is_env_name, list_names(self.path)):
            found += [(env, release) for release in self.releases(env)]
            if len(found) > limits.RELEASES:
                raise AirgapError(
                    "There are too many releases",
                    wanted=f"at most {limits.RELEASES} of all environments",
                    found="more",
                    where=str(self.path),
                    remedy="remove old ones, or name another folder",
                )
        return found

    def envs(self) -> list[str]:
        """Return the environments that have releases here, sorted."""
        return list(dict.fromkeys(env for env, _release in self.everything()))

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
            envs = self.envs()
            raise AirgapError(
                "The depot does not have this release",
                wanted=f"{env} {release or '(the newest)'}",
                found=f"releases {', '.join(releases)}" if releases else f"environments {', '.join(envs) or 'none'}",
                where=str(self.path),
                remedy="build or import it first, or correct its name",
                code="no-such-release",
            )
        return release or releases[-1]

    def signed(
        self, env: str, release: str, allowed_signers: Path, keygens: Sequence[str] = signature.KEYGENS
    ) -> Verified:
        """Verify the signature of a release, and nothing that its manifest names; raises AirgapError if it is wrong.

        ``keygens`` are the programs that may verify: see ``signature.check``.
        """
        folder = self.folder(env, release)
        trusted = signed_release(folder, allowed_signers, keygens)
        trusted.require_name(env, release, "copy the depot again; releases keep the folder names they were built with")
        return Verified(folder, trusted)

    def verify(self, env: str, release: str, allowed_signers: Path) -> Verified:
        """Verify the signature of a release, then all that its manifest names; raises AirgapError at the first fault.

        Reads every byte of the release once: 2 GB/s a core where the processor has SHA instructions.
        """
        verified = self.signed(env, release, allowed_signers)
        check_files(verified.folder, verified.release)
        return verified


def signed_release(folder: Path, allowed_signers: Path, keygens: Sequence[str] = signature.KEYGENS) -> TrustedRelease:
    """Take the manifest in ``folder``, if its signature there is accepted; raises AirgapError if not."""
    release, path = TrustedRelease(str(folder)), folder / SIGNATURE
    with whole(folder / MANIFEST, "a manifest"):
        data = read_small(folder / MANIFEST, limits.MANIFEST)
    release.signed(data, signature.read_signature(path), signature.verifier(path, allowed_signers, keygens))
    return release


def check_files(folder: Path, release: TrustedRelease) -> None:
    """Compare the list of files, every document and every part of every payload in ``folder`` with the manifest."""
    for content in release.contents():
        with as_named(folder / content.name, content):
            release.accept(measure(folder / content.name, content.size, limit=content.limit))
    release.require_whole()


def as_named(path: Path, content: Content) -> AbstractContextManager[None]:
    """Turn the FileFault that the block raises for a file that the manifest names into an AirgapError."""
    wanted = f"sha256 {content.sha256}"
    return whole(path, wanted if content.size is None else f"{content.size} bytes, {wanted}")


@contextmanager
def whole(path: Path, wanted: str) -> Iterator[None]:
    """Turn the FileFault that the block raises for a file of a release into an AirgapError."""
    try:
        yield
    except FileFault as fault:
        raise AirgapError(
            "A file of this release is damaged or missing",
            wanted=wanted,
            found=f"sha256 {fault.sha256}" if isinstance(fault, OtherContentError) else str(fault),
            where=str(path),
            remedy="copy the release to this depot again",
            code="release-damaged",
        ) from fault
