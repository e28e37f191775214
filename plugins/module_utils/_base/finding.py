# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one shape of what a check found on a host, and the one scale of verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import FIELDS, AirgapError

OK, DEGRADED, ABSENT, UNKNOWN, BROKEN = "ok", "degraded", "absent", "unknown", "broken"
# From the best to the worst; where several meet, the worst counts.
ORDER = (OK, DEGRADED, ABSENT, UNKNOWN, BROKEN)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at by a ``check``.

    ``subject`` is what of the host it concerns, an environment or ``GPU 0``, and empty for the whole host. The others
    are as those of an AirgapError; ``problem`` and ``remedy`` are empty where all is well. The ``code`` is that of the
    error, or the check's name; earlier versions wrote none.
    """

    check: str
    subject: str
    verdict: str
    problem: str
    wanted: str
    found: str
    where: str
    remedy: str = ""
    code: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", self.code or self.check)

    def as_error(self, problem: str = "") -> AirgapError:
        """Return it as an error, which may have another first sentence."""
        fields = {name: getattr(self, name) for name in FIELDS}
        return AirgapError(**{**fields, "problem": problem or self.problem}, code=self.code)

    def as_result(self) -> dict[str, str]:
        """Return it for JSON, its texts on one line and of bounded length."""
        return {name: clean(value) for name, value in asdict(self).items()}


def worst(verdicts: Iterable[str]) -> str:
    """Return the worst verdict; ok when there is none."""
    return max(verdicts, key=ORDER.index, default=OK)
