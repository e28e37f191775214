# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controller tells of a release that it verified: to the plugins there, and to a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.handed import Checks, handed
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SHA256,
    SIGNATURE,
    Manifest,
    Payload,
    Requirements,
    is_env_name,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import is_whole

_SUM = ("a sha256 in lower-case hex", SHA256.fullmatch)
_CHECKS: Checks = {
    "env": ("the name of an environment", is_env_name),
    "id": ("the id of a release", serial_of),
    "manifest_sha256": _SUM,
    "signature_sha256": _SUM,
    "files_sha256": _SUM,
}


@dataclass(frozen=True)
class Release:
    """A release that the controller verified. ``bytes`` and ``files`` measure the unpacked tree, hashes are in hex.

    ``root`` is the store that it was packed for, ``path`` its folder in the depot, ``imports`` what must work.
    """

    env: str
    id: str
    serial: int
    root: str
    prefix: str
    platform: str
    created: str
    bytes: int
    files: int
    ipykernel: bool
    gpu: str
    requirements: Requirements
    imports: list[str]
    payloads: tuple[Payload, ...]
    path: str
    signer: str
    manifest_sha256: str
    signature_sha256: str
    files_sha256: str

    @classmethod
    def of(cls, manifest: Manifest, path: str, signer: str, manifest_sha256: str, signature_sha256: str) -> Release:
        """Make it from a verified manifest, and how that was verified."""
        names = ("env", "id", "serial", "root", "prefix", "platform", "created", "bytes", "files", "ipykernel", "gpu")
        return cls(
            **{name: getattr(manifest, name) for name in (*names, "requirements", "payloads", "files_sha256")},
            imports=list(manifest.checks.imports),
            path=path,
            signer=signer,
            manifest_sha256=manifest_sha256,
            signature_sha256=signature_sha256,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as airgap.conda.depot_info returns it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: object, where: str) -> Release:
        """Make it from what ``to_dict`` gave; raises AirgapError, for all that is wrong, when it is not like that."""
        release = handed(cls, data, "what the controller says of a release", where, _CHECKS)
        for payload in release.payloads:
            if not is_whole(payload):
                raise AirgapError(
                    "What the controller says of a release cannot be used",
                    code="handover-invalid",
                    wanted=f"parts of {payload.format} that add up to {payload.size} bytes, with their hashes",
                    found=", ".join(f"{part.name}, {part.size} bytes" for part in payload.parts) or "no part",
                    where=where,
                    remedy="hand on what airgap.conda returned, as it is",
                )
        return release

    @property
    def record(self) -> dict[str, str]:
        """The hash of each file that tells of the release, by name."""
        return {MANIFEST: self.manifest_sha256, SIGNATURE: self.signature_sha256, FILES: self.files_sha256}

    def sums(self, payload: Payload) -> dict[str, str]:
        """Return the hash of each file that a host gets for one payload, by name."""
        return {**{part.name: part.sha256 for part in payload.parts}, **self.record}

    def __str__(self) -> str:
        return f"{self.env} {self.id}"

    def payload(self, formats: Sequence[str]) -> Payload | None:
        """Return the payload in the first of ``formats`` that there is."""
        return next((p for name in formats for p in self.payloads if p.format == name), None)
