# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an environment consists of, as locks, as a list of packages and as the hash that names it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._pip import PipPackage
from ansible_collections.airgap.conda.plugins.module_utils._rattler import load_rattler
from ansible_collections.airgap.conda.plugins.module_utils._urls import without_credentials


def conda_lock(records: Sequence[Any]) -> str:
    """Return conda's explicit list, which conda, mamba, micromamba and pixi install as it is.

    The hash is the md5, the only one that every version of these tools reads; where a channel has none it is
    ``sha256:…``, which newer ones read. No release depends on it: those have the sha256 of every file, and a signature.
    """
    lines = []
    for record in records:
        digest = record.md5.hex() if record.md5 else f"sha256:{record.sha256.hex()}" if record.sha256 else ""
        lines.append(without_credentials(record.url) + (f"#{digest}" if digest else ""))
    return "".join(f"{line}\n" for line in ["@EXPLICIT", *sorted(lines)])


def pip_lock(packages: Sequence[PipPackage]) -> str:
    """Return requirement lines with hashes, as ``pip install --require-hashes`` reads them."""
    lines = []
    for package in packages:
        if package.sha256:
            lines.append(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        else:
            lines.append(f"{package.name} @ {package.url}\n")
    return "".join(sorted(lines))


def package_list(records: Sequence[Any], pip: Sequence[PipPackage]) -> tuple[dict[str, str], ...]:
    """Return manager, name, version, build, channel and sha256 of every package, conda's first, by name."""
    conda = [
        {
            "manager": "conda",
            "name": record.name.normalized,
            "version": str(record.version),
            "build": str(record.build),
            "channel": _channel_name(record.channel),
            "sha256": record.sha256.hex() if record.sha256 else "",
        }
        for record in records
    ]
    pypi = [
        {
            "manager": "pip",
            "name": package.name,
            "version": package.version,
            "build": "",
            "channel": "pypi",
            "sha256": package.sha256,
        }
        for package in pip
    ]
    return tuple(sorted(conda + pypi, key=lambda package: (package["manager"], package["name"])))


def package_lines(packages: Sequence[dict[str, str]]) -> str:
    """Return one line a package, for diffs."""
    keys = ("manager", "name", "version", "build", "channel")
    return "".join(" ".join(package[key] for key in keys if package[key]) + "\n" for package in packages)


def digest(value: Any) -> str:
    """Return the sha256 of a value that JSON can hold; equal values have equal digests."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _channel_name(address: str) -> str:
    clean = without_credentials(address)
    return load_rattler().Channel(clean).name or clean
