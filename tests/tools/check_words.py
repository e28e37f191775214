# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fail on words in documentation and code that a native engineer would not write there, with the usual ones."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sanity import tracked_files

CHECKOUT = Path(__file__).resolve().parents[2]
USUAL = {
    "anew": "again",
    "beside": "next to, in addition to",
    "is none": "is not, there is no",
    "look which": "find out which",
    "mend": "fix, repair",
    "mended": "fixed, repaired",
    "stands": "is",
}
WORDS = re.compile(rf"\b(?:{'|'.join(USUAL)})\b", re.IGNORECASE)
# In code "there is none" is plain enough. What the shells of hosts source is left as it is: a word is a new file there.
IN_CODE = re.compile(rf"\b(?:{'|'.join(word for word in USUAL if word != 'is none')})\b", re.IGNORECASE)
CODE = ("plugins", "roles", "playbooks")
SOURCED = Path("plugins/module_utils/_activation")
QUOTED = re.compile(r"`[^`]*`")


def is_documentation(name: Path) -> bool:
    """Return whether users or contributors read the file."""
    return name.suffix == ".md" or name.parts[0] == "changelogs" or name.name == "argument_specs.yml"


def words_of(name: Path) -> re.Pattern[str] | None:
    """Return what must not be in a file; None when nothing is looked for."""
    if is_documentation(name):
        return WORDS
    is_code = name.parts[0] in CODE and name.suffix in (".py", ".yml", ".j2") and SOURCED not in name.parents
    return IN_CODE if is_code else None


def faults(name: str, text: str, words: re.Pattern[str] = WORDS) -> list[str]:
    """Return a line for each such word, except in quoted code and messages."""
    return [
        f"{name}:{number}: {word!r}; write: {USUAL[word.lower()]}"
        for number, line in enumerate(text.splitlines(), 1)
        for word in words.findall(QUOTED.sub("", line))
    ]


def main() -> int:
    """Print every fault and return the exit status."""
    lines = [
        line
        for name in tracked_files(CHECKOUT)
        for words in filter(None, [words_of(name)])
        for line in faults(str(name), (CHECKOUT / name).read_text(encoding="utf-8"), words)
    ]
    print("\n".join(lines) or "plain words")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
