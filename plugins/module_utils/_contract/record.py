# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the files of a release where they lie, for the trusted core to judge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, Manifest
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import unusable
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import OtherContentError, TrustedRelease

SEND_AGAIN = "run the deploy again; it sends what is missing"


def recorded(manifest: Path) -> TrustedRelease:
    """Take a manifest from a folder that only those can write who vouch for it; raises AirgapError as the core does."""
    release = TrustedRelease(str(manifest.parent))
    try:
        release.recorded(read_small(manifest, limits.MANIFEST))
    except FileFault as fault:
        raise unusable(str(manifest), str(fault)) from fault
    return release


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of such a folder."""
    return recorded(path).manifest


@contextmanager
def as_signed(path: Path, sha256: str, remedy: str = SEND_AGAIN) -> Iterator[None]:
    """Turn the FileFault that the block raises for a file into an AirgapError."""
    try:
        yield
    except FileFault as fault:
        raise AirgapError(
            "A file is not as it was signed",
            code="file-damaged",
            wanted=f"sha256 {sha256}",
            found=f"sha256 {fault.sha256}" if isinstance(fault, OtherContentError) else str(fault),
            where=str(path),
            remedy=remedy,
        ) from fault


def take_manifest(folder: Path, sha256: str, signature_sha256: str) -> tuple[TrustedRelease, bytes]:
    """Take the manifest in ``folder`` if it has the hash that a controller verified; raises AirgapError if not."""
    release = TrustedRelease(str(folder))
    with as_signed(folder / MANIFEST, sha256):
        data = read_small(folder / MANIFEST, limits.MANIFEST)
        release.hashed(data, sha256, signature_sha256)
    return release, data


def read_entries(folder: Path, release: TrustedRelease, remedy: str = SEND_AGAIN) -> tuple[bytes, list[FileEntry]]:
    """Return the list of files of a release, as it is and as entries; raises AirgapError for another one."""
    content = release.content(FILES)
    with as_signed(folder / FILES, content.sha256, remedy):
        data = read_small(folder / FILES, content.limit)
        return data, release.entries(data)


def read_accepted(folder: Path, release: TrustedRelease, name: str) -> bytes:
    """Return the content of a file of a release; raises AirgapError when it cannot be read or is another."""
    content = release.content(name)
    with as_signed(folder / name, content.sha256):
        data = read_small(folder / name, content.limit)
        release.accept_bytes(name, data)
    return data


def accept_file(folder: Path, release: TrustedRelease, name: str) -> None:
    """Read a file of a release and drop it; raises AirgapError when it cannot be read or is another."""
    content = release.content(name)
    with as_signed(folder / name, content.sha256):
        release.accept(measure(folder / name, content.size, limit=content.limit))
