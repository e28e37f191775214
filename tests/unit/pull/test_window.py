# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Maintenance windows."""

from __future__ import annotations

from datetime import datetime

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._pull.window import is_open, parse_windows


def at(day: int, time: str) -> datetime:
    """Return a time in a week that begins with a Monday, the 2nd."""
    return datetime.fromisoformat(f"2026-11-{2 + day:02} {time}")


@pytest.mark.parametrize(
    ("text", "day", "time", "wanted"),
    [
        ("", 3, "12:00", True),
        ("22:00-05:00", 0, "22:00", True),
        ("22:00-05:00", 0, "04:59", True),
        ("22:00-05:00", 0, "05:00", False),
        ("22:00-05:00", 0, "21:59", False),
        ("12:00-13:00", 0, "12:30", True),
        ("12:00-13:00", 0, "13:00", False),
        ("Mon-Fri 20:00-06:00", 4, "23:00", True),
        ("Mon-Fri 20:00-06:00", 5, "05:00", True),  # the night after Friday
        ("Mon-Fri 20:00-06:00", 5, "23:00", False),
        ("Mon-Fri 20:00-06:00", 0, "05:00", False),  # the night after Sunday
        ("Sat,Sun 00:00-24:00", 5, "00:00", True),
        ("Sat,Sun 00:00-24:00", 6, "23:59", True),
        ("Sat,Sun 00:00-24:00", 4, "23:59", False),
        ("sat-mon 8:00-9:00", 0, "08:30", True),  # over the end of the week
        ("sat-mon 8:00-9:00", 1, "08:30", False),
        ("Mon 1:00-2:00; Wed 1:00-2:00", 2, "01:30", True),
        ("Mon 1:00-2:00; Wed 1:00-2:00", 1, "01:30", False),
    ],
)
def test_a_window_covers_its_times(text: str, day: int, time: str, wanted: bool) -> None:
    assert is_open(parse_windows(text), at(day, time)) is wanted


@pytest.mark.parametrize(
    "text",
    ["night", "22-05", "25:00-26:00", "22:60-23:00", "Foo 1:00-2:00", "1:00-1:00", "24:00-1:00", "Mon,, 1:00-2:00"],
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(AirgapError) as error:
        parse_windows(text)
    assert (error.value.code, error.value.found) == ("window-invalid", text)
