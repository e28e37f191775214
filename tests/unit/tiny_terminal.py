# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A terminal of a few lines, to look at what a program leaves on the screen."""

from __future__ import annotations

import re


class Terminal:
    """Understands what the area sends, and prints lines like other programs."""

    def __init__(self, rows: int = 12, columns: int = 30) -> None:
        self.rows, self.columns = rows, columns
        self.screen = [""] * rows
        self.row, self.saved, self.bottom = 0, 0, rows
        self.heard = b""

    def size(self) -> tuple[int, int]:
        return self.columns, self.rows

    def down(self) -> None:
        if self.row == self.bottom - 1:
            self.screen[: self.bottom] = [*self.screen[1 : self.bottom], ""]
        else:
            self.row += 1

    def print(self, line: str) -> None:
        self.screen[self.row] = line
        self.down()

    def write(self, data: bytes) -> None:
        self.heard += data
        for found in re.finditer(r"\x1b([78D])|\x1b\[([\d;]*)([AHKr])|([^\x1b]+)", data.decode()):
            plain, numbers, kind, text = found.groups()
            if text:
                self.screen[self.row] += text
            elif plain == "7":
                self.saved = self.row
            elif plain == "8":
                self.row = self.saved
            elif plain == "D":
                self.down()
            elif kind == "A":
                self.row = max(0, self.row - int(numbers))
            elif kind == "H":
                self.row = int(numbers.split(";")[0]) - 1
            elif kind == "K":
                self.screen[self.row] = ""
            elif kind == "r":
                self.bottom, self.row = int(numbers.split(";")[1]) if numbers else self.rows, 0
