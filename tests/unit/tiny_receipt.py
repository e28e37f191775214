# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Receipts for tests: of any host, signed with a key of the test."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import (
    FOLDER,
    NAMESPACE,
    SCHEMA,
    SUFFIX,
    EnvSeen,
    HostSeen,
    Receipt,
    time_text,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.sshsig import fingerprint

# 2026-01-31T12:00:00Z
START = 1769860800
HOST = HostSeen(
    name="ws1",
    machine_id_sha256="",
    os="Ubuntu 18.04.6 LTS",
    kernel="4.15.0-213-generic",
    machine="x86_64",
    glibc="2.27",
    cpu="x86-64-v2",
    driver="",
    gpus=(),
    free_bytes=100 << 30,
)


def make_key(folder: Path, name: str = "host") -> Path:
    """Make a key that signs receipts."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    return folder / name


def receipt(number: int = 1, key: Path | None = None, root: Path | str = "/opt/conda-envs", **host: Any) -> Receipt:
    """Return a receipt of ``HOST``, whose fields are replaced by those given."""
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2]) if key else ""
    return Receipt(
        schema=SCHEMA,
        number=START + number,
        host=replace(HOST, **host),
        root=str(root),
        when=time_text(START + number),
        event="install",
        ok=True,
        error={},
        envs={"demo": EnvSeen("1-00000001", ("1-00000001",), "1-00000001", 1)},
        findings=(),
        seconds={"all": 1.5},
        signer=fingerprint(public) if key else "",
    )


def put(depot: Path, one: Receipt, key: Path | None, *, host: str = "", name: str = "", content: bytes = b"") -> Path:
    """Put a receipt on a drive, as ``airgap-envs export-receipt`` does, or otherwise where a test says so."""
    folder = depot / FOLDER / (host or one.host.name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or one.file_name)
    path.write_bytes(content or one.to_json())
    if key:
        sign(path, key)
    return path


def sign(path: Path, key: Path, namespace: str = NAMESPACE) -> None:
    """Sign a file."""
    path.with_name(path.name + SUFFIX).unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", namespace, str(path)], check=True, capture_output=True
    )
