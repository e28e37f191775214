# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines at the bottom of a terminal, above which all other output scrolls."""

from __future__ import annotations

import pytest

from ansible_collections.airgap.conda.plugins.plugin_utils._status_area import StatusArea
from ansible_collections.airgap.conda.tests.unit.tiny_terminal import Terminal


@pytest.mark.parametrize("printed", [0, 3, 9, 40])
def test_other_lines_scroll_above_the_area(printed: int) -> None:
    terminal = Terminal()
    area = StatusArea(terminal.size, terminal.write)
    lines = [f"line {number}" for number in range(printed + 4)]
    for line in lines[:printed]:
        terminal.print(line)
    area.show(["all"])
    terminal.print(lines[printed])
    area.show(["one", "two", "all"])
    terminal.print(lines[printed + 1])
    area.show(["two", "all"])  # it does not shrink
    terminal.print(lines[printed + 2])
    assert terminal.screen[-3:] == ["", "two", "all"]
    area.close()
    terminal.print(lines[printed + 3])
    shown = [line for line in terminal.screen if line]
    assert shown == lines[-len(shown) :]
    assert len(shown) >= min(len(lines), 8)
    assert terminal.bottom == terminal.rows


def test_a_long_line_is_cut_and_a_small_terminal_is_left_alone() -> None:
    terminal = Terminal(columns=10)
    StatusArea(terminal.size, terminal.write).show(["x" * 50])
    assert terminal.screen[-1] == "x" * 9
    small = Terminal(rows=6)
    area = StatusArea(small.size, small.write)
    area.show(["all"])
    area.close()
    assert area.room == 0
    assert small.heard == b""


def test_a_terminal_that_gets_another_size_gets_another_area() -> None:
    terminal = Terminal()
    area = StatusArea(terminal.size, terminal.write)
    area.show(["all"])
    terminal.rows, terminal.screen = 20, [*terminal.screen, *[""] * 8]
    area.show(["all"])
    assert terminal.screen[19] == "all"
    assert terminal.bottom == 19
    area.close()
    area.close()
    assert terminal.bottom == 20
    assert not any(terminal.screen[12:])
