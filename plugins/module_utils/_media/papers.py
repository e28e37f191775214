# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a drive brings back besides its releases, and what is written down of a way over it: receipts, audit lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import (
    DEPOT_CHAIN,
    Deed,
    add,
    deed_of,
    require_ready,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import read_manifest
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._hosts.fit import misfits
from ansible_collections.airgap.conda.plugins.module_utils._hosts.take import take_from
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive


@dataclass(frozen=True)
class Papers:
    """A depot and a drive that something is copied between; with ``check`` nothing is written.

    ``warnings`` gets what a user is to read.
    """

    depot: Path
    drive: Drive
    check: bool
    warnings: list[str] = field(default_factory=list)

    def collect(self) -> list[dict[str, Any]]:
        """Take the receipts of hosts from the drive into the depot, and return what was taken by host.

        One that is refused, or cannot be kept, is a warning: it keeps no release back.
        """
        try:
            taken = take_from(self.drive.depot.path, self.depot, self.check)
        except AirgapError as error:
            self.warnings.append(str(error))
            return []
        self.warnings.extend([text for one in taken for text in one.warnings()])
        return [one.as_result() for one in taken if one.new or one.faults]

    def hold(self, releases: Iterable[Mapping[str, Any]]) -> None:
        """Warn of hosts on which, by their receipts, releases of the depot would not run."""
        found = []
        for item in releases:
            folder = self.depot / item["env"] / item["id"]
            found.append(Release.of(read_manifest(folder / MANIFEST), str(folder), item["signer"], "", ""))
        self.warnings.extend(misfits(self.depot, found))

    def require_ready(self) -> None:
        """Raise AirgapError when the depot's chain would take no line."""
        if not self.check:
            require_ready(self.depot / DEPOT_CHAIN)

    def exported(self, item: Mapping[str, Any]) -> None:
        """Add a release that was exported to the chains of depot and drive; of a drive that takes no line, warn.

        Raises AirgapError when the depot's cannot be written. The caller keeps others off the drive.
        """
        deed = self._add("exported", item)
        try:
            add(self.drive.depot.path / DEPOT_CHAIN, [deed], own_folder=False)
        except AirgapError as error:
            self.warnings.append(f"What was exported is not in the audit chain of the drive: {error}")

    def imported(self, item: Mapping[str, Any]) -> None:
        """Add a release that was imported to the depot's chain; raises AirgapError."""
        self._add("imported", item)

    def _add(self, what: str, item: Mapping[str, Any]) -> Deed:
        deed = deed_of(what, item["env"], item["id"], self.depot / item["env"] / item["id"])
        add(self.depot / DEPOT_CHAIN, [deed])
        return deed
