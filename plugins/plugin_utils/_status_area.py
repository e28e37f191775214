# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A few lines at the bottom of a terminal that stay there while other programs' lines scroll above them.

The terminal itself keeps them apart: its scrolling region ends above them. So whatever else is written, in whatever
order, is neither overwritten nor mixed with them, and nobody has to know of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

# Lines of other output that must remain; on a smaller terminal nothing is shown.
ABOVE = 6
SAVE, RESTORE, DOWN, CLEAR = "\x1b7", "\x1b8", "\x1bD", "\x1b[2K"


def _size() -> tuple[int, int]:
    size = os.get_terminal_size(2)
    return size.columns, size.lines


def _write(data: bytes) -> None:
    os.write(2, data)


class StatusArea:
    """The lines; ``size`` returns columns and rows of the terminal, ``write`` sends bytes to it."""

    def __init__(self, size: Callable[[], tuple[int, int]] = _size, write: Callable[[bytes], object] = _write) -> None:
        self._size, self._write = size, write
        self._seen = (0, 0)
        self._height = 0

    @property
    def room(self) -> int:
        """How many lines there may be: a third of the terminal."""
        rows = self._size()[1]
        return max(0, min(rows // 3, rows - ABOVE))

    def show(self, lines: Sequence[str]) -> None:
        """Replace the lines. The area grows when it must, and shrinks only when it is closed."""
        columns, rows = size = self._size()
        if self._height and size != self._seen:
            self.close()
        lines = lines[-self.room :] if self.room else []
        self._seen = size
        if len(lines) > self._height:
            self._grow(len(lines), rows)
        if not self._height:
            return
        top = rows - self._height + 1
        filled = [*[""] * (self._height - len(lines)), *lines]
        text = "".join(f"\x1b[{top + number};1H{CLEAR}{line[: columns - 1]}" for number, line in enumerate(filled))
        self._write(f"{SAVE}{text}{RESTORE}".encode("utf-8", "replace"))

    def close(self) -> None:
        """Give the lines back to the terminal, which is then as it was."""
        if not self._height:
            return
        rows = self._seen[1]
        cleared = "".join(f"\x1b[{rows - number};1H{CLEAR}" for number in range(self._height))
        self._height = 0
        self._write(f"{SAVE}\x1b[r{cleared}{RESTORE}".encode())

    def _grow(self, height: int, rows: int) -> None:
        """Make room for ``height`` lines, below where the cursor is or by scrolling."""
        more, self._height = height - self._height, height
        # Down and up again, in the same column. To set a region moves the cursor to the top, so it is saved before.
        self._write(f"{DOWN * more}\x1b[{more}A{SAVE}\x1b[1;{rows - height}r{RESTORE}".encode())
