# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The progress of long work: one line in a file, which an action plugin shows to the user."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

# Seconds between two lines of a transfer, and over which its rate is taken: a drive slows down when its cache is full.
PAUSE, WINDOW = 1.0, 30.0
UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3), ("bytes", 1))


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

    def transfer(self, what: str, whole: int) -> Transfer:
        """Return the account of a transfer of ``whole`` bytes, which it tells here."""
        return Transfer(self, what, whole)


class Rate:
    """Bytes a second over the last half minute, of something of which ``done`` bytes were done at ``now`` (seconds)."""

    def __init__(self, now: float, done: int = 0) -> None:
        self._seen: deque[tuple[float, int]] = deque([(now, done)])

    def at(self, now: float, done: int) -> float:
        """Return it, with ``done`` bytes in all at ``now``."""
        self._seen.append((now, done))
        while now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()
        began, before = self._seen[0]
        return (done - before) / (now - began) if now > began else 0.0


class Transfer:
    """Tells of a transfer: bytes done and in all, the rate of the last half minute, and how long the rest takes."""

    def __init__(self, progress: Progress, what: str, whole: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress, self._what, self._whole, self._clock = progress, what, whole, clock
        self._done, self._told = 0, float("-inf")
        self._rate = Rate(clock())

    def add(self, count: int) -> None:
        """Count ``count`` more bytes; writes at most one line a second."""
        self._done += count
        now = self._clock()
        if now - self._told < PAUSE:
            return
        self._told = now
        rate = self._rate.at(now, self._done)
        self._progress.say(f"{self._what} {figures(min(self._done, self._whole), self._whole, rate)}")


def figures(done: int, whole: int, rate: float) -> str:
    """Return bytes, rate (bytes a second) and time left, as ``12.3 of 40.1 GB, 81 MB/s, 5 min left``."""
    unit, size = _unit(whole)
    digits = 0 if size == 1 else 1
    text = f"{done / size:.{digits}f} of {whole / size:.{digits}f} {unit}"
    if rate <= 0:
        return text
    return f"{text}, {_rate(rate)}, {_time(round((whole - done) / rate))} left"


def took(size: int, seconds: float) -> str:
    """Return what a transfer of ``size`` bytes took, as ``450.1 MB in 37 s, 12 MB/s``."""
    unit, one = _unit(size)
    text = f"{size / one:.{0 if one == 1 else 1}f} {unit} in {_time(round(seconds))}"
    return f"{text}, {_rate(size / seconds)}" if size and seconds > 0 else text


def _rate(rate: float) -> str:
    unit, size = _unit(rate)
    return f"{rate / size:.{0 if rate >= 10 * size else 1}f} {unit}/s"


def _unit(size: float) -> tuple[str, int]:
    return next((unit for unit in UNITS if size >= unit[1]), UNITS[-1])


def _time(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def transferred(done: int, whole: int, seconds: float) -> str:
    """Return how far a transfer of ``whole`` bytes is after ``seconds``: bytes, rate, and the time that is left."""
    rate = done / seconds if seconds >= 1.0 else 0.0
    return f"{100 * done // max(whole, 1):3} %  {figures(min(done, whole), whole, rate)}"


def size_text(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f} {unit}" if unit != "B" else f"{size} B"
