# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controller tells a host of a release that it verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Payload


@dataclass(frozen=True)
class Release:
    """What the controller says of a release it verified: sizes in bytes, hashes in hex."""

    env: str
    id: str
    serial: int
    prefix: str
    platform: str
    glibc: str
    glibc_file: str
    bytes: int
    files: int
    ipykernel: bool
    created: str
    gpu: str
    requirements: Mapping[str, Any]
    payloads: tuple[Payload, ...]

    @classmethod
    def from_result(cls, data: Mapping[str, Any]) -> Release:
        """Make it from one item of the result of airgap.conda.depot_info."""
        payloads = tuple(Payload.from_dict(item) for item in data["payloads"])
        names = ("env", "id", "serial", "prefix", "platform", "glibc", "glibc_file", "bytes", "files", "ipykernel")
        more = ("created", "gpu", "requirements")
        return cls(payloads=payloads, **{name: data[name] for name in (*names, *more)})

    def __str__(self) -> str:
        return f"{self.env} {self.id}"

    def payload(self, formats: Sequence[str]) -> Payload | None:
        """Return the payload in the first of ``formats`` that there is."""
        return next((p for name in formats for p in self.payloads if p.format == name), None)
