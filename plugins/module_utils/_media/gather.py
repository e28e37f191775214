# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a set of drives to a depot: files wait in the depot until a release is whole.

They wait in ``.incoming``, where nothing looks for releases. The drives come in any order and as often as they like.
Only what a signed manifest names is taken, whatever the plan on the drive says.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names, measure
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault, Item
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import TrustedRelease
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import (
    Contents,
    Drive,
    Header,
    choose_of,
    not_whole,
    read_headers,
)
from ansible_collections.airgap.conda.plugins.module_utils._media.medium import copy_file, is_there
from ansible_collections.airgap.conda.plugins.module_utils._media.span import Key, Mark, area, read_mark
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import signed_release

INCOMING = ".incoming"
# Gives the folder of a new release of the depot; see Depot.
NewRelease = Callable[[Manifest], AbstractContextManager[Path]]


@dataclass
class Gathered:
    """What was found out about a set of drives: which of its releases are news, and the files that this drive brings.

    ``wait`` are the releases that are not in the depot; ``published`` those that it has now,
    with who signed them.
    """

    headers: list[Header] = field(default_factory=list)
    older: set[Key] = field(default_factory=set)
    shares: list[Contents] = field(default_factory=list)
    wait: list[Key] = field(default_factory=list)
    published: dict[Key, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gather:
    """The drive ``mark`` of a set, and the depot that its releases go to."""

    drive: Drive
    depot: Depot
    mark: Mark
    signers: Path

    @classmethod
    def of(cls, drive: Drive, depot: Depot, signers: Path) -> Gather | None:
        """Return it for the drive that is in; None where that is not one of a set."""
        drive.folders(area(drive).path)
        mark = read_mark(area(drive).path)
        return cls(drive, depot, mark, signers) if mark else None

    @property
    def envs(self) -> list[str]:
        """The environments of the set."""
        return list(dict.fromkeys(env for env, _release in self.mark.plan.manifests))

    def choose(self, envs: Collection[str], releases: Mapping[str, Any]) -> list[Key]:
        """Return env and id of the releases of the set that are asked for, by default all."""
        found: list[Key] = []
        for env in self.envs:
            if not envs or env in envs:
                there = sorted((name for of, name in self.mark.plan.manifests if of == env), key=serial_of)
                chosen = choose_of(area(self.drive), env, there, releases[env]) if env in releases else there
                found += [(env, name) for name in chosen]
        return found

    def look(
        self,
        chosen: Sequence[Key],
        is_older: Callable[[Header], bool],
        is_news: Callable[[Header], bool],
        remedy: str,
        told: Callable[[int], None],
    ) -> Gathered:
        """Verify what this drive has of the chosen releases; raises AirgapError for all that is wrong with it.

        ``is_older`` tells which releases are left out, ``is_news`` which are not in the depot.
        """
        source, plan, share = area(self.drive), self.mark.plan, self.mark.plan.share(self.mark.drive)
        here = [key for key in chosen if key in share]
        for key in here:
            self.drive.folders(source.folder(*key))
        found = Gathered(read_headers(source, here, self.signers, remedy))
        found.older = {header.key for header in found.headers if is_older(header)}
        faults = {}
        news = [header for header in found.headers if header.key not in found.older and is_news(header)]
        for header in news:
            items, wrong = _read(header, share[header.key], told)
            if header.sha256 != plan.manifests[header.key]:
                wrong[MANIFEST] = "other content than planned"
            found.shares.append(Contents(header, tuple(items)))
            if wrong:
                faults[header.name] = wrong
        if faults:
            raise not_whole(source, faults, remedy)
        known = {header.key for header in found.headers}
        newest = {env: max(map(serial_of, self.depot.releases(env)), default=0) for env, _release in chosen}
        # What another drive has and the depot has not; older than what is there, nobody waits for it.
        others = {key for key in chosen if key not in known and serial_of(key[1]) > newest[key[0]]}
        found.wait = [key for key in chosen if key in others or key in {header.key for header in news}]
        return found

    def sizes(self, found: Gathered) -> list[tuple[int, int]]:
        """Return what the depot takes of this drive, for ``require_room``."""
        return [(item.size, 0) for share in found.shares for item in self._lacking(share)]

    def _lacking(self, share: Contents) -> list[Item]:
        folder = self._folder(share.header.key)
        return [item for item in share.items if _size(folder / item.name) != item.size]

    def _folder(self, key: Key) -> Path:
        return self.depot.path / INCOMING / key[0] / key[1]

    def run(
        self, found: Gathered, new_release: NewRelease, check: bool, told: Callable[[int], None]
    ) -> dict[Key, list[Item]]:
        """Copy what the depot lacks of this drive, and publish what is whole by that; returns what was copied."""
        if check:
            self.publish(found, new_release, check)
            return {share.header.key: items for share in found.shares if (items := self._lacking(share))}
        with os_errors("Taking in the files of a set of drives", self.depot.path):
            make_folder(self.depot.path)
        with locked(self.depot.path, "incoming", f"the incoming files of {self.depot.path}"):
            self._clear_old()
            copied = self._take(found, told)
            self.publish(found, new_release, check)
        return copied

    def _take(self, found: Gathered, told: Callable[[int], None]) -> dict[Key, list[Item]]:
        copied: dict[Key, list[Item]] = {}
        for share in found.shares:
            folder = self._folder(share.header.key)
            with os_errors(f"Taking in {share.header.name}", folder):
                make_folder(folder)
                for item in share.items:
                    if not is_there(folder, item):
                        copy_file(share.header.folder / item.name, folder, item, told)
                        copied.setdefault(share.header.key, []).append(item)
        return copied

    def missing(self, found: Gathered, check: bool) -> dict[Key, list[str]]:
        """Return the files that no drive has brought yet, by release; with ``check`` as if this one had been taken."""
        brought = {share.header.key: {item.name for item in share.items} if check else set() for share in found.shares}
        trusted = {share.header.key: share.header.release for share in found.shares}
        return {
            key: self._missing(key, trusted.get(key) or self._waiting(key), brought.get(key, set()))
            for key in found.wait
        }

    def _waiting(self, key: Key) -> TrustedRelease | None:
        """Return the release whose files wait, if its manifest does."""
        with suppress(AirgapError):
            release = signed_release(self._folder(key), self.signers)
            release.require_name(*key, "")
            return release
        return None

    def _missing(self, key: Key, release: TrustedRelease | None, brought: set[str]) -> list[str]:
        if release is None:
            return sorted({name for drive in self.mark.plan.drives for name in drive.get(key, ())})
        folder = self._folder(key)
        return [
            content.name
            for content in release.contents()
            if content.name not in brought and not _fits(folder / content.name, content.size)
        ]

    def publish(self, found: Gathered, new_release: NewRelease, check: bool) -> None:
        """Publish each release that is whole, of an environment the older ones first: an older one must not follow.

        What is damaged by now goes, and is missing again. With ``check``, only say which ones would be published.
        """
        blocked: set[str] = set()
        missing = self.missing(found, check)
        brought = {share.header.key: share.header.release for share in found.shares}
        for key in sorted(found.wait, key=lambda name: (name[0], serial_of(name[1]))):
            release = None
            if not missing[key] and key[0] not in blocked:
                release = (brought.get(key) if check else None) or self._waiting(key)
            if release is None or not (check or self._is_whole(key, release)):
                blocked.add(key[0])
                continue
            if not check:
                self._publish(key, release, new_release)
            found.published[key] = release.signer

    def _is_whole(self, key: Key, release: TrustedRelease) -> bool:
        folder, whole = self._folder(key), True
        for content in release.contents():
            try:
                release.accept(measure(folder / content.name, content.size, limit=content.limit))
            except FileFault:
                (folder / content.name).unlink(missing_ok=True)
                whole = False
        return whole

    def _publish(self, key: Key, release: TrustedRelease, new_release: NewRelease) -> None:
        waiting = self._folder(key)
        names = [*(content.name for content in release.contents()), MANIFEST, SIGNATURE]
        with new_release(release.manifest) as folder:
            for name in names:
                _link(waiting / name, folder / name)
            signed_release(folder, self.signers)
        self._clear(key)

    def _clear(self, key: Key) -> None:
        with suppress(OSError):
            shutil.rmtree(self._folder(key))
            self._folder(key).parent.rmdir()
            (self.depot.path / INCOMING).rmdir()

    def _clear_old(self) -> None:
        """Remove what waits for releases that are in the depot: a run was killed, or they came on another way."""
        for env in list_names(self.depot.path / INCOMING):
            for release in list_names(self.depot.path / INCOMING / env):
                if release in self.depot.releases(env):
                    self._clear((env, release))

    def results(self, found: Gathered, copied: Mapping[Key, Sequence[Item]]) -> list[dict[str, Any]]:
        """Return what a module says of each release that this drive has something of, or that was published."""
        said = []
        for header in found.headers:
            action = "older" if header.key in found.older else "gathered" if header.key in copied else "unchanged"
            action = "copied" if header.key in found.published else action
            said.append(header.result(action, copied.get(header.key, ())))
        known = {header.key for header in found.headers}
        nothing = {"action": "copied", "files": 0, "bytes": 0}
        others = [(key, signer) for key, signer in found.published.items() if key not in known]
        return said + [{"env": key[0], "id": key[1], "signer": signer, **nothing} for key, signer in others]

    def span(self, found: Gathered, check: bool) -> dict[str, Any]:
        """Return which drive this is, of how many, and which others have files that are missing."""
        by_drive: dict[int, list[str]] = {}
        waiting = Gathered(shares=found.shares, wait=[key for key in found.wait if key not in found.published])
        for key, names in self.missing(waiting, check).items():
            for number, files in self.mark.plan.drives_of(key, names).items():
                by_drive.setdefault(number, []).append(f"{' '.join(key)}: {' '.join(files)}")
        count = len(self.mark.plan.drives)
        missing = [f"drive {number} of {count}: {'; '.join(by_drive[number])}" for number in sorted(by_drive)]
        return {"drive": self.mark.drive, "drives": count, "left": sorted(by_drive), "missing": missing}


def _read(header: Header, names: Sequence[str], told: Callable[[int], None]) -> tuple[list[Item], dict[str, str]]:
    """Return the share of a release that a drive has, and what is wrong with it; manifest and signature come last."""
    items, faults = [], {}
    for name in [*(name for name in names if name not in (MANIFEST, SIGNATURE)), MANIFEST]:
        try:
            content = header.release.content(name)
            item = measure(header.folder / name, content.size, cached=False, limit=content.limit, told=told)
            header.release.accept(item)
            items.append(item)
        except FileFault as fault:
            faults[name] = str(fault)
    try:
        items.append(measure(header.folder / SIGNATURE, None, cached=False, limit=limits.SIGNATURE))
    except FileFault as fault:
        faults[SIGNATURE] = str(fault)
    return items, faults


def _size(path: Path) -> int:
    return path.lstat().st_size if os.path.lexists(path) else -1


def _fits(path: Path, size: int | None) -> bool:
    return os.path.lexists(path) if size is None else _size(path) == size


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, so that a release takes its room once; copy it where there are no hard links."""
    try:
        os.link(source, target)
    except OSError:
        item = measure(source)
        copy_file(source, target.parent, item)
