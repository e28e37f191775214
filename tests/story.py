# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands that are shown as a story: in chapters, each with the seconds that it took."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


class StepFailed(Exception):
    """A command of the demo failed; its output was shown."""


@dataclass
class Story:
    """Runs commands, says what they are for, and remembers how long each chapter took."""

    started: float = field(default_factory=time.monotonic)
    chapters: list[tuple[str, float]] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self.chapters.append((title, time.monotonic()))
        print(f"\n=== {title}", flush=True)

    def run(self, command: list[str], quiet: bool = False, **variables: str) -> str:
        """Run a command and return its output; a failing one ends the demo with all of its output."""
        if not quiet:
            print(f"  $ {_shorten(command)}", flush=True)
        environment = {**os.environ, **variables}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                output = process.communicate()[0]
            except KeyboardInterrupt:
                _wait_for_its_end(process)
                raise
        if process.returncode != 0:
            print(output)
            raise StepFailed(f"exit status {process.returncode} of: {_shorten(command)}")
        return output

    def say(self, text: str) -> None:
        """Print the lines of ``text`` as the answer to the last command."""
        for line in text.strip().splitlines():
            print(f"    {line}", flush=True)

    def summary(self) -> None:
        """Print every chapter with its seconds."""
        ends = [begin for _title, begin in self.chapters[1:]] + [time.monotonic()]
        print("\n=== How long it took")
        for (title, begin), end in zip(self.chapters, ends, strict=True):
            print(f"    {end - begin:6.1f} s  {title}")
        print(f"    {time.monotonic() - self.started:6.1f} s  in all")


def _wait_for_its_end(process: subprocess.Popen[str]) -> None:
    """Let a command that was interrupted too end what it started; kill it when that takes 20 s."""
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()


def _shorten(command: list[str]) -> str:
    words = [Path(command[0]).name, *command[1:]]
    return " ".join(words).replace(f"{CHECKOUT}/", "")
