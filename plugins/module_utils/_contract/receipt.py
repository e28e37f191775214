# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a controller tells a host of a release that it verified: the hashes that the host's files must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import typed
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SHA256,
    SIGNATURE,
    Payload,
    is_env_name,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import is_whole


@dataclass(frozen=True)
class Receipt:
    """What a controller tells of a release that it verified: a host takes nothing that has other hashes."""

    env: str
    id: str
    prefix: str
    manifest_sha256: str
    signature_sha256: str
    files_sha256: str
    payloads: tuple[Payload, ...]

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Receipt:
        """Make it from an item of the result of airgap.conda.depot_info; raises AirgapError for anything else."""
        try:
            receipt = typed(cls, {field.name: result[field.name] for field in fields(cls)})
        except (KeyError, TypeError, ValueError) as error:
            raise _no_receipt(f"{type(error).__name__}: {error}") from error
        sums = (receipt.manifest_sha256, receipt.signature_sha256, receipt.files_sha256)
        wrong = [text for text in sums if not SHA256.fullmatch(text)]
        wrong += [payload.format for payload in receipt.payloads if not is_whole(payload)]
        if wrong or not is_env_name(receipt.env) or not serial_of(receipt.id):
            raise _no_receipt(f"{receipt.env} {receipt.id}{''.join(f', {text!r}' for text in wrong)}")
        return receipt

    def sums(self, payload: Payload) -> dict[str, str]:
        """Return the hash of each file that a host gets for one payload, by name."""
        parts = {part.name: part.sha256 for part in payload.parts}
        return {
            **parts,
            MANIFEST: self.manifest_sha256,
            SIGNATURE: self.signature_sha256,
            FILES: self.files_sha256,
        }


def _no_receipt(found: str) -> AirgapError:
    return AirgapError(
        "What the controller says of a release cannot be used",
        wanted="an item of releases, as airgap.conda.depot_info returns it",
        found=found,
        where="the releases that this task was given",
        remedy="hand on what depot_info returned as it is",
    )
