# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The receipts of this host: write one, sign it, keep the last ones."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.answer import NAMED
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    make_folder,
    os_errors,
    replace_file,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import (
    NAMESPACE,
    SCHEMA,
    SUFFIX,
    Receipt,
    number_of,
    time_text,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.sshsig import fingerprint
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools
from ansible_collections.airgap.conda.plugins.module_utils._pull.failed import ring_of
from ansible_collections.airgap.conda.plugins.module_utils._receipt.seen import env_seen, host_seen, plain_text
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases

# The folder in .state, and there the key of a store whose user cannot read the host's.
NAME, OWN_KEY = ".receipts", "key"
HOST_KEY = Path("/etc/ssh/ssh_host_ed25519_key")
# Seconds that one run waits until another has written its receipt.
WAIT = 10.0


@dataclass(frozen=True)
class Written:
    """A receipt that was written; ``unsigned`` says why it has no signature, and is empty when it has one."""

    receipt: Receipt
    content: bytes
    signature: bytes
    unsigned: str = ""

    def as_result(self) -> dict[str, str]:
        """Return it as a module returns it."""
        return {
            "name": self.receipt.file_name,
            "content": self.content.decode(),
            "signature": self.signature.decode("ascii", "replace"),
        }


def write_receipt(
    store: Releases,
    event: str,
    error: AirgapError | None,
    findings: Sequence[Finding] = (),
    seconds: Mapping[str, float] | None = None,
    tools: Tools | None = None,
) -> Written:
    """Write a receipt of this host after ``event``, sign it, and remove the oldest; raises AirgapError."""
    folder = store.root / ".state" / NAME
    with os_errors("Writing a receipt", folder):
        make_folder(folder)
        with locked(store.root / ".state", NAME, "the receipts of this host", WAIT):
            for left in folder.glob(".*new*"):  # of a run that was killed: a folder, or a file that got no name
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            there = _names(folder)
            # The clock when it goes forward; whatever it does, a later receipt has a higher number.
            number = max(int(time.time()), number_of(there[-1]) + 1 if there else 1)
            keygens = signature.keygens_with(store.release(RUNTIME, "current"))
            now, trouble, signed = time_text(time.time()), "", b""

            def made(signer: str) -> Receipt:
                return Receipt(
                    schema=SCHEMA,
                    number=number,
                    host=host_seen(store, tools or Tools()),
                    root=str(store.root),
                    when=now,
                    event=event,
                    ring=ring_of(store),
                    ok=error is None,
                    error={name: plain_text(text) for name, text in error.fields().items()} if error else {},
                    envs={env: env_seen(store, env) for env in store.known()[:NAMED]},
                    findings=tuple(map(_plain, findings[:NAMED])),
                    seconds={plain_text(name): float(length) for name, length in (seconds or {}).items()},
                    signer=signer,
                )

            try:
                key = _key(folder, keygens)
                receipt = made(fingerprint(_public(key)))
                signed = _signed(folder, receipt.to_json(), key, keygens)
            except (AirgapError, ValueError, IndexError) as fault:
                receipt, trouble = made(""), str(fault)
            content = receipt.to_json()
            Receipt.from_json(content, receipt.file_name)  # nobody would take what this host cannot
            if signed:
                replace_file(folder / f"{receipt.file_name}{SUFFIX}", signed)
            replace_file(folder / receipt.file_name, content)
            for name in there[: max(0, len(there) + 1 - limits.RECEIPTS)]:
                for old in (folder / name, folder / f"{name}{SUFFIX}"):
                    old.unlink(missing_ok=True)
    return Written(receipt, content, signed, trouble)


def is_due(store: Releases, pause: float) -> bool:
    """Tell whether the last receipt of this host is older than ``pause`` seconds, or of another time altogether."""
    folder = store.root / ".state" / NAME
    try:
        return abs(time.time() - (folder / _names(folder)[-1]).stat().st_mtime) >= pause
    except (OSError, IndexError):
        return True


def kept(store: Releases) -> list[dict[str, str]]:
    """Return the receipts of this host, oldest first: name, content and signature of each."""
    folder, found = store.root / ".state" / NAME, []
    for name in _names(folder):
        try:
            content = read_small(folder / name, limits.RECEIPT).decode()
        except (FileFault, ValueError):
            continue  # another run has just removed it
        try:
            signed = read_small(folder / f"{name}{SUFFIX}", limits.SIGNATURE).decode()
        except (FileFault, ValueError):
            signed = ""
        found.append({"name": name, "content": content, "signature": signed})
    return found


def _plain(finding: Finding) -> Finding:
    return Finding(**{name: plain_text(text) for name, text in asdict(finding).items()})


def _names(folder: Path) -> list[str]:
    """Return the names of the receipts in a folder, oldest first."""
    return sorted((name for name in list_names(folder) if number_of(name)), key=number_of)


def _key(folder: Path, keygens: Sequence[str]) -> Path:
    """Return the key to sign with: the host's own, for who may not read that one of the store; raises AirgapError."""
    own = folder / OWN_KEY
    if os.geteuid() == 0 and HOST_KEY.is_file() and HOST_KEY.with_suffix(".pub").is_file():
        return HOST_KEY
    if not own.is_file() or not own.with_suffix(".pub").is_file():
        own.unlink(missing_ok=True)
        signature.make_key(own, keygens)
    return own


def _public(key: Path) -> str:
    return " ".join(key.with_suffix(".pub").read_text(encoding="ascii").split()[:2])


def _signed(folder: Path, content: bytes, key: Path, keygens: Sequence[str]) -> bytes:
    work = folder / ".new-receipt"  # nobody else is at work here, and what a killed run left is gone
    work.mkdir(0o700)
    try:
        (work / "receipt").write_bytes(content)
        return signature.sign(work / "receipt", key, NAMESPACE, keygens).read_bytes()
    finally:
        shutil.rmtree(work, ignore_errors=True)
