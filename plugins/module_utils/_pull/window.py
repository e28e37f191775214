# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Maintenance windows: the times of a week in which a host may change its environments by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
_DAY = f"(?:{'|'.join(DAYS)})"
_DAYS = f"{_DAY}(?:-{_DAY})?"
_WINDOW = re.compile(rf"(?:({_DAYS}(?:,{_DAYS})*) +)?(\d\d?):(\d\d)-(\d\d?):(\d\d)", re.IGNORECASE)


@dataclass(frozen=True)
class Window:
    """From minute ``start`` of each of ``days`` (0 is Monday) until minute ``end``, of the next day if that is less."""

    days: frozenset[int]
    start: int
    end: int

    def covers(self, when: datetime) -> bool:
        """Tell whether a local time is in the window; its end is not."""
        day, minute = when.weekday(), when.hour * 60 + when.minute
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        # Past midnight it is the day before that opened the window.
        return (day in self.days and minute >= self.start) or ((day - 1) % 7 in self.days and minute < self.end)


def parse_windows(text: str) -> tuple[Window, ...]:
    """Read ``Mon-Fri 20:00-06:00; Sat,Sun 00:00-24:00``; an empty text is no window, which means any time.

    Raises AirgapError.
    """
    return tuple(_window(part.strip(), text) for part in text.split(";") if part.strip())


def is_open(windows: tuple[Window, ...], when: datetime) -> bool:
    """Tell whether one of the windows covers a local time; without windows, all times are open."""
    return not windows or any(window.covers(when) for window in windows)


def _window(part: str, text: str) -> Window:
    match = _WINDOW.fullmatch(part)
    start, end = _minutes(match[2], match[3]) if match else -1, _minutes(match[4], match[5]) if match else -1
    if match is None or not 0 <= start < DAY or not 0 <= end <= DAY or start == end:
        raise AirgapError(
            "The maintenance window cannot be read",
            code="window-invalid",
            wanted="times of a day, with or without days before them: Mon-Fri 20:00-06:00; Sat,Sun 00:00-24:00",
            found=part if part == text.strip() else f"{part} in {text}",
            where="the maintenance window",
            remedy="correct it, or leave it empty for any time",
        )
    return Window(_days(match[1]), start, end)


def _minutes(hours: str, minutes: str) -> int:
    return int(hours) * 60 + int(minutes) if int(minutes) < 60 else -1


def _days(text: str | None) -> frozenset[int]:
    if not text:
        return frozenset(range(7))
    found: set[int] = set()
    for name in text.lower().split(","):
        first, _dash, last = name.partition("-")
        day = DAYS.index(first)
        found.add(day)
        while last and day != DAYS.index(last):  # also over the end of the week: Sat-Mon
            day = (day + 1) % 7
            found.add(day)
    return frozenset(found)
