# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and check the pip list of environment.yml, the requirements and constraints files it names included.

Those files are inlined, so that all inputs of a release are in one place and have one hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._spec import pip_line
from ansible_collections.airgap.conda.plugins.module_utils._spec.nodes import Node
from ansible_collections.airgap.conda.plugins.module_utils._spec.text import read_text

_NAME = r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
_VERSION = r"(?:===|[=~!<>]=|[<>])\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(
    rf"{_NAME}\s*(?:\[[^\]]*\])?\s*(?:@\s*[a-z$][^\s:@]*(?:://|\}})\S*|\(?{_VERSION}(?:\s*,\s*{_VERSION})*\)?)?\s*(?:;(?P<marker>[^;]+?))?"
)
_CONDA_PIN = re.compile(_NAME + r"\s*=\s*[^=\s].*")
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+]*)://\S+(?:\s+;.*)?")
_LOCAL = re.compile(
    r"[./~].*|(?:[a-z]+\+)?file:.*|[^:@]*[/\\][^:@]*|[^\s:;@]+\.(?:whl|zip|tar\.gz)|.*@\s*(?:file:|[./~]).*"
)
# Options whose value is the address of packages.
_PLACES = ("--find-links", "--index-url", "--extra-index-url")


@dataclass(frozen=True)
class PipList:
    """What pip is to install: the lines of one requirements file, and of one constraints file."""

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Line:
    text: str
    file: str
    number: int
    column: int
    origin: Path  # the folder that relative paths start from

    @property
    def where(self) -> str:
        return f"{self.file}:{self.number}:{self.column}"

    def error(self, problem: str, wanted: str, remedy: str, code: str = "pip-line-invalid") -> AirgapError:
        return AirgapError(problem, code=code, wanted=wanted, found=repr(self.text), where=self.where, remedy=remedy)


def read_pip(section: Node, directory: Path, faults: Faults) -> PipList:
    """Return the pip list as checked lines; paths start from ``directory``, and ``faults`` gathers what is wrong."""
    reader = _Reader(faults)
    for item in section.items():
        with faults.gathered():
            if item.kind == "map":
                raise item.error(
                    "YAML reads this line as a mapping",
                    wanted="a text",
                    remedy="quote the line, because it has a colon followed by a space",
                    code="text-unquoted",
                )
            text, (file, line, column) = item.string(multiline=True), item.where.rsplit(":", 2)
            block = "\n" in text.strip()  # its lines follow the sign that begins it
            for inner in _logical_lines(text, file, directory, int(line) + block, int(column)):
                with faults.gathered():
                    reader.read(inner, ())
    # pip takes the conditions of all lines for a package together.
    return PipList(tuple(dict.fromkeys(reader.requirements)), tuple(dict.fromkeys(reader.constraints)))


class _Reader:
    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.requirements: list[str] = []
        self.constraints: list[str] = []

    def read(self, line: _Line, open_files: tuple[Path, ...], constraints: bool = False) -> None:
        """Take in one line, or in its place those of the file that it names."""
        try:
            parts = pip_line.parts(line.text)
        except ValueError as error:
            raise line.error(
                f"pip does not accept this line: {error}",
                "a requirement, or one of -r, -c, " + ", ".join(sorted(pip_line.NAMES)),
                "remove the option, or express it in the requirements themselves",
            ) from None
        if parts.values(pip_line.EDITABLE):
            raise _editable(line, parts)
        if any(_URL.fullmatch(value) for value in parts.values(pip_line.FILE)):
            raise line.error(
                "A requirements file on a server can change",
                "a file next to environment.yml",
                "download it, and write -r with its name",
                code="file-remote",
            )
        _require_all_taken(line, parts)
        if parts.requirement:
            _check_requirement(line, parts.requirement)
        for names, into in ((pip_line.FILE, constraints), (pip_line.CONSTRAINTS, True)):
            for value in parts.values(names):
                if names is not pip_line.CONSTRAINTS or not _URL.fullmatch(value):
                    self._read_file(line, value, open_files, into)
                    return
        for name, value in parts.options:
            if name in _PLACES and not re.match(r"https?://|\$\{", value):
                raise line.error(
                    "A local path means something else on every machine",
                    f"{name} with an http(s) URL",
                    "put the packages on an index, and use its URL",
                    code="path-local",
                )
        (self.constraints if constraints else self.requirements).append(line.text)

    def _read_file(self, line: _Line, name: str, open_files: tuple[Path, ...], constraints: bool) -> None:
        path = line.origin / name
        if path.resolve() in open_files:
            raise line.error(
                "A requirements file includes itself", "no such loop", "remove this line", code="file-loop"
            )
        if not path.is_file():
            raise AirgapError(
                "A requirements file is missing",
                code="file-missing",
                wanted=str(path),
                found="no such file",
                where=line.where,
                remedy="add the file, with its path relative to the file that names it",
            )
        for inner in _logical_lines(read_text(path), str(path), path.parent):
            with self.faults.gathered():
                self.read(inner, (*open_files, path.resolve()), constraints)


def _logical_lines(text: str, file: str, origin: Path, first: int = 1, column: int = 0) -> Iterator[_Line]:
    """Yield the lines of a text, those that end in a backslash joined with the next, without comments and blanks."""
    joined, start, indent = "", first, 0
    for number, line in enumerate([*text.splitlines(), ""], start=first):
        if not joined:
            start, indent = number, len(line) - len(line.lstrip())
        joined += pip_line.without_comment(line).rstrip()
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        if joined.strip():
            yield _Line(" ".join(joined.split()), file, start, column or indent + 1, origin)
        joined = ""


def _editable(line: _Line, parts: pip_line.Parts) -> AirgapError:
    value = parts.values(pip_line.EDITABLE)[0]
    rest = "".join(f", and '{option}' on a separate line" for option in parts.foreign())
    remedy = f"write it without -e: '{value}'{rest}"
    if _LOCAL.fullmatch(value):
        remedy = "build a wheel, put it on an index or into a channel, and require it by name"
    return line.error(
        "An editable install cannot travel",
        "a requirement from an index or a repository",
        remedy,
        code="editable-install",
    )


def _require_all_taken(line: _Line, parts: pip_line.Parts) -> None:
    """Refuse what pip would pass over: then the package is not installed, and nobody is told."""
    foreign, words = parts.foreign(), list(parts.words)
    if not foreign and not words:
        return
    lost = " ".join([*foreign, *words])
    kept = [pip_line.written(*option) for option in parts.options]
    kept = [option for option in kept if option not in foreign]
    if parts.requirement:
        kept = [" ".join([parts.requirement, *kept])]
    if words and not all(_REQUIREMENT.fullmatch(word) or _URL.fullmatch(word) for word in words):
        words = [" ".join(words)]
    lines = [*foreign, *kept, *words] if parts.requirement else [*kept, *foreign, *words]
    raise line.error(
        f"pip ignores '{lost}' on this line",
        "one requirement per line, and options for all of them on separate lines",
        "write these lines: " + ", ".join(f"'{each}'" for each in lines),
        code="pip-option-ignored",
    )


def _check_requirement(line: _Line, text: str) -> None:
    url = _URL.fullmatch(text)
    if url and not url["scheme"].endswith("file"):
        return
    if _LOCAL.fullmatch(text):
        freeze = re.match(rf"{_NAME}(?:\[[^\]]*\])?\s*@", text)  # as pip freeze writes what conda has installed
        remedy = "put the package on an index or into a channel, and require it by name"
        raise line.error(
            "A local path means something else on every machine",
            "a requirement from an index",
            f"write {freeze['name']}==VERSION (see pip list --format=freeze), or {remedy}" if freeze else remedy,
            code="path-local",
        )
    if _REQUIREMENT.fullmatch(text):
        return
    words = text.split()
    remedy = "correct the line"
    if _CONDA_PIN.fullmatch(text):
        remedy = "write two equal signs; a single one is conda syntax"
    elif len(words) > 1 and all(_REQUIREMENT.fullmatch(word) for word in words):
        remedy = "write each package on a separate line, or == before its version"
    wanted = "name, name==1.2, name[extra]>=1.2,<2 or name @ URL"
    raise line.error("This is not a pip requirement", wanted, remedy, code="pip-requirement-invalid")
