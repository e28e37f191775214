# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validation of answers from hosts: types, lengths, depth and characters.

A host may be hostile, so its answer is untrusted data. Validated data can be shown, written to a file and passed on,
but does not decide anything: the controller looks up each name in what it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import CODE, FIELDS

# Characters of a text in a report or a summary, on one line.
LINE = 300
# Characters of each text in an error message.
MESSAGE = 4_000
# Characters of any other text: the locks of an environment of a thousand packages have an eighth of it.
TEXT = 8 << 20
# Characters of one thing that a host without Python is asked: the longest path that Linux takes.
VALUE = 4_096
# What a report shows of a host: environments, releases of one, findings on one.
NAMED = 100
# Values, characters and levels of a whole answer. A release of 100,000 files that are all damaged has 700,000 values.
VALUES = 1_000_000
CHARACTERS = 64 << 20
DEPTH = 16
# Of these, what is kept of one host to be shown.
SHOWN_VALUES = 100_000
SHOWN_CHARACTERS = 4 << 20

# Invisible characters that are not in Unicode's control category: joiners, fillers, variation selectors.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# Surrogates, which represent undecodable bytes.
_HALVES = re.compile("[\ud800-\udfff]")


class _Shown(dict[int, str]):
    """The replacement of each character. A class, so that only occurring characters are examined, and only once."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if _HALVES.match(char) or char == "\ufffd":
            shown = "?"
        else:
            shown = char if char in "\n\t" or (char.isprintable() and not _UNSEEN.match(char)) else " "
        self[code] = shown
        return shown


_SHOWN = _Shown()


def plain(text: str, limit: int = TEXT) -> str:
    """Return ``text`` without control characters, bidirectional marks and invisible characters.

    Ends of lines and tabs stay, those of a terminal (ssh has one for a raw task) as ends of lines. Of a long text the
    beginning and the end are kept.
    """
    return _shortened(text, limit).replace("\r\n", "\n").translate(_SHOWN)


def clean(text: str, limit: int = LINE) -> str:
    """Return ``text`` cleaned and on one line; a long text is cut in the middle."""
    shown = _HALVES.sub(" ", _shortened(text, 4 * limit)).translate(_SHOWN)
    return _shortened(re.sub(r"\s+", " ", shown).strip(), limit)


def _shortened(text: str, limit: int) -> str:
    half = (limit - 5) // 2
    return text if len(text) <= limit else f"{text[:half]} ... {text[-half:]}"


def fields_of(failure: Any) -> dict[str, str] | None:
    """Return the code and the texts of a failure of ours, ``plain``; None of any other, as Ansible's own are.

    Where there is no code, because an earlier version wrote the failure down, it is ``failed``.
    """
    if not isinstance(failure, Mapping) or not all(isinstance(failure.get(name), str) for name in FIELDS):
        return None
    code = str(failure.get("code", ""))
    texts = {name: plain(failure[name], MESSAGE) for name in FIELDS}
    return {"code": code if CODE.fullmatch(code) else "failed", **texts}


def take_in(value: Any, values: int = VALUES, characters: int = CHARACTERS) -> Any:
    """Return a copy of an answer within the limits; the rest is left out.

    Each text is ``plain``, each key a text, and a value that is not JSON becomes its text.
    """
    return _Copy(values, characters).of(value, 0)


class _Copy:
    def __init__(self, values: int, characters: int) -> None:
        self._values, self._characters = values, characters

    def of(self, value: Any, depth: int) -> Any:
        self._values -= 1
        if isinstance(value, str):
            text = plain(value, min(TEXT, max(self._characters, 16)))
            self._characters -= len(text)
            return text
        if isinstance(value, Mapping):
            pairs = self._within(value.items(), depth)
            return {plain(str(key), LINE): self.of(item, depth + 1) for key, item in pairs}
        if isinstance(value, (list, tuple)):
            return [self.of(item, depth + 1) for item in self._within(value, depth)]
        return value

    def _within(self, values: Any, depth: int) -> Iterator[Any]:
        for value in values if depth < DEPTH else ():
            if self._values <= 0 or self._characters <= 0:
                return
            yield value


def excess(value: Any) -> str:
    """Return which limit an answer exceeds; empty if none."""
    values = characters = 0
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        values += 1
        if isinstance(item, str):
            characters += len(item)
            if len(item) > TEXT:
                return f"a text of {len(item)} characters, {clean(item, 60)!r}"
        elif isinstance(item, Mapping):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, (list, tuple)):
            waiting += [(part, depth + 1) for part in item]
        if depth > DEPTH:
            return f"lists and dictionaries nested {depth} deep"
        if values > VALUES or characters > CHARACTERS or len(waiting) > VALUES:
            return "more than a host can report"
    return ""
