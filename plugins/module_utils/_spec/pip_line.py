# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parse one line of a requirements file as pip does, and find the words that pip would silently ignore.

pip reads a line as options as soon as a word begins with "-". It then drops remaining words, and options that do not
apply to the rest of the line: the package after ``--pre`` would never be installed.
"""

from __future__ import annotations

import functools
import optparse
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

# Options that a line of their own may have, with the number of their values. All mean the same wherever pip runs.
GLOBAL = {
    ("-i", "--index-url"): 1,
    ("--extra-index-url",): 1,
    ("--no-index",): 0,
    ("-f", "--find-links"): 1,
    ("--no-binary",): 1,
    ("--only-binary",): 1,
    ("--prefer-binary",): 0,
    ("--require-hashes",): 0,
    ("--pre",): 0,
    ("--trusted-host",): 1,
    ("--use-feature",): 1,
}
NAMES = [names[-1] for names in GLOBAL]
# Options that pip takes behind a requirement.
OF_REQUIREMENT = {("--hash",): 1, ("-C", "--config-settings", "--config-setting"): 1, ("--global-option",): 1}
FILE, CONSTRAINTS, EDITABLE = ("-r", "--requirement"), ("-c", "--constraint"), ("-e", "--editable")
_ALL = {**GLOBAL, **OF_REQUIREMENT, FILE: 1, CONSTRAINTS: 1, EDITABLE: 1}


@dataclass(frozen=True)
class Parts:
    """``requirement`` precedes all options; ``options`` are (name, value), ``words`` what pip drops."""

    requirement: str
    options: tuple[tuple[str, str], ...]
    words: tuple[str, ...]

    def values(self, names: Sequence[str]) -> list[str]:
        """Return the values that the option of one of these names has, in order."""
        return [value for name, value in self.options if name in names]

    def foreign(self) -> list[str]:
        """Return the options that pip drops because of the rest of the line, formatted for a separate line."""
        kinds = (OF_REQUIREMENT,) if self.requirement else (GLOBAL,)
        if not self.requirement and (self.values(EDITABLE) or self.values(FILE) or self.values(CONSTRAINTS)):
            # The first of them is what the line is.
            main = next(names for names in (EDITABLE, FILE, CONSTRAINTS) if self.values(names))
            own = self.values(main)[0]
            return [written(*option) for option in self.options if option[0] not in main or option[1] != own]
        known = {name for kind in kinds for names in kind for name in names}
        return [written(*option) for option in self.options if option[0] not in known]


class _Parser(optparse.OptionParser):
    def error(self, msg: str) -> NoReturn:
        raise ValueError(msg)


def _keep(option: optparse.Option, _written: str, value: str | None, parser: optparse.OptionParser) -> None:
    longest: Any = option.get_opt_string()
    parser.values.found.append((longest, value or ""))  # type: ignore[union-attr]


@functools.cache
def _parser() -> _Parser:
    parser = _Parser(add_help_option=False, prog="pip")
    for names, count in _ALL.items():
        kind: dict[str, Any] = {"type": "string", "nargs": 1} if count else {}
        parser.add_option(*names, action="callback", callback=_keep, **kind)
    return parser


def without_comment(text: str) -> str:
    """Return a line without its comment, which begins with a # at the beginning or behind a space."""
    return re.sub(r"(^|\s+)#.*$", "", text)


def split(text: str) -> tuple[str, str]:
    """Return the requirement at the beginning of a line, and the options behind it, without a comment."""
    text = without_comment(text)
    match = re.search(r"(?:^|\s)-", text)
    at = match.start() if match else len(text)
    return text[:at].strip(), text[at:].strip()


def parts(text: str) -> Parts:
    """Take a line apart. Raises ValueError, with pip's words, for an option that pip does not know or cannot read."""
    requirement, options = split(text)
    values: Any = optparse.Values({"found": []})
    _values, words = _parser().parse_args(shlex.split(options), values)
    return Parts(requirement, tuple(values.found), tuple(words))


def written(name: str, value: str) -> str:
    """Return an option as a line has it."""
    return f"{name} {shlex.quote(value)}" if value else name
