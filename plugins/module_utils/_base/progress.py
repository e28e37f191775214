# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The progress of long work: one line in a file, which an action plugin shows to the user."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


class Progress:
    """Keeps one line in the file ``path``; without a path it does nothing."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._said = ""

    def say(self, text: str) -> None:
        """Replace the line. Errors are ignored, because the line is only informative."""
        if self._path is None or text == self._said:
            return
        self._said = text
        with contextlib.suppress(OSError):
            # The folder is the remote user's, who may plant a link there and be another one than who writes.
            new = self._path.with_name(f".{self._path.name}-{secrets.token_hex(8)}-new")
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb") as stream:
                stream.write(f"{text}\n".encode())
            os.replace(new, self._path)

    def part(self, what: str, done: int, whole: int) -> None:
        """Write ``what`` with the completed part in whole per cent."""
        self.say(f"{what} {min(100, 100 * done // max(whole, 1))} %")


def transferred(done: int, whole: int, seconds: float) -> str:
    """Return how far a transfer of ``whole`` bytes is after ``seconds``: bytes, rate, and the time that is left."""
    text = f"{100 * done // max(whole, 1):3} %  {size_text(done)} of {size_text(whole)}"
    if done and seconds >= 1.0:
        left = round(max(0, whole - done) * seconds / done)
        text += f"  {size_text(round(done / seconds))}/s  {left // 60}:{left % 60:02} left"
    return text


def size_text(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f} {unit}" if unit != "B" else f"{size} B"
