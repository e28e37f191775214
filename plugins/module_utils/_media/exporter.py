# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a depot to a drive. A release on the drive counts from when its signature is there, and that comes last."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import flush_directory
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.destination import installed_at
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import (
    Contents,
    Drive,
    Header,
    choose,
    has_room,
    listing,
    read_contents,
    read_headers,
    require_room,
    summary,
)
from ansible_collections.airgap.conda.plugins.module_utils._media.kit import Kit
from ansible_collections.airgap.conda.plugins.module_utils._media.medium import copy_file, is_there
from ansible_collections.airgap.conda.plugins.module_utils._media.spread import Spread
from ansible_collections.airgap.conda.plugins.module_utils._media.work import Work, make_folders, written
from ansible_collections.airgap.conda.plugins.module_utils._source.index import replace_index

FAT_LIMIT = (4 << 30) - 1
# What Windows and older Linux kernels take for a device, whatever follows the first dot.
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
BUILD_AGAIN = "copy this release to the depot again from where it is whole, or build it again"


@dataclass(frozen=True)
class Export:
    """What is to be exported: see ``choose`` for ``envs`` and ``releases``; ``signing_key`` signs the kit.

    ``copied`` is told of each release as soon as it is whole on the drive, while nobody else writes there.
    ``workstation`` makes of the releases what a drive has for a workstation that installs them without a controller.
    With ``span``, what does not fit on one drive is spread over several, of which ``span_drive`` names the one that is
    written again. ``destination`` has some releases already; these stay here.
    """

    depot: Depot
    drive: Drive
    envs: Sequence[str]
    releases: Mapping[str, Any]
    allowed_signers: Path | None = None
    require_mount: bool = True
    signing_key: Path | None = None
    copied: Callable[[Mapping[str, Any]], object] = dict
    workstation: Callable[[Sequence[Release]], Mapping[str, bytes]] | None = None
    span: bool = False
    span_drive: int = 0
    destination: str = ""
    progress: Progress = field(default_factory=Progress)

    def run(self, check: bool) -> dict[str, Any]:
        """Bring the drive up to date and return what was copied; with ``check`` only look and say.

        Reads every byte of the chosen releases in the depot and on the drive, and again on the drive what was copied.
        """
        self.drive.require(self.require_mount, self.depot.path)
        chosen = choose(self.depot, self.envs, self.releases)
        at = installed_at(self.depot, self.destination) if self.destination else set()
        has = [name for name in chosen if name in at]
        chosen = [name for name in chosen if name not in at]
        headers = read_headers(self.depot, chosen, self.allowed_signers, BUILD_AGAIN)
        for header in headers:
            _require_portable(header)
        kit = Kit(self.drive, self.depot, self.signing_key, self.allowed_signers, self._made(headers))
        kit.require_key()
        reading = self.progress.transfer("reading the depot:", sum(header.size for header in headers))
        contents = read_contents(self.depot, headers, cached=True, remedy=BUILD_AGAIN, told=reading.add)
        with self.drive.in_use(writing=not check):
            before = self.drive.depot.everything()
            reading = self.progress.transfer("reading the drive:", sum(header.size for header in headers))
            spread = Spread(self.depot, self.drive, contents, self.span_drive) if self.span else None
            todo = [] if spread and spread.is_begun else [self._look(release, reading.add) for release in contents]
            if spread and (spread.is_begun or not has_room(self.drive.depot.path, [*_sizes(todo), *kit.sizes()])):
                if self.workstation:
                    raise _no_kit_on_several(self.drive)
                todo = spread.look(reading.add)
            else:
                spread = None
            work = [item for item in todo if item.missing]
            notes = {one.release.header.key: f" ({len(one.missing)} files missing or different)" for one in work}
            diff = [listing(before, notes), listing([*before, *chosen])]
            if spread:
                diff = [listing(before) + spread.listing(there_only=flag) for flag in (True, False)]
            sizes = [*_sizes(work), *kit.sizes()]
            if sizes:
                require_room(self.drive.depot.path, sizes, "The drive")
            if not check:
                if spread:
                    spread.begin()
                writing = self.progress.transfer("copying:", sum(i.size for one in work for i in one.missing))
                for item in work:
                    self._write(item, writing.add)
                    self.copied(item.result)
                if spread:
                    spread.end()
                with written("the index of the releases", self.drive.depot.path):
                    replace_index(self.drive.depot.path)
            signed = kit.run(check)
        there = [
            {"env": env, "id": name, "signer": "", "action": "installed", "files": 0, "bytes": 0} for env, name in has
        ]
        result = summary([*(one.result for one in todo), *there], *diff)
        changed = result["changed"] or signed["action"] == "signed"
        warnings = [*signed.pop("warnings"), *(spread.warnings if spread else [])]
        span = spread.result if spread else {"drive": 1, "drives": 1, "left": []}
        return {**result, "changed": changed, "kit": signed, "span": span, "warnings": warnings}

    def _made(self, headers: Sequence[Header]) -> Mapping[str, bytes] | None:
        if self.workstation is None:
            return None
        if self.allowed_signers is None:
            raise AirgapError(
                "A kit for a workstation needs the keys that it is to trust",
                wanted="a file of trusted keys, by which the releases are verified here as well",
                found="no media_allowed_signers",
                where="media_kit",
                remedy="set deploy_allowed_signers, which is media_allowed_signers by default, or leave media_kit out",
                code="kit-no-keys",
            )
        found = []
        for header in headers:
            trusted = header.release
            sums = (trusted.manifest_sha256, trusted.signature_sha256)
            found.append(Release.of(header.manifest, str(header.folder), trusted.signer, *sums))
        return self.workstation(found)

    def _look(self, release: Contents, told: Callable[[int], None]) -> Work:
        target = self.drive.depot.folder(release.header.manifest.env, release.header.manifest.id)
        if not self.drive.folders(target)[-1].is_dir():
            return Work(release, target, release.items, started=False)
        missing = tuple(item for item in release.items if not is_there(target, item, told))
        names = [item.name for item in missing]
        if MANIFEST in names and all(os.path.lexists(target / name) for name in (MANIFEST, SIGNATURE)):
            raise AirgapError(
                "The drive has another release of this name",
                code="release-differs",
                wanted=f"the manifest of {release.header.name} as the depot has it, or none",
                found="a signed manifest with other content",
                where=str(target),
                remedy="import that release where it belongs, or remove its folder; then export again",
            )
        if names and SIGNATURE not in names:
            missing += release.items[-1:]  # it goes while the release is not whole, and comes back last
        return Work(release, target, missing, started=True)

    def _write(self, work: Work, told: Callable[[int], None]) -> None:
        with written(work.release.header.name, work.target):
            make_folders(self.drive, work.target)
            (work.target / SIGNATURE).unlink(missing_ok=True)
            flush_directory(work.target)
            for item in work.missing:
                copy_file(work.release.header.folder / item.name, work.target, item, told)


def _sizes(work: Sequence[Work]) -> list[tuple[int, int]]:
    return [size for one in work for size in one.sizes]


def _no_kit_on_several(drive: Drive) -> AirgapError:
    return AirgapError(
        "A drive of several cannot carry a kit",
        code="kit-on-several",
        wanted="one drive with all releases that a workstation installs from it",
        found="releases that do not fit on one drive, or a set of drives that is begun",
        where=str(drive.path),
        remedy="use a larger drive or choose fewer releases for media_kit; or leave media_kit out and import the "
        "drives on a controller",
    )


def _require_portable(header: Header) -> None:
    """Refuse what a FAT32 drive cannot hold, whatever this drive is: the next machine's may be one."""
    env = header.manifest.env
    if DEVICES.fullmatch(env) or env.endswith("."):
        raise AirgapError(
            "This name cannot be used on every drive",
            code="name-not-portable",
            wanted="the name of an environment that FAT and Windows keep as it is",
            found=repr(env),
            where=str(header.folder),
            remedy="give the environment another name and build it again",
        )
    parts = [part for payload in header.manifest.payloads for part in payload.parts if part.size > FAT_LIMIT]
    if parts:
        raise AirgapError(
            f"{header.name} has files that are too large for a drive",
            code="part-too-large",
            wanted=f"files of at most {FAT_LIMIT} bytes, the limit of FAT32",
            found=", ".join(f"{part.name} with {part.size} bytes" for part in parts),
            where=str(header.folder),
            remedy="build the release again with a smaller build_part_size; the default is 32 MiB",
        )
