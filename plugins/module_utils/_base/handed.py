# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one side hands to another as a dictionary, taken in as a dataclass: whole and of the right types, or refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import ABSENT, typed

Type = TypeVar("Type")
# Field -> what its value must be in addition to its type, and whether a value is that.
Checks = Mapping[str, tuple[str, Callable[[Any], object]]]
# Characters of a value in a message.
SHOWN = 100
_CALLED = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_CALLED |= {list: "a list", Mapping: "a dictionary"}


def handed(kind: type[Type], data: object, what: str, where: str, checks: Checks) -> Type:
    """Make a dataclass of a dictionary that has each of its fields; other names in it are left out.

    ``what`` it is and ``where`` it came from are for the message. Raises one AirgapError for all that is wrong.
    """
    faults, wrong = Faults(), set[str]()

    def tell(place: str, wanted: Any, found: object) -> None:
        at = place.lstrip(".")
        text, called = ("nothing", "a value") if found is ABSENT else (repr(found), _CALLED.get(wanted, wanted))
        wrong.add(re.split(r"[.[]", at, maxsplit=1)[0])
        faults.found.append(
            AirgapError(
                f"{what[:1].upper()}{what[1:]} cannot be used",
                code="handover-invalid",
                wanted=f"{called}{f' as {at}' if at else ''}",
                found=text if len(text) <= SHOWN else f"{text[:SHOWN]} …",
                where=where,
                remedy="hand on what airgap.conda returned, as it is",
            )
        )

    value = typed(kind, data, tell)
    if isinstance(data, Mapping):
        for name, (wanted, is_well) in checks.items():
            if name in data and name not in wrong and not is_well(data[name]):
                tell(name, wanted, data[name])
    faults.tell(what)
    return value


def each(take: Callable[[object, str], Type], items: Iterable[object], where: str) -> list[Type]:
    """Take in a list of what ``take`` (a ``from_dict``) takes; raises one AirgapError for all that is wrong."""
    found, faults = [], Faults()
    for number, item in enumerate(items, start=1):
        with faults.gathered():
            found.append(take(item, f"number {number} of {where}"))
    faults.tell(where)
    return found
