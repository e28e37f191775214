# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one shape of every error this collection raises: wanted, found, where, remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ansible_collections.airgap.conda.plugins.module_utils import _limits


class AirgapError(Exception):
    """Something the user can act on.

    ``problem`` is one short sentence. The four others answer what was expected, what was there
    instead, in which file, package or host path, and what to do about it. Each is cut at
    ``_limits.MESSAGE`` characters.
    """

    def __init__(self, problem: str, *, wanted: str, found: str, where: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = _short(problem.rstrip("."))
        self.wanted = _short(_without_stop(wanted))
        self.found = _short(_without_stop(found))
        self.where = _short(where)
        self.remedy = _short(_without_stop(remedy))

    def __str__(self) -> str:
        return (
            f"{self.problem}. Wanted: {self.wanted}. Found: {self.found}. Where: {self.where}. Remedy: {self.remedy}."
        )

    def __reduce__(self) -> tuple[Callable[..., AirgapError], tuple[str]]:
        """Tell how to send it to another process."""
        return partial(AirgapError, **self.as_result()), (self.problem,)

    def as_result(self) -> dict[str, str]:
        """Return the fields a module adds to its failure, for callers that read them by name."""
        return {"wanted": self.wanted, "found": self.found, "where": self.where, "remedy": self.remedy}


def all_of(errors: Sequence[AirgapError]) -> AirgapError:
    """Return several errors as one, which says each thing once; a single one as it is."""
    if len(errors) == 1:
        return errors[0]

    def each(texts: list[str]) -> str:
        return "; ".join(dict.fromkeys(texts))

    return AirgapError(
        each([error.problem for error in errors]),
        wanted=each([error.wanted for error in errors]),
        found=each([error.found for error in errors]),
        where=each([error.where for error in errors]),
        remedy=each([error.remedy for error in errors]),
    )


def _without_stop(text: str) -> str:
    """Texts of other programs end in a full stop as often as not; a path that ends in ``..`` stays as it is."""
    return text[:-1] if text.endswith(".") and not text.endswith("..") else text


def _short(text: str) -> str:
    """What was found may be as long as whoever made it likes, and a message is for a person."""
    more = len(text) - _limits.MESSAGE
    return text if more <= 0 else f"{text[: _limits.MESSAGE]} … and {more} characters more"
