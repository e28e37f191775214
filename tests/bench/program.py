# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a benchmark is as a program: its options, how it ends, and where its result goes."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.tests.bench import plot
from ansible_collections.airgap.conda.tests.bench.frame import Result, load, table


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does, so that all which it started is cleared away in both cases."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parser(description: str, rounds: int = 5) -> argparse.ArgumentParser:
    """Return the options that every benchmark has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--short", action="store_true", help="one round with little: does it still work?")
    made.add_argument("--rounds", type=int, default=rounds, help="(%(default)s)")
    made.add_argument("--output", type=Path, help="file for the result in JSON")
    made.add_argument("--plot", type=Path, help="file for a plot in SVG")
    return made


def run(options: argparse.Namespace, measure: Callable[[int], Result], facts: Callable[[], dict[str, Any]]) -> int:
    """Measure, print a table, write what the options ask for; returns the exit status.

    ``measure`` gets the number of rounds, ``facts`` are those of ``about``.
    """
    if options.rounds < 1:
        raise SystemExit(f"bench: --rounds {options.rounds}: wanted 1 or more")
    if options.plot:
        plot.need()  # not after an hour
    rounds = 1 if options.short else options.rounds
    before = load()
    with ended_as_by_ctrl_c():
        try:
            result = measure(rounds)
        except KeyboardInterrupt:
            print("bench: interrupted; nothing is left and nothing was written", file=sys.stderr)
            return 130
    result.about = {**facts(), "rounds": rounds, "load": {"before": before, "after": load()}}
    print(f"\n{table(result)}", end="")
    if options.output:
        options.output.write_text(json.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    if options.plot:
        plot.draw(result, options.plot)
    return 1 if result.failures else 0


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let nothing but SIGKILL end the program before it has cleared away."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
