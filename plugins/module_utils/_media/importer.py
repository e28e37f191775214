# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a drive to a depot: all that was chosen is verified before the first byte is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    Manifest,
    serial_of,
)
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
from ansible_collections.airgap.conda.plugins.module_utils._media.gather import Gather, Gathered
from ansible_collections.airgap.conda.plugins.module_utils._media.medium import copy_file
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import signed_release
from ansible_collections.airgap.conda.plugins.module_utils._source.index import write_index

EXPORT_AGAIN = "export to this drive again, on the bastion; if the same files fail again, use another drive"


@dataclass(frozen=True)
class _Target(Depot):
    """The depot that gets the releases. Unlike a build, an import may bring an older one if that is allowed."""

    allow_downgrade: bool = False

    def is_older(self, header: Header) -> bool:
        """Tell whether the release is not there, and the depot has a newer one."""
        there = self.releases(header.manifest.env)
        return header.manifest.id not in there and header.manifest.serial < max(map(serial_of, there), default=0)

    def is_news(self, header: Header, allowed_signers: Path) -> bool:
        """Tell whether the release is not there yet; raises AirgapError when it is there otherwise, or too old."""
        if header.manifest.id not in self.releases(header.manifest.env):
            self._require_next(header.manifest)
            return True
        try:
            there = self.verify(*header.key, allowed_signers)
        except AirgapError as error:
            remedy = f"remove {self.folder(*header.key)}, then import again"
            raise AirgapError(
                error.problem, code=error.code, wanted=error.wanted, found=error.found, where=error.where, remedy=remedy
            ) from error
        if there.release.manifest_sha256 != header.sha256:
            raise AirgapError(
                "The depot has another release of this name",
                code="release-differs",
                wanted=f"the manifest of {header.name} as the depot has it",
                found=f"another manifest, also signed by {header.release.signer}",
                where=str(header.folder),
                remedy="find out which of the two is right; remove the folder of the other",
            )
        return False

    def _require_next(self, manifest: Manifest) -> None:
        there = {serial_of(release): release for release in self.releases(manifest.env)}
        newest = max(there, default=0)
        if manifest.serial in there:
            raise AirgapError(
                "The depot has another release with this serial",
                code="serial-taken",
                wanted=f"{manifest.env} {there[manifest.serial]}, or a serial that is not there yet",
                found=f"{manifest.env} {manifest.id}",
                where=str(self.path / manifest.env),
                remedy="build an environment on one bastion only, and export what that one built",
            )
        if manifest.serial < newest and not self.allow_downgrade:
            raise AirgapError(
                f"This release of {manifest.env} is older than what the depot has",
                code="serial",
                wanted=f"serial {newest + 1} or higher",
                found=f"serial {manifest.serial}, release {manifest.id}",
                where=str(self.path / manifest.env),
                remedy="export the newest release to the drive, leave this environment out, or set allow_downgrade if "
                "the older one is wanted",
            )


@dataclass(frozen=True)
class Import:
    """What is to be imported: see ``choose`` for ``envs`` and ``releases``.

    With ``newer_only``, an environment that is not on the drive, or older there than in the depot, is left out. Of a
    set of drives, each brings its files; a release is there when all have come. ``copied`` is told of each
    release as soon as it is in the depot.
    """

    depot: Depot
    drive: Drive
    envs: Sequence[str]
    releases: Mapping[str, Any]
    allowed_signers: Path | None
    allow_downgrade: bool = False
    require_mount: bool = True
    newer_only: bool = False
    copied: Callable[[Mapping[str, Any]], object] = dict
    progress: Progress = field(default_factory=Progress)

    def run(self, check: bool) -> dict[str, Any]:
        """Bring the chosen releases into the depot and return what was copied; with ``check`` only verify and say.

        Reads every byte of a new release twice on the drive, every byte of one that is there already once in the depot.
        """
        signers = self._signers()
        target = _Target(self.depot.path, self.allow_downgrade)
        source = self.drive.depot
        self.drive.require(self.require_mount, target.path)
        with self.drive.in_use(writing=False):
            before = target.everything()
            self.drive.folders(source.path)
            gather = Gather.of(self.drive, target, signers)
            chosen = self._choose(source, gather)
            for name in chosen:
                self.drive.folders(source.folder(*name))
            headers = read_headers(source, chosen, signers, EXPORT_AGAIN)
            older = {header.key for header in headers if self._is_older(header, target)}
            news = [header for header in headers if header.key not in older and target.is_news(header, signers)]
            reading = self.progress.transfer("reading the drive:", sum(header.size for header in news))
            contents = read_contents(source, news, cached=False, remedy=EXPORT_AGAIN, told=reading.add)
            found = self._look(gather, target, set(chosen)) if gather else Gathered()
            sizes = [(item.size, 0) for one in contents for item in one.items]
            sizes += gather.sizes(found) if gather else []
            if sizes:
                require_room(target.path, sizes, "The depot")
            writing = self.progress.transfer("copying:", sum(new for new, _old in sizes))
            if not check:
                for release in contents:
                    _bring(release, target, signers, writing.add)
                    self.copied(release.header.result("copied", release.items))
            parts = gather.run(found, target.new_release, check, writing.add) if gather else {}
            if not check and target.path.is_dir():
                write_index(target.path)
            if gather and not check:
                for one in gather.results(found, parts):
                    if (one["env"], one["id"]) in found.published:
                        self.copied(one)
        copied = {one.header.key: one.header.result("copied", one.items) for one in contents}
        results = [
            copied.get(header.key) or header.result("older" if header.key in older else "unchanged", ())
            for header in headers
        ]
        results += gather.results(found, parts) if gather else []
        span = gather.span(found, check) if gather else {"drive": 1, "drives": 1, "left": [], "missing": []}
        result = summary(results, listing(before), listing([*before, *copied, *found.published]))
        return {**result, "changed": result["changed"] or bool(found.published), "span": span}

    def _choose(self, source: Depot, gather: Gather | None) -> list[tuple[str, str]]:
        """Return what is asked for of the releases that the drive has whole."""
        there, parted = source.envs(), gather.envs if gather else []
        envs = self._envs([*there, *parted])
        whole = [env for env in envs if env in there or env not in parted]
        if parted and not whole and (envs or not there):
            return []
        releases = {env: wanted for env, wanted in self.releases.items() if env in there or env not in parted}
        return choose(source, whole, releases)

    def _look(self, gather: Gather, target: _Target, whole: set[tuple[str, str]]) -> Gathered:
        """Return what the drive brings of those releases that it has a part of."""
        chosen = [name for name in gather.choose(self._envs(gather.envs), self.releases) if name not in whole]
        reading = self.progress.transfer("reading the drive:", 0)
        return gather.look(
            chosen,
            lambda header: self._is_older(header, target),
            lambda header: target.is_news(header, self._signers()),
            EXPORT_AGAIN,
            reading.add,
        )

    def _is_older(self, header: Header, target: _Target) -> bool:
        return self.newer_only and target.is_older(header)

    def _envs(self, there: Sequence[str]) -> Sequence[str]:
        # When none of them is there, it is the wrong drive, which is not left unsaid.
        return [env for env in self.envs if self.newer_only and env in there] or self.envs

    def _signers(self) -> Path:
        if self.allowed_signers is None:
            raise AirgapError(
                "Nobody is trusted to sign releases",
                code="signers-missing",
                wanted="the file of keys that releases may be signed with",
                found="none",
                where="allowed_signers",
                remedy="bring the bastion's public key here on another way than this drive, and name its file",
            )
        return self.allowed_signers


def _bring(release: Contents, target: Depot, allowed_signers: Path, told: Callable[[int], None]) -> None:
    header = release.header
    with target.new_release(header.manifest) as folder:
        for item in release.items:
            copy_file(header.folder / item.name, folder, item, told)
        # The drive was read twice; what counts is what is in the depot now.
        signed_release(folder, allowed_signers)
