# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fail on an import that no rule allows, on a module that belongs to no room, and where docs/map.md says otherwise.

Also fail when what has to be small brings along more lines than it may; those figures are printed. With names of
modules (``_store/deploy``) instead: print how many lines each of them brings along.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[2] / "plugins/module_utils"
MAP = Path(__file__).resolve().parents[2] / "docs/map.md"
PACKAGE = "ansible_collections.airgap.conda.plugins.module_utils"
# Room -> the rooms that it may import from.
RULES = {
    room: {f"_{name}" for name in names.split()}
    for room, names in {
        "_base": "",
        "_run": "base",
        "_activation": "base run",
        "_contract": "base run",
        "_formats": "base run contract",
        "_spec": "base contract formats",
        "_requirements": "base run activation contract",
        "_solve": "base run contract spec",
        "_environment": "base run activation contract spec requirements solve",
        "_doctor": "base activation contract spec solve environment",
        "_secrets": "base contract solve environment",
        "_pack": "base run contract formats requirements environment secrets",
        "_source": "base run contract",
        "_swarm": "base run",
        "_depot": "base contract formats source spec requirements solve environment doctor secrets pack",
        "_audit": "base contract",
        "_fit": "base contract formats",
        "_hosts": "base contract fit",
        "_media": "base run contract source depot audit hosts",
        "_gpu": "base run activation contract requirements",
        "_store": "base run activation contract formats gpu",
        "_preflight": "base contract formats fit gpu store",
        "_receipt": "base contract fit gpu store preflight audit pull",
        "_pull": "base contract store",
        "_cli": "base activation contract formats source fit gpu store preflight audit receipt pull",
        "_first": "activation contract formats cli",
        "_kit": "base contract source media fit store cli first",
        "_report": "base contract hosts",
    }.items()
}

# What has to be small -> the modules that it starts from, and the most lines that they may bring along.
SMALL: dict[str, tuple[tuple[str, ...], int]] = {
    "the trusted core": (("_contract/trust",), 950),
    "the first step on a host": (("_contract/record", "_contract/tree"), 1500),
    "a rollback": (("_store/rollback",), 2000),
    "a rollback, with what shells source": (("_store/rollback", "_store/activated"), 2650),
}


def imports(library: Path, path: Path) -> set[Path]:
    """Return the files of the library that one of them imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{PACKAGE}."):
            place = library.joinpath(*str(node.module)[len(PACKAGE) :].split(".")[1:])
            names = [place, *(place / alias.name for alias in node.names)]
            found |= {name.with_suffix(".py") for name in names if name.with_suffix(".py").is_file()}
    return found


def faults(library: Path, rules: Mapping[str, set[str]]) -> list[str]:
    """Return every breach of the rules."""
    found = []
    for path in sorted(library.rglob("*.py")):
        room = path.relative_to(library).parts[0]
        if room not in rules or path.parent.parent != library:
            found.append(f"{path.relative_to(library)}: belongs to no room")
            continue
        for other in sorted(imports(library, path)):
            guest = other.relative_to(library).parts[0]
            if guest not in (room, *rules[room]):
                found.append(f"{path.relative_to(library)}: imports {other.relative_to(library)}, and {room} may not")
    try:
        TopologicalSorter(rules).prepare()
    except CycleError as error:
        found.append(f"the rules let rooms import each other in a circle: {' → '.join(error.args[1])}")
    return found


def unlike(text: str, rules: Mapping[str, set[str]]) -> list[str]:
    """Return the rooms for which the map's table says otherwise than the rules."""
    rows = {
        room: {f"_{name}" for name in names.replace(",", " ").split()}
        for room, names in re.findall(r"^\| `(_\w+)` \|.*\|([^|]*)\|$", text, re.MULTILINE)
    }
    return [
        f"docs/map.md: {room}: not what the rules say"
        for room in sorted({*rules, *rows})
        if rules.get(room) != rows.get(room)
    ]


def brought(library: Path, *start: Path) -> set[Path]:
    """Return files and all that they import from the library."""
    found: set[Path] = set()
    todo = set(start)
    while todo:
        found |= todo
        todo = {other for path in todo for other in imports(library, path)} - found
    return found


def lines(library: Path, *names: str) -> tuple[int, int]:
    """Return how many lines in how many files modules bring along, themselves included."""
    files = brought(library, *(library / f"{name}.py" for name in names))
    return sum(len(path.read_bytes().splitlines()) for path in files), len(files)


def too_large(library: Path, small: Mapping[str, tuple[tuple[str, ...], int]]) -> list[str]:
    """Return what brings along more than it may."""
    found = {what: (lines(library, *names)[0], most) for what, (names, most) in small.items()}
    return [f"{what}: {count} lines, and {most} are the most" for what, (count, most) in found.items() if count > most]


def main(names: list[str]) -> int:
    """Print the faults, or the lines of the modules that are named, and return the exit status."""
    wanted: dict[str, tuple[str, ...]] = {what: start for what, (start, _most) in SMALL.items()}
    if names:
        wanted = {name: (name,) for name in names}
    for what, start in wanted.items():
        print("{}: {} lines in {} files".format(what, *lines(LIBRARY, *start)))
    unlike_map = unlike(MAP.read_text(encoding="utf-8"), RULES)
    found = [] if names else [*faults(LIBRARY, RULES), *unlike_map, *too_large(LIBRARY, SMALL)]
    print("\n".join(found) or ("" if names else "every module is in a room, every import allowed by a rule"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
