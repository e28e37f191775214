# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and check the pip list of environment.yml, the requirements files it names included.

Those files are inlined, so that what a release was built from stands in one place and has one hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._spec_yaml import Node, read_text

# Options of a requirements file that mean the same wherever the bastion runs pip.
_OPTIONS = (
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--pre",
    "--prefer-binary",
    "--no-binary",
    "--only-binary",
    "--require-hashes",
    "--trusted-host",
)
_INCLUDE = re.compile(r"(?:-r\s*|--requirement(?:\s+|=))(?P<file>\S.*)")
_NAME = r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
_VERSION = r"(?:===|[=~!<>]=|[<>])\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(
    rf"{_NAME}\s*(?:\[[^\]]*\])?\s*(?:@\s*\S+|\(?{_VERSION}(?:\s*,\s*{_VERSION})*,?\)?)?"
    r"\s*(?:;(?P<marker>[^;]+?))?(?:\s+--\S+)*"
)
_CONDA_PIN = re.compile(_NAME + r"\s*=\s*[^=\s].*")
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+]*)://\S+")
_LOCAL = re.compile(
    r"[./~].*|(?:[a-z]+\+)?file:.*|[^:@]*[/\\][^:@]*|[^\s:;@]+\.(?:whl|zip|tar\.gz)|.*@\s*(?:file:|[./~]).*"
)


@dataclass(frozen=True)
class _Line:
    text: str
    where: str
    origin: Path  # the folder that relative paths start from


def read_pip(section: Node, directory: Path) -> tuple[str, ...]:
    """Return the pip list as checked lines of one requirements file; paths start from ``directory``."""
    requirements: dict[tuple[str, str], str] = {}
    for item in section.items():
        for line in _expanded(_Line(_without_comment(item.string()), item.where, directory), ()):
            key = _checked(line)
            if key in requirements:
                raise _refusal("A pip requirement stands twice", line, "each requirement once", "keep one of them")
            requirements[key] = line.text
    return tuple(requirements.values())


def _expanded(line: _Line, open_files: tuple[Path, ...]) -> Iterator[_Line]:
    """Yield the line, or in its place the lines of the requirements file it names."""
    include = _INCLUDE.fullmatch(line.text)
    if not include:
        if line.text:
            yield line
        return
    path = line.origin / include["file"].strip("\"'")
    if path.resolve() in open_files:
        raise _refusal("A requirements file includes itself", line, "files that end", "remove this line")
    if not path.is_file():
        raise AirgapError(
            "A requirements file is missing",
            wanted=str(path),
            found="no such file",
            where=line.where,
            remedy="add the file, with its path relative to the file that names it",
        )
    for inner in _logical_lines(path):
        yield from _expanded(inner, (*open_files, path.resolve()))


def _logical_lines(path: Path) -> Iterator[_Line]:
    """Yield the lines of a requirements file, those that end in a backslash joined with the next."""
    joined, start = "", 0
    for number, text in enumerate([*read_text(path).splitlines(), ""], start=1):
        start = start if joined else number
        joined += _without_comment(text)
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        yield _Line(" ".join(joined.split()), f"{path}:{start}", path.parent)
        joined = ""


def _without_comment(text: str) -> str:
    return re.sub(r"(^|\s+)#.*$", "", text).strip()


def _checked(line: _Line) -> tuple[str, str]:
    """Check one line; return what must not stand twice: the normalised name and its marker."""
    text = line.text
    if re.match(r"(-e|--editable)\b", text):
        raise _refusal(
            "An editable install cannot travel",
            line,
            "a requirement from an index",
            "build a wheel, put it on an index or into a channel, and require it by name",
        )
    url = _URL.fullmatch(text)
    if url and not url["scheme"].endswith("file"):
        return text, ""
    if text.startswith("-"):
        return _option(line), text
    if _LOCAL.fullmatch(text):
        raise _refusal(
            "A local path means something else on every machine",
            line,
            "a requirement from an index",
            "put the package on an index or into a channel, and require it by name",
        )
    match = _REQUIREMENT.fullmatch(text)
    if not match:
        pin = _CONDA_PIN.fullmatch(text)
        raise _refusal(
            "This is not a pip requirement",
            line,
            "name, name==1.2, name[extra]>=1.2,<2 or name @ URL",
            "write two equal signs: a single one is conda's" if pin else "correct the line",
        )
    return re.sub(r"[-_.]+", "-", match["name"]).lower(), (match["marker"] or "").strip()


def _option(line: _Line) -> str:
    name = re.split(r"[\s=]", line.text, maxsplit=1)[0]
    if name not in _OPTIONS:
        raise _refusal(
            f"The pip option {name} is not allowed in a spec",
            line,
            "one of -r, " + ", ".join(_OPTIONS),
            "remove it, or write what it does into the requirements themselves",
        )
    value = line.text[len(name) :].lstrip("= ")
    if name in ("-f", "--find-links") and not re.match(r"https?://", value):
        raise _refusal(
            "A local path means something else on every machine",
            line,
            f"{name} with an http(s) URL",
            "put the packages on an index, and name that",
        )
    return name


def _refusal(problem: str, line: _Line, wanted: str, remedy: str) -> AirgapError:
    return AirgapError(problem, wanted=wanted, found=repr(line.text), where=line.where, remedy=remedy)
