# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a depot to a set of drives, one after the other at the same place.

The bastion's depot keeps the plan and which drives were written, a drive its own number. So an export goes on wherever
the last one ended, with any drive of the set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import measure
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import Item
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Contents, Drive, room_of
from ansible_collections.airgap.conda.plugins.module_utils._media.medium import copy_file, is_there
from ansible_collections.airgap.conda.plugins.module_utils._media.span import (
    PLAN,
    SPAN,
    Mark,
    area,
    make_plan,
    read_mark,
)
from ansible_collections.airgap.conda.plugins.module_utils._media.work import Work, make_folders, written

# What the depot keeps of the last drive that was begun.
LAST = "drive.json"


class Spread:
    """The releases ``contents`` on a set of drives, one of which is in now.

    ``number`` is which one a drive without a plan becomes; 0: the first that is not written.
    """

    def __init__(self, depot: Depot, drive: Drive, contents: Sequence[Contents], number: int) -> None:
        self._drive, self._contents, self._asked = drive, {one.header.key: one for one in contents}, number
        self._kept, self._area = depot.path / SPAN, area(drive)
        before = read_mark(self._kept)
        manifests = {key: one.header.sha256 for key, one in self._contents.items()}
        self.is_begun = before is not None and before.plan.manifests == manifests
        self._mark = before if before and self.is_begun else None
        self._left = before if before and not self.is_begun else None
        self._number = 0

    @property
    def mark(self) -> Mark:
        """The plan, and which drives are written."""
        if self._mark is None:
            block, free = room_of(self._area.path)
            self._mark = Mark(make_plan([*self._contents.values()], free, block, self._drive.path))
        return self._mark

    @property
    def here(self) -> Mark:
        """The plan, and the number of the drive that is in."""
        return Mark(self.mark.plan, self._number)

    @property
    def warnings(self) -> list[str]:
        """What a person may want to know."""
        before = self._left
        if before is None or len(before.written) == len(before.plan.drives):
            return []
        names = ", ".join(" ".join(key) for key in before.plan.manifests)
        return [f"a set of drives that was not written to its end is given up: {names}"]

    def look(self, told: Callable[[int], None]) -> list[Work]:
        """Return what the drive that is in lacks; raises AirgapError for one that does not belong to the set."""
        self._number = self._find_number()
        return [self._work(key, names, told) for key, names in self.mark.plan.share(self._number).items()]

    def _find_number(self) -> int:
        self._drive.folders(self._area.path)
        there = read_mark(self._area.path)
        if there and (self._mark is None or there.plan.id != self._mark.plan.id):
            raise AirgapError(
                "This drive belongs to another set of drives",
                wanted="an empty drive, or one of the set that these releases are written to",
                found=f"{there.name} of the set {there.plan.id}: "
                + ", ".join(" ".join(key) for key in there.plan.manifests),
                where=str(self._area.path),
                remedy=f"use another drive; or, if what it brings is imported, remove {self._area.path}",
                code="other-set",
            )
        count = len(self.mark.plan.drives)
        if self._asked > count or (there and self._asked not in (0, there.drive)):
            raise AirgapError(
                "This is not the drive that was asked for",
                wanted=f"drive {self._asked}",
                found=there.name if there else f"a set of {count} drives",
                where=str(self._area.path),
                remedy="put the other drive in, or leave span_drive out",
                code="other-drive",
            )
        if there or self._asked:
            return there.drive if there else self._asked
        number = next((number for number in range(1, count + 1) if number not in self.mark.written), 0)
        if not number:
            raise AirgapError(
                "All drives of this set are written",
                wanted=f"one of the {count} drives of the set {self.mark.plan.id}, to look whether it is whole",
                found="a drive without a plan",
                where=str(self._drive.path),
                remedy="set span_drive to the number of a drive that is lost, and it is written again; or remove "
                f"{self._kept} to begin another set",
                code="set-written",
            )
        return number

    def _work(self, key: tuple[str, str], names: Sequence[str], told: Callable[[int], None]) -> Work:
        release, target = self._contents[key], self._area.folder(*key)
        items = tuple(item for item in release.items if item.name in names) + release.items[-2:]
        if not self._drive.folders(target)[-1].is_dir():
            return Work(release, target, items, started=False)
        missing = tuple(item for item in items if not is_there(target, item, told))
        if missing and SIGNATURE not in [item.name for item in missing]:
            missing += items[-1:]  # it goes while the share is not whole, and comes back last
        return Work(release, target, missing, started=True)

    def begin(self) -> None:
        """Write the plan: to the depot, and to the drive, which is by that one of the set."""
        with os_errors("Keeping the plan of a set of drives", self._kept):
            make_folder(self._kept)
            replace_file(self._kept / PLAN, self.mark.to_bytes())
            replace_file(self._kept / LAST, self.here.to_bytes())
            last = measure(self._kept / LAST)
        item = Item(PLAN, last.size, last.sha256)
        with written("the plan of a set of drives", self._area.path):
            make_folders(self._drive, self._area.path)
            if not is_there(self._area.path, item):
                copy_file(self._kept / LAST, self._area.path, item)

    def end(self) -> None:
        """Remember that the drive that is in is written."""
        done = Mark(self.mark.plan, written=self._done)
        with os_errors("Keeping the plan of a set of drives", self._kept):
            replace_file(self._kept / PLAN, done.to_bytes())

    @property
    def _done(self) -> tuple[int, ...]:
        return tuple(sorted({*self.mark.written, self._number}))

    @property
    def result(self) -> dict[str, Any]:
        """Return which drive this is, of how many, and which are still to be written."""
        count = len(self.mark.plan.drives)
        left = [number for number in range(1, count + 1) if number not in self._done]
        return {"drive": self._number, "drives": count, "left": left}

    def listing(self, there_only: bool) -> str:
        """Return lines for a diff: the releases with a share on this drive; or those that are there already."""
        keys = [
            key
            for key in self.mark.plan.share(self._number)
            if not there_only or (self._area.folder(*key) / SIGNATURE).is_file()
        ]
        return "".join(f"{env} {release} ({self.here.name})\n" for env, release in sorted(keys))
