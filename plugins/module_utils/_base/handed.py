# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one side hands to another as a dictionary, taken in as a dataclass: whole and of the right types, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_args, get_origin

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import hints

Type = TypeVar("Type")
# Field -> what its value must be in addition to its type, and whether a value is that.
Checks = Mapping[str, tuple[str, Callable[[Any], object]]]
# Characters of a value in a message.
SHOWN = 100
_CALLED = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    Mapping: "a dictionary",
}


def handed(kind: type[Type], data: object, what: str, where: str, checks: Checks) -> Type:
    """Make a dataclass of a dictionary that has each of its fields; other names in it are left out.

    ``what`` it is and ``where`` it came from are for the message. Raises one AirgapError for all that is wrong.
    """
    reader = _Reader(what, where)
    value: Type = reader.read(kind, data, "")
    if isinstance(data, Mapping):
        for name, (wanted, is_well) in checks.items():
            found = data.get(name)
            if name in data and name not in reader.wrong and not is_well(found):
                reader.tell(name, wanted, found)
    reader.faults.tell(what)
    return value


def each(read: Callable[[object, str], Type], items: Iterable[object], where: str) -> list[Type]:
    """Take in a list of what ``read`` (a ``from_dict``) takes; raises one AirgapError for all that is wrong."""
    found, faults = [], Faults()
    for number, item in enumerate(items, start=1):
        with faults.gathered():
            found.append(read(item, f"number {number} of {where}"))
    faults.tell(where)
    return found


class _Reader:
    def __init__(self, what: str, where: str) -> None:
        self._what, self._where = what, where
        self.faults, self.wrong = Faults(), set[str]()

    def tell(self, at: str, wanted: str, found: object, is_there: bool = True) -> None:
        text = repr(found) if is_there else "nothing"
        self.wrong.add(at.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0])
        self.faults.found.append(
            AirgapError(
                f"{self._what[:1].upper()}{self._what[1:]} cannot be used",
                wanted=f"{wanted}{f' as {at}' if at else ''}",
                found=text if len(text) <= SHOWN else f"{text[:SHOWN]} …",
                where=self._where,
                remedy="hand on what airgap.conda returned, as it is",
            )
        )

    def read(self, kind: Any, value: Any, at: str) -> Any:
        """Return ``value`` as the type ``kind``, or None after telling what is wrong."""
        base, inner = get_origin(kind) or kind, get_args(kind)
        if is_dataclass(base):
            return self._fields(base, value, at)
        if base in (list, tuple):
            items = value if isinstance(value, (list, tuple)) else self._of(list, value, at) or ()
            return base([self.read(inner[0], item, f"{at}[{number}]") for number, item in enumerate(items)])
        if base is dict:
            names = self._of(Mapping, value, at) or {}
            return {name: self.read(inner[1], item, f"{at}.{name}") for name, item in names.items()}
        return self._of(base, value, at)

    def _fields(self, kind: Any, value: Any, at: str) -> Any:
        given = self._of(Mapping, value, at)
        if given is None:
            return None
        values, before = {}, len(self.faults.found)
        for name, hint in hints(kind).items():
            path = f"{at}.{name}" if at else name
            if name in given:
                values[name] = self.read(hint, given[name], path)
            else:
                self.tell(path, "a value", None, is_there=False)
        return kind(**values) if len(self.faults.found) == before else None

    def _of(self, kind: Any, value: Any, at: str) -> Any:
        # bool is an int to isinstance, but no size.
        kinds = (int, float) if kind is float else kind
        if isinstance(value, kinds) and (kind is bool or not isinstance(value, bool)):
            return value
        self.tell(at, _CALLED[kind], value)
        return None
