# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release where it arrives on a host, held against the hash of the manifest that a controller verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SIGNATURE,
    Manifest,
    Payload,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.place import require_place
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import (
    accept_file,
    read_accepted,
    read_entries,
    take_manifest,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import TrustedRelease


@dataclass(frozen=True)
class Told:
    """What a host is told of a release by who verified it; an empty ``signature_sha256`` leaves that to the host."""

    env: str
    release: str
    manifest_sha256: str
    format: str
    signature_sha256: str = ""


@dataclass(frozen=True)
class Arrived:
    """A release whose record is here: ``record`` are those files as they were hashed; parts may be on their way."""

    folder: Path
    trusted: TrustedRelease
    payload: Payload
    record: Mapping[str, bytes]
    entries: list[FileEntry]

    @property
    def parts(self) -> list[Path]:
        """Where the parts are, in their order."""
        return [self.folder / part.name for part in self.payload.parts]

    def require(self, part: Path) -> None:
        """Raise AirgapError when a part is not there, or is another."""
        accept_file(self.folder, self.trusted, part.name)

    def write_down(self, state: Path) -> None:
        """Put the record into a folder."""
        make_folder(state)
        for name, content in self.record.items():
            replace_file(state / name, content)


def arrived(root: Path, folder: Path, told: Told) -> Arrived:
    """Return the release for the store at ``root`` that is in ``folder``; raises AirgapError if it is another."""
    trusted, text = take_manifest(folder, told.manifest_sha256, told.signature_sha256)
    require_place(str(root), told.env, told.release, trusted.manifest.prefix)
    payload = payload_of(trusted.manifest, told.format, folder)
    files, entries = read_entries(folder, trusted)
    if told.signature_sha256:
        signature = read_accepted(folder, trusted, SIGNATURE)
    else:
        signature = read_small(folder / SIGNATURE, limits.SIGNATURE)
    # The very bytes that were hashed: whoever sent the files may still hold them open.
    record = {MANIFEST: text, FILES: files, SIGNATURE: signature}
    return Arrived(folder, trusted, payload, record, entries)


def payload_of(manifest: Manifest, format_name: str, where: Path) -> Payload:
    """Return the payload of a release in one format; raises AirgapError when it has none."""
    payload = manifest.payload([format_name])
    if payload is None:
        raise AirgapError(
            "The release has no payload in this format",
            code="payload",
            wanted=format_name,
            found=", ".join(p.format for p in manifest.payloads),
            where=str(where),
            remedy=f"add {format_name} to formats in release.yml and build again",
        )
    return payload
