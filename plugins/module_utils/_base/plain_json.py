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
# Is called with the place in the data, what is wanted there, and what is there; what it returns is taken instead.
Tell = Callable[[str, str, object], Any]
ABSENT = object()
_CALLED = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_CALLED |= {list: "a list", Mapping: "a dictionary"}


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

    def refuse(at: str, wanted: str, found: object) -> None:
        raise TypeError(f"{wanted} as {at}, not {found!r}" if at else f"{wanted}, not {found!r}")

    value: Type = read(kind, data, refuse, exact=True)
    return value


def read(kind: Any, value: Any, tell: Tell, exact: bool, at: str = "") -> Any:
    """Return ``value`` as the type ``kind``; ``tell`` hears all that is wrong.

    What is ``exact`` may lack what has a default, and raises for other names. Else all is told that is not there, and
    other names are left out.
    """
    if kind is Any:
        return value
    inner = get_args(kind)
    base: Any = get_origin(kind) or kind
    shape: Any = Mapping if is_dataclass(base) or base is dict else list if base is tuple else base
    if not _is(shape, value):
        return tell(at, "a value" if value is ABSENT else _CALLED[shape], value)
    if is_dataclass(base):
        types, within = hints(kind), f"{at}." if at else ""
        given = value if exact else {name: value.get(name, ABSENT) for name in types}
        return kind(**{name: read(types[name], item, tell, exact, f"{within}{name}") for name, item in given.items()})
    if shape is list:
        return base([read(inner[0], item, tell, exact, f"{at}[{number}]") for number, item in enumerate(value)])
    if base is dict:
        return {read(str, k, tell, exact, at): read(inner[1], v, tell, exact, f"{at}.{k}") for k, v in value.items()}
    return value


def _is(shape: Any, value: Any) -> bool:
    kinds = {float: (int, float), list: (list, tuple)}.get(shape, shape)
    # bool is an int to isinstance, but no size.
    return isinstance(value, kinds) and (shape is bool or not isinstance(value, bool))


@cache
def hints(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields by their names, worked out once."""
    return get_type_hints(kind)
