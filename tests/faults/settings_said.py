# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the output of a run says of each host, as a person reads it, whatever callback wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# The callback default, and minimal or oneline.
_DEFAULT = re.compile(
    r"(?P<how>ok|changed|skipping|fatal|failed|included): \[(?P<host>[^\]]+?)(?: -> [^\]]+)?\](?=:|$| )"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MINIMAL = re.compile(r"(?P<host>\S+) \| (?P<how>SUCCESS|CHANGED|SKIPPED|FAILED!|UNREACHABLE!)")
_BETWEEN = re.compile(r"(PLAY|TASK|RUNNING HANDLER|NO MORE HOSTS|META:|\[WARNING\]|\[ERROR\]|\[DEPRECATION)")
_RECAP = re.compile(r"^(\S+) +: ok=\d+ .*unreachable=(\d+) +failed=(\d+)", re.MULTILINE)
_IGNORED = re.compile(r"^\.\.\.ignoring", re.MULTILINE)
_ENDED = re.compile(r"^(?:\[ERROR\]: |ERROR! ).*|User interrupted execution$", re.MULTILINE)
_BAD = ("fatal", "failed", "FAILED!", "UNREACHABLE!")


@dataclass
class Word:
    """What one task said of one host."""

    host: str
    bad: bool
    text: str


def words(output: str) -> list[Word]:
    """Return all that tasks said, without failures that were ignored."""
    return [word for word in _all(output) if not (word.bad and _IGNORED.search(word.text))]


def _all(output: str) -> Iterator[Word]:
    word = None
    for line in _COLOUR.sub("", output).splitlines():
        match = _DEFAULT.match(line) or _MINIMAL.match(line)
        if match or _BETWEEN.match(line):
            if word:
                yield word
            word = Word(match["host"], match["how"] in _BAD, line) if match else None
        elif word:
            word.text += f"\n{line}"
    if word:
        yield word


def reasons(output: str, host: str, others: tuple[str, ...] = ("localhost",)) -> list[str]:
    """Return why a host is not right, as the run says it of the host itself or, in passing, on the controller."""
    mentions = re.compile(rf"(?<![\w.:-]){re.escape(host)}(?![\w-]|[.:]\w)")
    bad = [word for word in words(output) if word.bad]
    return [w.text for w in bad if w.host == host or (w.host in others and mentions.search(w.text))]


def failures(output: str) -> list[str]:
    """Return all that failed, of any host, and what ended the run as a whole."""
    return [word.text for word in words(output) if word.bad] + _ENDED.findall(output)


def seen(output: str, host: str) -> bool:
    """Tell whether any task, or the recap, speaks of a host."""
    return host in recap(output) or any(word.host == host for word in words(output))


def recap(output: str) -> dict[str, int]:
    """Return how many tasks failed on each host or found it unreachable, as the recap says; nothing without one."""
    return {host: int(lost) + int(failed) for host, lost, failed in _RECAP.findall(_COLOUR.sub("", output))}
