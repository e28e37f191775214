# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kit: what a drive has in addition to its depot, with which a controller starts before it has this collection.

Nothing on that controller can verify it but ``ssh-keygen`` and ``sha256sum``, so it gets sums that these two
understand: SHA256SUMS, signed in a namespace of its own. A drive comes back from wherever it was. So what was signed
once is kept in the depot, and a kit that differs from it is not signed again unless a person asks for that.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.copied import temporary_name
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault, Item
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature as _signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import is_plain
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.medium import copy_file, is_there

# A signature over sums must not pass for a release, nor the other way round.
NAMESPACE = "kit@airgap.conda"
SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
# Where the depot keeps what was signed last; no environment has such a name.
KEPT = ".kit"
# At the top of a drive: what is no kit. A file system made the last one, which only root may read.
NO_KIT = {SUMS, SIGNATURE, temporary_name(SUMS), temporary_name(SIGNATURE), "lost+found"}
# Bytes of SHA256SUMS: 10,000 names of 200 characters.
SUMS_LIMIT = 4 << 20
# What sha256sum writes in another way, in addition to control characters: a backslash, and bytes that are no UTF-8.
_ODD = re.compile(r"[\\\ud800-\udfff]")


@dataclass(frozen=True)
class Kit:
    """The kit on a drive, and the key that signs it; without one it stays as it is, and is not read."""

    drive: Drive
    depot: Depot
    key: Path | None = None
    allowed_signers: Path | None = None

    def run(self, check: bool) -> dict[str, Any]:
        """Bring sums and signature on the drive up to date and return what was done; with ``check`` only say it.

        ``action`` is none (no kit), unchanged, signed, or unsigned: then ``warnings`` has a message.
        """
        with os_errors("Reading the drive's kit", self.drive.path):
            if self.key is None:
                return self._look()
            files = sorted(map(self._measured, self._paths()), key=lambda item: item.name)
        text = "".join(f"{item.sha256}  {item.name}\n" for item in files).encode()
        action = self._sign(text, self.key, check) if files else "none"
        return {"action": action, "files": len(files), "bytes": sum(item.size for item in files), "warnings": []}

    def _look(self) -> dict[str, Any]:
        first = next(self._paths(), None)
        signed = all((self.drive.path / name).is_file() for name in (SUMS, SIGNATURE))
        action = "none" if first is None else "unchanged" if signed else "unsigned"
        warnings = [str(self._not_signed(first))] if first and not signed else []
        return {"action": action, "files": 0, "bytes": 0, "warnings": warnings}

    def _sign(self, text: bytes, key: Path, check: bool) -> str:
        kept = self.depot.path / KEPT
        before = _read(kept / SUMS)
        if before and before != text:
            raise self._strange(before, text)
        todo = not before or not self._is_accepted(kept)
        if todo and not check:
            with os_errors("Signing the drive's kit", kept):
                make_folder(kept)
                with tempfile.TemporaryDirectory(prefix="new-", dir=kept) as folder:
                    new = Path(folder, SUMS)
                    new.write_bytes(text)
                    signature = _signature.sign(new, key, NAMESPACE)
                    replace_file(kept / SIGNATURE, signature.read_bytes())
                replace_file(kept / SUMS, text)  # it says what was signed, so it comes last
        missing = [] if todo and check else self._missing(kept)
        if missing and not check:
            with os_errors("Writing the sums to the drive", self.drive.path):
                for item in missing:
                    copy_file(kept / item.name, self.drive.path, item)
        return "signed" if todo or missing else "unchanged"

    def _missing(self, kept: Path) -> list[Item]:
        items = [measure(kept / name) for name in (SUMS, SIGNATURE)]
        return [item for item in items if not is_there(self.drive.path, item)]

    def _is_accepted(self, folder: Path) -> bool:
        """Tell whether the sums in ``folder`` have a signature that counts, as far as this machine knows."""
        if self.allowed_signers is None:
            return (folder / SIGNATURE).is_file()
        try:
            _signature.verify(_read(folder / SUMS), folder / SIGNATURE, self.allowed_signers, NAMESPACE)
        except AirgapError:
            return False
        return True

    def _paths(self) -> Iterator[PurePosixPath]:
        """Yield what is no folder, relative to the drive."""
        seen, todo = 0, [PurePosixPath()]
        folder = PurePosixPath(self.drive.folder)
        depot = {folder} if folder.parts else {PurePosixPath(env) for env in self.drive.depot.envs()}
        while todo:
            top = todo.pop()
            with os.scandir(self.drive.path / top) as entries:
                for entry in entries:
                    path = top / entry.name
                    seen += 1
                    if seen > limits.KIT_FILES:
                        raise self._no_kit(f"more than {limits.KIT_FILES} files and folders")
                    if path in depot or (not top.parts and entry.name in NO_KIT):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(path)
                        continue
                    yield path

    def _measured(self, path: PurePosixPath) -> Item:
        name = f"./{path}"  # as find tells it; and no name can pass for an option
        if not is_plain(str(path)) or _ODD.search(name):
            raise self._no_kit(f"the name {name!r}")
        try:
            item = measure(self.drive.path / path, cached=False, limit=limits.KIT_FILE)
        except FileFault as fault:
            raise self._no_kit(f"{name}: {fault}") from fault
        return Item(name, item.size, item.sha256)

    def _no_kit(self, found: str) -> AirgapError:
        return AirgapError(
            "The drive's kit cannot be signed",
            wanted="few and small files with plain names, from which a controller is set up",
            found=found,
            where=str(self.drive.path),
            remedy="remove it from the drive, or use a drive for this alone",
        )

    def _strange(self, before: bytes, text: bytes) -> AirgapError:
        signed, there = set(before.decode().splitlines()), set(text.decode().splitlines())
        others = sorted({line[66:] for line in there - signed})
        gone = sorted({line[66:] for line in signed - there} - set(others))
        faults = {"new or changed": others, "missing": gone}
        return AirgapError(
            "The drive's kit has other files than were signed",
            wanted=f"the files that {self.depot.path / KEPT / SUMS} lists, or none",
            found="; ".join(f"{fault} {' '.join(names)}" for fault, names in faults.items() if names),
            where=str(self.drive.path),
            remedy="find out who changed them, and export to the drive again; if you did it yourself, remove "
            f"{self.depot.path / KEPT} and export again: then they are signed as they are. The releases are exported",
        )

    def _not_signed(self, first: PurePosixPath) -> AirgapError:
        return AirgapError(
            "The drive's kit is not signed",
            wanted=f"{SUMS} over these files and a signature, by which a controller knows them before it uses them",
            found=f"./{first} without them, and no key to sign with",
            where=str(self.drive.path),
            remedy="set media_signing_key, which is build_signing_key by default; if nothing is installed from this "
            "drive, there is nothing to do",
        )


def _read(path: Path) -> bytes:
    try:
        return read_small(path, SUMS_LIMIT)
    except FileFault:
        return b""
