# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one shape of every error this collection raises: wanted, found, where, remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits

# The texts of an error, as in a result; its code is not one of them.
FIELDS = ("problem", "wanted", "found", "where", "remedy")
# What a code looks like: lower-case words with hyphens between them. Those of complaints have up to five words.
CODE = re.compile(r"(?=.{1,64}$)[a-z][a-z0-9]*(-[a-z0-9]+){0,4}")


class AirgapError(Exception):
    """Something the user can act on.

    ``problem`` is one short sentence. The four others answer what was expected, what was there
    instead, in which file, package or host path, and what to do about it. Each is cut at
    ``_limits.MESSAGE`` characters. ``code`` names the kind of error in a word or three (``drive-unusable``): it stays
    the same when the texts get better, so that plays and tests can rely on it.
    """

    def __init__(self, problem: str, *, code: str, wanted: str, found: str, where: str, remedy: str) -> None:
        super().__init__(problem)
        self.code = code
        self.problem = _short(problem.rstrip("."))
        self.wanted = _short(_without_stop(wanted))
        self.found = _short(_without_stop(found))
        self.where = _short(where)
        self.remedy = _short(_without_stop(remedy))

    def __str__(self) -> str:
        return (
            f"{self.problem}. Wanted: {self.wanted}. Found: {self.found}. Where: {self.where}. Remedy: {self.remedy}."
        )

    def __reduce__(self) -> tuple[Callable[[], AirgapError], tuple[()]]:
        """Tell how to send it to another process."""
        return partial(AirgapError, **self.fields()), ()

    def short(self) -> str:
        """Return what is wrong and what was found, without what the whole error is to be read for."""
        return f"{self.problem} ({self.found})"

    def fields(self) -> dict[str, str]:
        """Return the code and the texts by their names, which are those of the parameters too."""
        return {"code": self.code, **{name: getattr(self, name) for name in FIELDS}}

    def as_result(self) -> dict[str, Any]:
        """Return what a task that failed says: the message, and its parts for callers that read them by name."""
        return {"msg": str(self), **self.fields()}


class Several(AirgapError):
    """All that is wrong in one error; its text has one paragraph for each.

    In the four fields, each is numbered, and equal texts appear once. Its code is that of all of them, if they have
    the same, or ``several``.
    """

    def __init__(self, problem: str, errors: Sequence[AirgapError]) -> None:
        super().__init__(
            problem,
            code=errors[0].code if len({error.code for error in errors}) == 1 else "several",
            wanted=_numbered([error.wanted for error in errors]),
            found=_numbered([error.found for error in errors]),
            where=_numbered([error.where for error in errors]),
            remedy=_numbered([error.remedy for error in errors]),
        )
        self.errors = tuple(errors)

    def __str__(self) -> str:
        shown = [f"{number}. {error}" for number, error in enumerate(self.errors[: limits.ERRORS], start=1)]
        more = len(self.errors) - len(shown)
        return "\n".join([f"{self.problem}.", *shown, *([f"And {more} more."] if more else [])])

    def as_result(self) -> dict[str, Any]:
        """Return the fields that every failure has, and those of each of the ``errors`` that the message shows."""
        return {**super().as_result(), "errors": [error.fields() for error in self.errors[: limits.ERRORS]]}

    def in_one_line(self) -> AirgapError:
        """Return it without paragraphs, for the end of a run, which has a line for each host."""
        return AirgapError(**{**self.fields(), "problem": _numbered([error.problem for error in self.errors])})


class Faults:
    """What is wrong with one input, gathered so that a user hears all of it at once."""

    def __init__(self) -> None:
        self.found: list[AirgapError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep an AirgapError that the block raises, and continue after the block."""
        try:
            yield
        except AirgapError as error:
            self.found.append(error)

    def tell(self, what: str) -> None:
        """Raise what was gathered, if anything was; see ``error``."""
        error = self.error(what)
        if error:
            raise error

    def error(self, what: str) -> AirgapError | None:
        """Return the only fault unchanged, or one error for all; None without a fault.

        ``what`` is what has them, for the first words: "the spec".
        """
        found = [one for error in self.found for one in (error.errors if isinstance(error, Several) else [error])]
        if len(found) < 2:
            return found[0] if found else None
        return Several(f"There are {len(found)} errors in {what}", found)


def _numbered(texts: Sequence[str]) -> str:
    """Return ``(1) one; (2, 3) another``, equal texts once, and without numbers when all are equal."""
    numbers: dict[str, list[str]] = {}
    for number, text in enumerate(texts, start=1):
        numbers.setdefault(text, []).append(str(number))
    if len(numbers) == 1:
        return texts[0]
    return "; ".join(f"({', '.join(which)}) {text}" for text, which in numbers.items())


def _without_stop(text: str) -> str:
    """Remove a full stop at the end of other programs' texts, but keep a path that ends in ``..``."""
    return text[:-1] if text.endswith(".") and not text.endswith("..") else text


def _short(text: str) -> str:
    """Cut a text, because what was found can have any length, and a message is for a person."""
    more = len(text) - limits.MESSAGE
    return text if more <= 0 else f"{text[: limits.MESSAGE]} … and {more} characters more"
