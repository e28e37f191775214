# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What failed in a block whose run goes on, kept as data: its result, and one line of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import (
    LINE,
    SHOWN_CHARACTERS,
    SHOWN_VALUES,
    clean,
    fields_of,
    take_in,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError


def short(failure: Mapping[str, Any]) -> str:
    """Return one line: of a failure of ours what is wrong and what was found, of any other its message."""
    fields = fields_of(failure)
    text = AirgapError(**fields).short() if fields else str(failure.get("msg", ""))
    return clean(text, 2 * LINE) or "no message"


def note(result: Any, about: Mapping[str, Any] | None = None, notes: Iterable[Any] = ()) -> dict[str, Any]:
    """Return what is kept of the result of a task that failed, which may have any form and length.

    ``about`` says of what, and comes after the earlier ``notes`` with the failure.
    """
    failure = take_in(result, SHOWN_VALUES, SHOWN_CHARACTERS)
    if not isinstance(failure, dict) or not failure:
        failure = {"msg": clean(str(failure or ""))}
    failure = {**failure, "failed": True}
    kept = {"changed": False, "failure": failure, "short": short(failure)}
    return kept if about is None else {**kept, "notes": [*notes, {**about, "failure": failure}]}


def noted(variable: Any) -> dict[str, Any]:
    """Return the failure that is in a variable with a note, and nothing when there is none."""
    failure = variable.get("failure") if isinstance(variable, Mapping) else None
    return dict(failure) if isinstance(failure, Mapping) else {}
