# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a depot to a drive. A release on the drive counts from when its signature is there, and that comes last."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.copied import temporary_name
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import flush_directory
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import Item
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import (
    Contents,
    Drive,
    Header,
    choose,
    listing,
    read_contents,
    read_headers,
    require_room,
    summary,
)
from ansible_collections.airgap.conda.plugins.module_utils._media.kit import Kit
from ansible_collections.airgap.conda.plugins.module_utils._media.medium import copy_file, is_there

FAT_LIMIT = (4 << 30) - 1
# What Windows and older Linux kernels take for a device, whatever follows the first dot.
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
BUILD_AGAIN = "copy this release to the depot again from where it is whole, or build it again"


@dataclass(frozen=True)
class _Work:
    """What one release needs: the files that its folder on the drive lacks or has otherwise."""

    release: Contents
    target: Path
    missing: tuple[Item, ...]
    started: bool

    @property
    def result(self) -> dict[str, Any]:
        action = "unchanged" if not self.missing else "completed" if self.started else "copied"
        return self.release.header.result(action, self.missing)


@dataclass(frozen=True)
class Export:
    """What is to be exported: see ``choose`` for ``envs`` and ``releases``; ``signing_key`` signs the kit.

    ``copied`` is told of each release as soon as it is whole on the drive, while nobody else writes there.
    """

    depot: Depot
    drive: Drive
    envs: Sequence[str]
    releases: Mapping[str, Any]
    allowed_signers: Path | None = None
    require_mount: bool = True
    signing_key: Path | None = None
    copied: Callable[[Mapping[str, Any]], object] = dict

    def run(self, check: bool) -> dict[str, Any]:
        """Bring the drive up to date and return what was copied; with ``check`` only look and say.

        Reads every byte of the chosen releases in the depot and on the drive, and again on the drive what was copied.
        """
        self.drive.require(self.require_mount, self.depot.path)
        chosen = choose(self.depot, self.envs, self.releases)
        headers = read_headers(self.depot, chosen, self.allowed_signers, BUILD_AGAIN)
        for header in headers:
            _require_portable(header)
        contents = read_contents(self.depot, headers, cached=True, remedy=BUILD_AGAIN)
        with self.drive.in_use(writing=not check):
            before = self.drive.depot.everything()
            todo = [self._look(release) for release in contents]
            work = [item for item in todo if item.missing]
            if work:
                sizes = [_sizes(one.target, item) for one in work for item in one.missing]
                require_room(self.drive.depot.path, sizes, "The drive")
            if not check:
                for item in work:
                    self._write(item)
                    self.copied(item.result)
            kit = Kit(self.drive, self.depot, self.signing_key, self.allowed_signers).run(check)
        notes = {
            one.release.header.key: f" ({len(one.missing)} files missing or different)" for one in work if one.started
        }
        result = summary([one.result for one in todo], listing(before, notes), listing([*before, *chosen]))
        changed = result["changed"] or kit["action"] == "signed"
        return {**result, "changed": changed, "kit": kit, "warnings": kit.pop("warnings")}

    def _look(self, release: Contents) -> _Work:
        target = self.drive.depot.folder(release.header.manifest.env, release.header.manifest.id)
        if not self.drive.folders(target)[-1].is_dir():
            return _Work(release, target, release.items, started=False)
        missing = tuple(item for item in release.items if not is_there(target, item))
        names = [item.name for item in missing]
        if MANIFEST in names and all(os.path.lexists(target / name) for name in (MANIFEST, SIGNATURE)):
            raise AirgapError(
                "The drive has another release of this name",
                wanted=f"the manifest of {release.header.name} as the depot has it, or none",
                found="a signed manifest with other content",
                where=str(target),
                remedy="import that release where it belongs, or remove its folder; then export again",
            )
        if names and SIGNATURE not in names:
            missing += release.items[-1:]  # it goes while the release is not whole, and comes back last
        return _Work(release, target, missing, started=True)

    def _write(self, work: _Work) -> None:
        try:
            for folder in self.drive.folders(work.target):
                if not folder.is_dir():
                    folder.mkdir()
                    with suppress(OSError):  # FAT has no modes; elsewhere others shall read, whatever the umask is
                        folder.chmod(0o755)
                    flush_directory(folder.parent)
            (work.target / SIGNATURE).unlink(missing_ok=True)
            flush_directory(work.target)
            for item in work.missing:
                copy_file(work.release.header.folder / item.name, work.target, item)
        except OSError as error:
            raise AirgapError(
                f"Writing {work.release.header.name} to the drive failed",
                wanted="a drive that can be written and read back",
                found=str(error.strerror or error),
                where=str(error.filename or work.target),
                remedy="see that the drive is plugged in and has room, or use another one; then export again: "
                "it goes on where this run stopped",
            ) from error


def _require_portable(header: Header) -> None:
    """Refuse what a FAT32 drive cannot hold, whatever this drive is: the next machine's may be one."""
    env = header.manifest.env
    if DEVICES.fullmatch(env) or env.endswith("."):
        raise AirgapError(
            "This name cannot be used on every drive",
            wanted="the name of an environment that FAT and Windows keep as it is",
            found=repr(env),
            where=str(header.folder),
            remedy="give the environment another name and build it again",
        )
    parts = [part for payload in header.manifest.payloads for part in payload.parts if part.size > FAT_LIMIT]
    if parts:
        raise AirgapError(
            f"{header.name} has files that are too large for a drive",
            wanted=f"files of at most {FAT_LIMIT} bytes, the limit of FAT32",
            found=", ".join(f"{part.name} with {part.size} bytes" for part in parts),
            where=str(header.folder),
            remedy="build the release again with a smaller build_part_size; the default is 64 MiB",
        )


def _sizes(target: Path, item: Item) -> tuple[int, int]:
    """Return what a file takes, less what a killed run left of it, and what it replaces; both in bytes."""
    return max(0, item.size - _size(target / temporary_name(item.name))), _size(target / item.name)


def _size(path: Path) -> int:
    return path.lstat().st_size if os.path.lexists(path) else 0
