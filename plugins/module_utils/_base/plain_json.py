# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON that no two readers understand differently, with an end to depth and digits, and dataclasses made of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ansible_collections.airgap.conda.plugins.module_utils._base import limits

Type = TypeVar("Type")
Tell = Callable[[str, Any, object], Any]
# What is told to be found where there is nothing.
ABSENT = object()


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


def typed(kind: type[Type], data: Any, tell: Tell | None = None) -> Type:
    """Turn JSON, or what ``asdict`` gave, into a dataclass; raises KeyError and TypeError for other names and types.

    A function ``tell`` hears all of that instead: the place (``.a[0].b``), the type wanted there, what is there. Each
    field must be there then, other names are left out, and what is returned is of no use after anything was told.
    """
    value: Type = _typed(kind, data, tell, "")
    return value


def _typed(kind: Any, value: Any, tell: Tell | None, at: str) -> Any:
    if kind is Any:
        return value
    base, inner, is_class = get_origin(kind) or kind, get_args(kind), is_dataclass(kind)
    shape: Any = Mapping if is_class or base is dict else list if base is tuple else base
    kinds = {float: (int, float), list: (list, tuple)}.get(shape, shape)
    # bool is an int to isinstance, but no size.
    if not isinstance(value, kinds) or (isinstance(value, bool) and shape is not bool):
        if tell is None:
            raise TypeError(f"{value!r} is no {shape}")
        return tell(at, shape, value)
    if is_class:
        types = hints(kind)
        given = value if tell is None else {name: value.get(name, ABSENT) for name in types}
        return kind(**{name: _typed(types[name], item, tell, f"{at}.{name}") for name, item in given.items()})
    if shape is list:
        return base(_typed(inner[0], item, tell, f"{at}[{number}]") for number, item in enumerate(value))
    if base is dict:
        return {
            _typed(str, name, tell, at): _typed(inner[1], item, tell, f"{at}.{name}") for name, item in value.items()
        }
    return value


@cache
def hints(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields by their names, worked out once."""
    return get_type_hints(kind)
