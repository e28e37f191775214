# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host says of itself after a step, for those who cannot ask it: a signed file that travels on a drive.

It comes from a host, over a drive: data, of which nothing becomes a path but the name of the host, which is plain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, NAMED, clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import FIELDS, AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import ORDER, Finding
from ansible_collections.airgap.conda.plugins.module_utils._base.handed import Checks, handed
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import SHA256, is_env_name, serial_of

SCHEMA = 1
# A signature for a release, or for anything else, must not pass for one of a receipt.
NAMESPACE = "receipt@airgap.conda"
# The folder of a depot that has one folder of receipts for each host, and the host's public key there.
FOLDER, KEY = ".receipts", "key.pub"
SUFFIX = ".sig"
EVENTS = ("install", "update", "rollback", "verify", "repair", "remove", "prune")
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
FILE_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-(?P<number>[1-9][0-9]{0,11})\.json")
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_WHEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_KEY = re.compile(r"(SHA256:[A-Za-z0-9+/]{43})?")
# GPUs of a host, and characters of an id or a version.
GPUS, _SHORT = 64, 300


@dataclass(frozen=True)
class HostSeen:
    """A host as a release sees it: ``cpu`` is its level (``x86-64-v3``), ``free_bytes`` where the store is or will be.

    What it does not have is empty.
    """

    name: str
    machine_id_sha256: str
    os: str
    kernel: str
    machine: str
    glibc: str
    cpu: str
    driver: str
    gpus: tuple[str, ...]
    free_bytes: int


@dataclass(frozen=True)
class EnvSeen:
    """An environment of a host: ``proved`` is the release whose checks passed there, ``high_water`` a serial.

    ``failed`` is a newer release that an update did not bring, because it did not work there; empty for none.
    """

    current: str
    installed: tuple[str, ...]
    proved: str
    failed: str
    high_water: int


@dataclass(frozen=True)
class Receipt:
    """What a host said of itself ``when`` (UTC) an ``event`` ended.

    ``number`` orders the receipts of a host, whatever its clock does. ``error`` has the fields of what failed, empty
    when all went well; ``seconds`` by step; ``signer`` is the fingerprint of the key it was signed with, or empty.
    ``ring`` is that of a host that fetches for itself, 0 of all others.
    """

    schema: int
    number: int
    host: HostSeen
    root: str
    when: str
    event: str
    ring: int
    ok: bool
    error: dict[str, str]
    envs: dict[str, EnvSeen]
    findings: tuple[Finding, ...]
    seconds: dict[str, float]
    signer: str

    @property
    def file_name(self) -> str:
        """The name of its file, on the host, on a drive and in a depot."""
        return f"{self.when.replace('-', '').replace(':', '')}-{self.number}.json"

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON; ``error`` is null when nothing failed."""
        return {**asdict(self), "error": self.error or None}

    def to_json(self) -> bytes:
        """Return the content of its file; ``from_json`` is the inverse."""
        return (json.dumps(self.to_dict(), indent=1) + "\n").encode()

    @classmethod
    def from_dict(cls, data: object, where: str) -> Receipt:
        """Make it from what ``to_dict`` gave; raises AirgapError, for all that is wrong, when it is not like that."""
        if isinstance(data, Mapping) and data.get("schema") != SCHEMA:
            raise _unusable(where, f"a receipt of schema {SCHEMA}", f"schema {data.get('schema')!r}"[:_SHORT])
        if isinstance(data, Mapping) and data.get("error", 0) is None:
            data = {**data, "error": {}}
        try:
            receipt = handed(cls, data, "this receipt", where, _CHECKS)
        except AirgapError as error:
            raise _unusable(where, error.wanted, error.found) from error
        odd = next((text for text in _texts(data) if text != clean(text, MESSAGE)), None)
        if odd is not None:
            raise _unusable(where, "plain texts of bounded length", repr(odd)[:_SHORT])
        return receipt

    @classmethod
    def from_json(cls, content: bytes, where: str) -> Receipt:
        """Make it from the content of its file; raises AirgapError when it cannot be used."""
        try:
            if len(content) > limits.RECEIPT:
                raise ValueError(f"{len(content)} bytes, more than {limits.RECEIPT}")
            data = parse_json(content.decode("utf-8"))
        except ValueError as error:
            raise _unusable(where, "a receipt as a host writes it", str(error)[:_SHORT]) from error
        return cls.from_dict(data, where)


def host_name(node: str) -> str:
    """Return a plain name for a host that calls itself ``node``: what cannot be in one becomes ``-``."""
    name = re.sub(r"[^a-z0-9.-]", "-", node.lower())[:63].strip("-.")
    return name if HOST_NAME.fullmatch(name) else "unnamed"


def number_of(name: str) -> int:
    """Return the number in the name of a receipt's file; 0 when it is no such name."""
    match = FILE_NAME.fullmatch(name)
    return int(match["number"]) if match else 0


def time_text(seconds: float) -> str:
    """Return seconds since 1970 as a receipt has them."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime(_TIME)


def seconds_of(when: str) -> float:
    """Return the seconds since 1970 of a receipt's time."""
    return datetime.strptime(when, _TIME).replace(tzinfo=timezone.utc).timestamp()


def _is_time(value: str) -> bool:
    try:
        return bool(_WHEN.fullmatch(value)) and time_text(seconds_of(value)) == value
    except (ValueError, OverflowError):
        return False


def _is_host(data: Mapping[str, Any]) -> bool:
    return (
        bool(HOST_NAME.fullmatch(data["name"]))
        and bool(not data["machine_id_sha256"] or SHA256.fullmatch(data["machine_id_sha256"]))
        and len(data["gpus"]) <= GPUS
        and data["free_bytes"] >= 0
        and all(len(text) <= _SHORT for text in _texts(data))
    )


def _is_envs(data: Mapping[str, Any]) -> bool:
    return len(data) <= NAMED and all(is_env_name(env) and _is_env(item) for env, item in data.items())


def _is_env(item: Mapping[str, Any]) -> bool:
    releases = (item["current"], item["proved"], item["failed"], *item["installed"])
    named = all(len(text) <= _SHORT and (not text or serial_of(text)) for text in releases)
    return named and len(item["installed"]) <= limits.NAMES and item["high_water"] >= 0


def _is_findings(items: list[Mapping[str, Any]]) -> bool:
    return len(items) <= NAMED and all(item["verdict"] in ORDER for item in items)


_CHECKS: Checks = {
    "number": ("a number from 1 to 999999999999", lambda number: 0 < number < 10**12),
    "host": ("a host with a plain name, and its facts in short texts", _is_host),
    "root": ("the path of a store", lambda root: root.startswith("/") and len(root) <= 4096),
    "when": ("a UTC time like 2026-01-31T12:00:00Z", _is_time),
    "event": (f"one of {', '.join(EVENTS)}", EVENTS.__contains__),
    "ring": ("a number from 0 to 100", lambda ring: 0 <= ring <= limits.RINGS),
    "error": ("the fields of an error, or null", lambda error: not error or set(error) == {"code", *FIELDS}),
    "envs": (f"at most {NAMED} environments with releases", _is_envs),
    "findings": (f"at most {NAMED} findings with a verdict each", _is_findings),
    "seconds": (
        "seconds of steps",
        lambda seconds: len(seconds) <= NAMED and all(0 <= number < 1e9 for number in seconds.values()),
    ),
    "signer": ("the fingerprint of a key, or nothing", _KEY.fullmatch),
}


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for name, item in data.items():
            yield str(name)
            yield from _texts(item)
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from _texts(item)


def _unusable(where: str, wanted: str, found: str) -> AirgapError:
    return AirgapError(
        "This receipt cannot be used",
        wanted=wanted,
        found=found,
        where=where,
        remedy="export the receipts of this host again: airgap-envs export-receipt; what others wrote stays out",
        code="receipt-unusable",
    )
