# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scripts that conda runs after it linked a package: on the bastion if release.yml says so, never on a host.

rattler runs none, conda, mamba and micromamba run all. What they leave is the same for all: what the scripts made when
they are wanted, and nothing of it when they are not.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import walk
from ansible_collections.airgap.conda.plugins.module_utils._environment.container import Container
from ansible_collections.airgap.conda.plugins.module_utils._environment.inside import SHELL, Inside, remove_others
from ansible_collections.airgap.conda.plugins.module_utils._environment.records import conda_files, records_of

# A here-document in a script, and the line that begins it without its operator.
_HERE = re.compile(
    r"<<-?[ \t]*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)([^\n]*)\n.*?^\t*(?P=end)[ \t]*$", re.MULTILINE | re.DOTALL
)
# What a script writes for the user; conda shows and removes it.
MESSAGES = ".messages.txt"
# Characters of a script's output that a user gets to see.
_LONGEST = 1500


@dataclass(frozen=True)
class LinkScript:
    """One script: its path in the prefix and the record of its package."""

    path: str
    record: Mapping[str, Any]

    def text(self, prefix: Path) -> str:
        """Return its contents."""
        return (prefix / self.path).read_text(encoding="utf-8", errors="replace")


def link_scripts(prefix: Path) -> list[LinkScript]:
    """Return the scripts to run after a link, those of a package after those of what it depends on."""
    found = []
    for _path, record in records_of(prefix):
        script = script_of(record["name"], "post-link")
        if script in record["files"]:
            found.append(LinkScript(script, record))
    if not found:
        return []
    order = list(_ordered(prefix))
    return sorted(found, key=lambda script: order.index(script.record["name"]))


def only_tells(text: str) -> bool:
    """Tell whether all that a script does is to leave a message: many do no more, and are heard always."""
    if "$(" in text or "`" in text:
        return False
    text = re.sub(r"[ \t]*2>&1[ \t]*$", "", text, flags=re.MULTILINE)
    text = _HERE.sub(lambda match: match[3] + "\n", text)
    lexer = shlex.shlex(re.sub(r"^[ \t]*#.*$", "", text, flags=re.MULTILINE), posix=True, punctuation_chars=True)
    lexer.commenters = ""
    lexer.whitespace, lexer.wordchars = " \t\r", lexer.wordchars + "${}%+,:@!"
    try:
        words = list(lexer)
    except ValueError:
        return False
    commands: list[list[str]] = [[]]
    for word in words:
        commands.append([]) if word == "\n" else commands[-1].append(word)
    return all(map(_is_message, commands))


def _is_message(command: Sequence[str]) -> bool:
    if not command or command[0] in ("set", "true", ":") or command == ["exit", "0"]:
        return not any(set(word) <= set("();<>|&") for word in command)
    *words, redirect, target = command if len(command) > 2 else ["", "", *command]
    if redirect in (">", ">>"):
        if target not in ("$PREFIX/.messages.txt", "${PREFIX}/.messages.txt"):
            return False
    else:
        words = list(command)
    if any(word and set(word) <= set("();<>|&") for word in words):
        return False
    return words[0] in ("echo", "printf") or words == ["cat"]


def script_of(package: str, action: str) -> str:
    """Return the path of the script that conda would run for a package."""
    return f"bin/.{package}-{action}.sh"


def _ordered(prefix: Path) -> Iterator[str]:
    """Yield the names of all packages, each after those that it depends on; a circle is entered anywhere."""
    depends: dict[str, list[str]] = {}
    for _path, record in records_of(prefix):
        depends[record["name"]] = [re.split(r"[\s=<>!~]", text, maxsplit=1)[0] for text in record.get("depends") or ()]
    seen: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in depends and name not in seen:
            seen.add(name)
            for other in sorted(depends[name]):
                yield from visit(other)
            yield name

    for name in sorted(depends):
        yield from visit(name)


def run_link_scripts(prefix: Path, scripts: Sequence[LinkScript], container: Container | None) -> list[str]:
    """Run the scripts as conda does, in the activated environment; return the messages that they leave.

    Raises AirgapError for the first one that fails.
    """
    inside, messages = Inside(prefix, container), []
    for script in scripts:
        record = script.record
        variables = {
            "PREFIX": str(prefix),
            "ROOT_PREFIX": str(prefix),
            "PKG_NAME": str(record["name"]),
            "PKG_VERSION": str(record["version"]),
            "PKG_BUILDNUM": str(record["build_number"]),
        }
        done = inside.run([*SHELL, f". {shlex.quote(str(prefix / script.path))}"], prefix / "bin", variables)
        messages += take_messages(prefix)
        if not done.ok:
            said = "; ".join(line.strip() for line in done.output.splitlines() if line.strip())
            raise AirgapError(
                f"The post-link script of {record['name']} {record['version']} failed",
                code="link-script-failed",
                wanted="exit status 0",
                found=f"{done.how}: {said[-_LONGEST:] or 'no output'}"
                + "".join(f"; message: {message}" for message in messages[-1:]),
                where=str(prefix / script.path),
                remedy="use another version of the package, or build where the script finds its requirements",
            )
    return messages


def take_messages(prefix: Path) -> list[str]:
    """Return what scripts wrote for the user, and remove it from the environment."""
    path = prefix / MESSAGES
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
        path.unlink()
    except OSError:
        return []
    return [text] if text else []


def make_relative(prefix: Path) -> None:
    """Make absolute links into the environment, as scripts write them, lead to the same place wherever it lies."""
    for path in walk(prefix):
        place = prefix / path
        if place.is_symlink():
            target = os.readlink(place)
            if target == str(prefix) or target.startswith(f"{prefix}/"):
                place.unlink()
                place.symlink_to(os.path.relpath(target, place.parent))


def take_away(prefix: Path) -> None:
    """Remove what no package brought: what a program that runs the scripts itself has let them make."""
    owned = conda_files(prefix)
    remove_others(prefix, lambda path: path in owned or path == "conda-meta" or path.startswith("conda-meta/"))
