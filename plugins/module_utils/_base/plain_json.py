# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON that no two readers understand differently, with an end to depth and digits, and dataclasses made of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ansible_collections.airgap.conda.plugins.module_utils._base import limits

Type = TypeVar("Type")


def parse_json(text: str) -> Any:
    """Parse unambiguous JSON of limited depth and digits; raises ValueError."""
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_int=_integer, parse_float=_finite, parse_constant=_no_number
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a duplicate name in an object")
    return found


def _integer(text: str) -> int:
    if len(text) > limits.DIGITS:  # reading it takes the square of its length
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[: limits.DIGITS]}")
    return number


def _no_number(text: str) -> Any:
    raise ValueError(f"the number {text}")


def typed(kind: type[Type], data: Any) -> Type:
    """Turn JSON, or what ``asdict`` gave, into a dataclass; raises KeyError and TypeError for other names and types."""
    value: Type = _typed(kind, data)
    return value


def _typed(kind: Any, value: Any) -> Any:
    if kind is Any:
        return value
    base, inner = get_origin(kind) or kind, get_args(kind)
    if is_dataclass(kind):
        types = hints(base)
        return base(**{name: _typed(types[name], item) for name, item in _of(Mapping, value).items()})
    if base is tuple:
        return tuple(_typed(inner[0], item) for item in _of((list, tuple), value))
    if base is list:
        return [_typed(inner[0], item) for item in _of(list, value)]
    if base is dict:
        return {_of(str, name): _typed(inner[1], item) for name, item in _of(Mapping, value).items()}
    return _of(base, value)


def _of(kind: Any, value: Any) -> Any:
    # bool is an int to isinstance, but no size.
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no {kind}")
    return value


@cache
def hints(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields by their names, worked out once."""
    return get_type_hints(kind)
