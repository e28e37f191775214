# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of verdicts on a host: every check is made, and one message tells of all that refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

OK, WARNING, REFUSED = "ok", "warning", "refused"


class Concern(AirgapError):
    """Something that is not as it should be, and no reason to refuse."""


@dataclass(frozen=True)
class Verdict:
    """What one check found; ``env`` is empty where it concerns the whole host. ``problem`` is empty when it is ok."""

    check: str
    env: str
    verdict: str
    wanted: str
    found: str
    problem: str = ""
    where: str = ""
    remedy: str = ""


@dataclass
class Table:
    """The verdicts on a host, in the order of the checks."""

    verdicts: list[Verdict] = field(default_factory=list)

    def judge(self, check: str, env: str, look: Callable[[], tuple[str, str]]) -> None:
        """Note a check: ``look`` returns what was wanted and found, or raises a Concern or another AirgapError."""
        try:
            wanted, found = look()
        except AirgapError as error:
            verdict = WARNING if isinstance(error, Concern) else REFUSED
            self.verdicts.append(Verdict(check, env, verdict, **error.fields()))
        else:
            self.verdicts.append(Verdict(check, env, OK, wanted, found))

    def refusals(self) -> list[Verdict]:
        """Return the verdicts that keep a release from this host."""
        return [verdict for verdict in self.verdicts if verdict.verdict == REFUSED]

    def warnings(self) -> list[str]:
        """Return a text for each warning."""
        found = (item for item in self.verdicts if item.verdict == WARNING)
        return [
            f"{v.problem}. Wanted: {v.wanted}. Found: {v.found}. Where: {v.where}. Remedy: {v.remedy}." for v in found
        ]

    def require(self) -> None:
        """Raise RefusedError when a check refuses."""
        if self.refusals():
            raise RefusedError(self)

    def as_result(self) -> list[dict[str, str]]:
        """Return it for JSON."""
        return [asdict(verdict) for verdict in self.verdicts]


class RefusedError(AirgapError):
    """A release must not be deployed to this host; the module's failure carries all ``verdicts``."""

    def __init__(self, table: Table) -> None:
        first, *others = table.refusals()
        more = ", ".join(f"{item.check} of {item.env}" if item.env else item.check for item in others)
        super().__init__(
            f"{first.problem} (refused for {len(others)} more: {more})" if others else first.problem,
            wanted=first.wanted,
            found=first.found,
            where=first.where,
            remedy=first.remedy,
        )
        self.table = table

    def as_result(self) -> dict[str, Any]:
        """Return the fields that every failure has, and the verdicts."""
        return {**super().as_result(), "verdicts": self.table.as_result()}
