# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take receipts in: from a drive, or from a host that was asked. A host's key is pinned when it is first seen.

Whoever can write the drive can write anything there: old receipts, those of other hosts, forged ones. What is not
signed by the pinned key stays out, and is one fault that a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import (
    FOLDER,
    KEY,
    NAMESPACE,
    SUFFIX,
    Receipt,
    number_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.signature import not_by
from ansible_collections.airgap.conda.plugins.module_utils._contract.sshsig import fingerprint, key_in
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import hosts, pinned, receipts

# Seconds that one run waits until another has taken its receipts in.
WAIT = 60.0


@dataclass(frozen=True)
class Offered:
    """A receipt as it arrived: the name of its file, its content, its signature (empty without one)."""

    name: str
    content: bytes
    signature: bytes
    where: str


@dataclass
class Taken:
    """What was taken in of one host: ``pinned`` is the fingerprint of a key that was seen for the first time."""

    host: str
    new: int = 0
    pinned: str = ""
    faults: list[AirgapError] = field(default_factory=list)

    def as_result(self) -> dict[str, object]:
        """Return it for JSON."""
        return {"host": self.host, "new": self.new, "pinned": self.pinned, "refused": len(self.faults)}

    def warnings(self) -> list[str]:
        """Return what a person has to read."""
        texts = [str(fault) for fault in self.faults]
        if self.pinned:
            texts.append(
                f"The receipts of {self.host} are seen for the first time; from now on they must be signed by the key "
                f"{self.pinned}. Compare it on that host with: airgap-envs export-receipt, which shows it"
            )
        return texts


def take_from(source: Path, depot: Path, check: bool = False) -> list[Taken]:
    """Take the receipts of all hosts from the depot of a drive into ``depot``; with ``check`` nothing is written."""
    found = []
    for host in hosts(source):
        folder = source / FOLDER / host
        newest = _newest(depot / FOLDER / host)
        offered = [_offered(folder, name) for name in receipts(folder) if number_of(name) > newest]
        if offered:
            found.append(take(host, offered, depot, check))
    return found


def take(host: str, offered: Iterable[Offered], depot: Path, check: bool = False) -> Taken:
    """Take receipts of one host, which are in the order of their numbers, into ``depot``.

    ``host`` is a plain name. What is refused is left out; of each kind of fault, the first is told.
    """
    taken, folder = Taken(host), depot / FOLDER / host
    with os_errors(f"Keeping the receipts of {host}", folder):
        if check:
            _take_all(taken, offered, folder, check=True)
            return taken
        make_folder(folder)
        with locked(depot / FOLDER, host, f"the receipts of {host}", WAIT):
            for left in folder.glob(".*-new"):  # of a run that was killed
                left.unlink()
            _take_all(taken, offered, folder, check=False)
            there = sorted((path.name for path in folder.iterdir() if number_of(path.name)), key=number_of)
            for name in there[: -limits.RECEIPTS]:
                _remove(folder, name)
    return taken


def from_answer(data: Mapping[str, str], where: str) -> Offered:
    """Make it of what a module on a host returns; raises AirgapError for another shape."""
    name, content, signature = (data.get(key) for key in ("name", "content", "signature"))
    if not isinstance(name, str) or not isinstance(content, str) or not isinstance(signature, str):
        raise _refused(where, "name, content and signature of a receipt", "something else", "receipt-unusable")
    return Offered(name, content.encode(), signature.encode(), where)


def _take_all(taken: Taken, offered: Iterable[Offered], folder: Path, check: bool) -> None:
    key, newest, there = pinned(folder), _newest(folder), receipts(folder)
    for one in offered:
        try:
            if number_of(one.name) <= newest or (not key and not one.signature and one.name in there):
                continue
            receipt, signer = _accept(one, taken.host, key)
        except AirgapError as error:
            if error.code not in {fault.code for fault in taken.faults}:  # fifty of one kind are one thing to decide
                taken.faults.append(error)
            continue
        if signer and not key:
            key, taken.pinned = signer, fingerprint(signer)
            if not check:
                # What was there without a signature may be anybody's.
                for name in receipts(folder):
                    _remove(folder, name)
                replace_file(folder / KEY, f"{signer}\n".encode())
        newest = receipt.number
        taken.new += 1
        if not check:
            if one.signature:
                replace_file(folder / f"{one.name}{SUFFIX}", one.signature)
            replace_file(folder / one.name, one.content)


def _accept(one: Offered, host: str, key: str) -> tuple[Receipt, str]:
    """Return a receipt, and the public key that it is signed with (empty without one); raises AirgapError."""
    receipt = Receipt.from_json(one.content, one.where)
    if (receipt.host.name, receipt.file_name) != (host, one.name):
        raise _refused(
            one.where,
            f"a receipt of {host} in a file of the name that it says itself",
            f"{receipt.file_name} of {receipt.host.name}",
            "receipt-misplaced",
        )
    if not one.signature:
        if key or receipt.signer:
            raise _refused(one.where, f"a signature by the key of {host}", "none", "receipt-unsigned")
        return receipt, ""
    try:
        signer = key_in(one.signature)
    except ValueError as error:
        raise _refused(one.where, "a signature by ssh-keygen", str(error), "receipt-unsigned") from error
    if key and signer != key:
        raise AirgapError(
            f"The receipts of {host} are signed by another key than before",
            wanted=f"{fingerprint(key)}, the key that was pinned",
            found=fingerprint(signer),
            where=one.where,
            remedy="find out whether that host was installed again, or two hosts have one name, or somebody writes in "
            f"its place; if the new key is right, remove {KEY} and the receipts in the depot's {FOLDER}/{host}, "
            "then run again",
            code="receipt-key-changed",
        )
    said = not_by(one.content, one.signature, signer, NAMESPACE)
    if said or fingerprint(signer) != receipt.signer:
        raise _refused(
            one.where, "a signature over this receipt, by the key that it names", said or fingerprint(signer),
            "receipt-forged",
        )  # fmt: skip
    return receipt, signer


def _offered(folder: Path, name: str) -> Offered:
    path = folder / name
    try:
        content = read_small(path, limits.RECEIPT)
    except FileFault:
        content = b""  # says so when it is read as a receipt
    try:
        signature = read_small(folder / f"{name}{SUFFIX}", limits.SIGNATURE)
    except FileFault:
        signature = b""
    return Offered(name, content, signature, str(path))


def _newest(folder: Path) -> int:
    """Return the number of the newest receipt that is there; unsigned ones count for nothing, they may be anybody's."""
    if not pinned(folder):
        return 0
    return max(map(number_of, receipts(folder)), default=0)


def _remove(folder: Path, name: str) -> None:
    for path in (folder / name, folder / f"{name}{SUFFIX}"):
        path.unlink(missing_ok=True)


def _refused(where: str, wanted: str, found: str, code: str) -> AirgapError:
    return AirgapError(
        "A receipt was not taken",
        wanted=wanted,
        found=found,
        where=where,
        remedy="export the receipts of that host again: airgap-envs export-receipt; remove what others wrote",
        code=code,
    )
