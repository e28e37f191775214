# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kit: what a drive has in addition to its depot, with which a controller starts before it has this collection.

Nothing on that controller can verify it but ``ssh-keygen`` and ``sha256sum``, so it gets sums that these two
understand: SHA256SUMS, signed in a namespace of its own. A drive comes back from wherever it was. So what was signed
once is kept in the depot, and a kit that differs from it is not signed again unless a person asks for that.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
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
from ansible_collections.airgap.conda.plugins.module_utils._media.span import SPAN
from ansible_collections.airgap.conda.plugins.module_utils._source.index import INDEX

# A signature over sums must not pass for a release, nor the other way round.
NAMESPACE = "kit@airgap.conda"
SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
# Where the depot keeps what was signed last; no environment has such a name.
KEPT = ".kit"
# Where it keeps what was signed last of a drive that has a kit for workstations as well.
MADE = "made"
# At the top of a drive: what is no kit. A file system made the last one, which only root may read.
NO_KIT = {SPAN, SUMS, SIGNATURE, temporary_name(SUMS), temporary_name(SIGNATURE), "lost+found"}
# Bytes of SHA256SUMS: 10,000 names of 200 characters.
SUMS_LIMIT = 4 << 20
# What sha256sum writes in another way, in addition to control characters: a backslash, and bytes that are no UTF-8.
_ODD = re.compile(r"[\\\ud800-\udfff]")


@dataclass(frozen=True)
class Kit:
    """The kit on a drive, and the key that signs it; without one it stays as it is, and is not read.

    ``made`` is what the export itself makes for workstations, path on the drive -> content: it is written, and signed
    again whenever it changes. What it was is kept apart from what a person put on the drive.
    """

    drive: Drive
    depot: Depot
    key: Path | None = None
    allowed_signers: Path | None = None
    made: Mapping[str, bytes] | None = None

    def run(self, check: bool) -> dict[str, Any]:
        """Bring the kit on the drive up to date and return what was done; with ``check`` only say it.

        ``action`` is none (no kit), unchanged, signed, or unsigned: then ``warnings`` has a message. ``lines`` has what
        a person compares before they trust what was made.
        """
        with os_errors("Reading the drive's kit", self.drive.path):
            if self.key is None:
                return self._look()
            kept = self.depot.path / KEPT
            known = set(_read(kept / MADE / SUMS).decode().splitlines())
            known -= set(_read(kept / SUMS).decode().splitlines())  # what a person put next to it
            before = {line[66:]: line for line in sorted(known) if _is_made(line[66:])}
            new = {f"./{name}": content for name, content in (self.made or {}).items()}
            there = {f"./{path}": path for path in self._paths()}
            mine = [self._measured(path) for name, path in there.items() if name not in {*before, *new}]
            if new:
                ours = [Item(name, len(content), _sum(content)) for name, content in new.items()]
            else:
                ours = [self._measured(there[name]) for name in before if name in there]
                if ours and {_line(item) for item in ours} != set(before.values()):
                    raise self._strange(kept / MADE, list(before.values()), [_line(item) for item in ours])
        todo = bool(mine) and self._keep(kept, mine, check)
        if ours:
            kept = kept / MADE
            todo = self._keep(kept, [*mine, *ours], check) or todo
        stale = [there[name] for name in before if name in there and name not in new] if new else []
        todo = self._write(new, stale, check) or todo
        files = [*mine, *ours]
        todo = (bool(files) and self._bring(kept, todo, check)) or todo
        action = "none" if not files else "signed" if todo else "unchanged"
        lines = [f"{_sum(content)}  {name}" for name, content in (self.made or {}).items() if "/" not in name]
        size = sum(item.size for item in files)
        return {"action": action, "files": len(files), "bytes": size, "lines": lines, "warnings": []}

    def require_key(self) -> None:
        """Raise AirgapError when there is something to sign and no key; nothing was written yet."""
        if self.made and self.key is None:
            raise _no_key(self.drive.path)

    def sizes(self) -> list[tuple[int, int]]:
        """Return for each file that is made and not on the drive yet its bytes, and 0."""
        return [(len(content), 0) for name, content in (self.made or {}).items() if not self._has(name, content)]

    def _has(self, name: str, content: bytes) -> bool:
        path = self.drive.path / name
        return is_there(path.parent, Item(path.name, len(content), _sum(content)))

    def _look(self) -> dict[str, Any]:
        first = next(self._paths(), None)
        signed = all((self.drive.path / name).is_file() for name in (SUMS, SIGNATURE))
        action = "none" if first is None else "unchanged" if signed else "unsigned"
        warnings = [str(self._not_signed(first))] if first and not signed else []
        return {"action": action, "files": 0, "bytes": 0, "lines": [], "warnings": warnings}

    def _keep(self, kept: Path, files: Iterable[Item], check: bool) -> bool:
        """Sign these files unless that was done, and keep that in the folder ``kept``; tells whether it was to do.

        What a person put on a drive is signed once: raises AirgapError when it is something else than that.
        """
        text = "".join(f"{_line(item)}\n" for item in sorted(files, key=lambda item: item.name)).encode()
        before = _read(kept / SUMS)
        if before and before != text and kept.name != MADE:
            raise self._strange(kept, before.decode().splitlines(), text.decode().splitlines())
        todo = before != text or not self._is_accepted(kept)
        if todo and not check and self.key:
            with os_errors("Signing the drive's kit", kept):
                make_folder(kept)
                with tempfile.TemporaryDirectory(prefix="new-", dir=kept) as folder:
                    new = Path(folder, SUMS)
                    new.write_bytes(text)
                    signature = _signature.sign(new, self.key, NAMESPACE)
                    replace_file(kept / SIGNATURE, signature.read_bytes())
                replace_file(kept / SUMS, text)  # it says what was signed, so it comes last
        return todo

    def _write(self, new: Mapping[str, bytes], stale: Iterable[PurePosixPath], check: bool) -> bool:
        """Write what is made to the drive, and remove what was made once and is not any more; tells whether it does."""
        gone = list(stale)
        missing = {name: content for name, content in new.items() if not self._has(name, content)}
        if check or not (missing or gone):
            return bool(missing or gone)
        temporary = tempfile.TemporaryDirectory(prefix="new-", dir=self.depot.path / KEPT)
        with os_errors("Writing the kit to the drive", self.drive.path), temporary as folder:
            for path in gone:
                (self.drive.path / path).unlink()
            for name, content in missing.items():
                target = self.drive.path / name
                for place in self.drive.folders(target.parent) if target.parent != self.drive.path else []:
                    if not place.is_dir():
                        make_folder(place)
                source = Path(folder, target.name)
                source.write_bytes(content)
                copy_file(source, target.parent, Item(target.name, len(content), _sum(content)))
                source.unlink()
        return True

    def _bring(self, kept: Path, todo: bool, check: bool) -> bool:
        """Copy the sums and their signature from ``kept`` to the drive; tells whether it lacked them."""
        missing = [] if todo and check else self._missing(kept)
        if missing and not check:
            with os_errors("Writing the sums to the drive", self.drive.path):
                for item in missing:
                    copy_file(kept / item.name, self.drive.path, item)
        return bool(missing)

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
        depot = {folder} if folder.parts else {PurePosixPath(name) for name in (INDEX, *self.drive.depot.envs())}
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
            code="sign-failed",
            wanted="few and small files with plain names, from which a controller is set up",
            found=found,
            where=str(self.drive.path),
            remedy="remove it from the drive, or use a drive for this alone",
        )

    def _strange(self, kept: Path, before: Iterable[str], text: Iterable[str]) -> AirgapError:
        signed, there = set(before), set(text)
        others = sorted({line[66:] for line in there - signed})
        gone = sorted({line[66:] for line in signed - there} - set(others))
        faults = {"new or changed": others, "missing": gone}
        again = "with media_kit, which writes its own files again" if kept.name == MADE else "again"
        return AirgapError(
            "The drive's kit has other files than were signed",
            code="kit-differs",
            wanted=f"the files that {kept / SUMS} lists, or none",
            found="; ".join(f"{fault} {' '.join(names)}" for fault, names in faults.items() if names),
            where=str(self.drive.path),
            remedy=f"find out who changed them, and export to the drive {again}; if you did it yourself, remove "
            f"{self.depot.path / KEPT} and export again: then they are signed as they are. The releases are exported",
        )

    def _not_signed(self, first: PurePosixPath) -> AirgapError:
        return AirgapError(
            "The drive's kit is not signed",
            code="signature-missing",
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


def _is_made(name: str) -> bool:
    """Tell whether the export itself makes files of this name, as the sums have it."""
    return name == "./install.sh" or name.startswith("./kit/")


def _line(item: Item) -> str:
    return f"{item.sha256}  {item.name}"


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _no_key(drive: Path) -> AirgapError:
    return AirgapError(
        "A kit for a workstation has to be signed",
        wanted="a key to sign it with",
        found="no media_signing_key",
        where=str(drive),
        remedy="set media_signing_key, which is build_signing_key by default, or leave media_kit out",
        code="kit-no-key",
    )
