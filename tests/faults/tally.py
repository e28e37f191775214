# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a part of the fault tests counts: how much was tried, and what broke."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

# Broken cases that are kept with their text; all are counted.
SHOWN = 20


@dataclass
class Tally:
    """The figures of one part: ``tried`` cases, those that broke with what was seen, and counts worth a line."""

    name: str
    promise: str
    tried: int = 0
    broken: int = 0
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def case(self, what: str, faults: list[str] | str | None) -> bool:
        """Count one case, with what is wrong after it, if anything; returns whether all is well."""
        self.tried += 1
        texts = ([faults] if isinstance(faults, str) else faults) if faults else []
        if texts:
            self.broken += 1
            self.faults = [*self.faults, f"{what}: {'; '.join(texts)}"][:SHOWN]
        return not texts

    def add(self, other: Tally) -> None:
        """Take over the figures of another run of the same part."""
        self.tried += other.tried
        self.broken += other.broken
        self.faults = [*self.faults, *other.faults][:SHOWN]
        self.counts += other.counts
        self.notes += [note for note in other.notes if note not in self.notes]

    def as_result(self) -> dict[str, object]:
        """Return what result.json says of this part."""
        return {
            "promise": self.promise,
            "tried": self.tried,
            "broken": self.broken,
            "faults": self.faults,
            "counts": dict(sorted(self.counts.items())),
            "notes": self.notes,
            "seconds": round(time.monotonic() - self.started, 1),
        }
