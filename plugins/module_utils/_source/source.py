# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A depot as its readers see it, wherever it is: which releases it has, and what of one its signature vouches for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    is_env_name,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import Rings
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import (
    Content,
    OtherContentError,
    TrustedRelease,
)
from ansible_collections.airgap.conda.plugins.module_utils._source.place import Place


@dataclass(frozen=True)
class Verified:
    """A release whose signature was checked, and where its files are."""

    place: Place
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
        return Release.of(self.manifest, self.place.where, self.signer, *sums)

    def as_result(self) -> dict[str, Any]:
        """Return the same as the modules that work on a host take it."""
        return self.wanted().to_dict()


class Source(ABC):
    """Releases of environments, in a folder or on a server. ``where`` it is, is for messages."""

    where: str

    @abstractmethod
    def names(self) -> list[str]:
        """Return names of which some are those of environments, sorted."""

    @abstractmethod
    def releases(self, env: str) -> list[str]:
        """Return the ids of the releases of ``env``, oldest first; what is no name of an environment has none."""

    @abstractmethod
    def place(self, env: str, release: str) -> Place:
        """Return where the files of one release are."""

    @abstractmethod
    def rings(self) -> Rings:
        """Return what the rings have said; raises AirgapError when it cannot be read."""

    def everything(self) -> list[tuple[str, str]]:
        """Return env and id of each release, whole or not; raises AirgapError for more than anybody has."""
        found: list[tuple[str, str]] = []
        for env in filter(is_env_name, self.names()):
            found += [(env, release) for release in self.releases(env)]
            if len(found) > limits.RELEASES:
                raise AirgapError(
                    "There are too many releases",
                    code="too-many-entries",
                    wanted=f"at most {limits.RELEASES} of all environments",
                    found="more",
                    where=self.where,
                    remedy="remove old ones, or name another folder",
                )
        return found

    def envs(self) -> list[str]:
        """Return the environments that have releases here, sorted."""
        return list(dict.fromkeys(env for env, _release in self.everything()))

    def choose(self, env: str, release: str = "") -> str:
        """Return the id ``release``, or that of the newest release when it is empty; raises when there is none."""
        releases = self.releases(env)
        if not releases or (release and release not in releases):
            envs = self.envs()
            raise AirgapError(
                "The depot does not have this release",
                wanted=f"{env} {release or '(the newest)'}",
                found=f"releases {', '.join(releases)}" if releases else f"environments {', '.join(envs) or 'none'}",
                where=self.where,
                remedy="build or import it first, or correct its name",
                code="release-missing",
            )
        return release or releases[-1]

    def signed(
        self, env: str, release: str, allowed_signers: Path, keygens: Sequence[str] = signature.KEYGENS
    ) -> Verified:
        """Verify the signature of a release, and nothing that its manifest names; raises AirgapError if it is wrong.

        ``keygens`` are the programs that may verify: see ``signature.check``.
        """
        place = self.place(env, release)
        trusted = signed_at(place, allowed_signers, keygens)
        trusted.require_name(env, release, "copy the depot again; releases keep the folder names they were built with")
        return Verified(place, trusted)


def signed_at(place: Place, allowed_signers: Path, keygens: Sequence[str] = signature.KEYGENS) -> TrustedRelease:
    """Take the manifest of a release, if its signature there is accepted; raises AirgapError if not."""
    release, where = TrustedRelease(place.where), place.named(SIGNATURE)
    with whole(place.named(MANIFEST), "a manifest"):
        data = place.small(MANIFEST, limits.MANIFEST)
    signed = signature.read_by(lambda: place.small(SIGNATURE, limits.SIGNATURE), where)
    release.signed(data, signed, signature.verifier(where, allowed_signers, keygens))
    return release


def check_at(place: Place, release: TrustedRelease) -> None:
    """Compare the list of files, every document and every part of every payload of a release with its manifest."""
    for content in release.contents():
        with as_named(place, content):
            release.accept(place.measure(content.name, content.limit, content.size))
    release.require_whole()


@contextmanager
def as_named(place: Place, content: Content) -> Iterator[None]:
    """Turn the FileFault that the block raises for a file that the manifest names into an AirgapError."""
    wanted = f"sha256 {content.sha256}"
    with whole(place.named(content.name), wanted if content.size is None else f"{content.size} bytes, {wanted}"):
        yield


@contextmanager
def whole(where: str, wanted: str) -> Iterator[None]:
    """Turn the FileFault that the block raises for a file of a release into an AirgapError."""
    try:
        yield
    except FileFault as fault:
        raise AirgapError(
            "A file of this release is damaged or missing",
            wanted=wanted,
            found=f"sha256 {fault.sha256}" if isinstance(fault, OtherContentError) else str(fault),
            where=where,
            remedy="copy the release to this depot again",
            code="file-damaged",
        ) from fault
