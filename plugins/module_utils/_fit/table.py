# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of verdicts on a host: every check is made, and one message tells of all that refuse.

The scale is that of all findings: a check that is broken refuses the release, one that is degraded is a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.finding import BROKEN, DEGRADED, OK, Finding


class Concern(AirgapError):
    """Something that is not as it should be, and no reason to refuse."""


@dataclass
class Table:
    """The verdicts on a host, in the order of the checks; a subject is an environment, or empty for the whole host."""

    verdicts: list[Finding] = field(default_factory=list)

    def judge(self, check: str, env: str, look: Callable[[], tuple[str, str]]) -> None:
        """Note a check: ``look`` returns what was wanted and found, or raises a Concern or another AirgapError."""
        try:
            wanted, found = look()
        except AirgapError as error:
            verdict = DEGRADED if isinstance(error, Concern) else BROKEN
            self.verdicts.append(Finding(check, env, verdict, **error.fields()))
        else:
            self.verdicts.append(Finding(check, env, OK, "", wanted, found, ""))

    def refusals(self) -> list[Finding]:
        """Return the verdicts that keep a release from this host."""
        return [verdict for verdict in self.verdicts if verdict.verdict == BROKEN]

    def warnings(self) -> list[str]:
        """Return a text for each warning."""
        return [str(item.as_error()) for item in self.verdicts if item.verdict == DEGRADED]

    def require(self) -> None:
        """Raise RefusedError when a check refuses."""
        if self.refusals():
            raise RefusedError(self)

    def as_result(self) -> list[dict[str, str]]:
        """Return it for JSON."""
        return [verdict.as_result() for verdict in self.verdicts]


class RefusedError(AirgapError):
    """A release must not be deployed to this host; the module's failure carries all ``verdicts``."""

    def __init__(self, table: Table) -> None:
        first, *others = table.refusals()
        more = ", ".join(f"{item.check} of {item.subject}" if item.subject else item.check for item in others)
        super().__init__(
            f"{first.problem} (refused for {len(others)} more: {more})" if others else first.problem,
            wanted=first.wanted,
            found=first.found,
            where=first.where,
            remedy=first.remedy,
            code="refused",
        )
        self.table = table

    def as_result(self) -> dict[str, Any]:
        """Return the fields that every failure has, and the verdicts."""
        return {**super().as_result(), "verdicts": self.table.as_result()}
