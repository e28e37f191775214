# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read one conda dependency of environment.yml: a match spec as conda, mamba and rattler read it alike."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._spec.nodes import Node, read_yaml
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import package_at

# A cheap look at a match spec: [channel::]name [version [build]] [key=value list]. The solver reads it for real.
_VERSION = r"\(*\s*(?:[=!~]=|[<>]=?|=)?\s*[0-9A-Za-z*][0-9A-Za-z.*+!_-]*\s*\)*"
_MATCH_SPEC = re.compile(
    r"(?:(?P<channel>\S+)::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)"
    rf"(?:\s*{_VERSION}(?:\s*[,|]\s*{_VERSION})*(?P<build>[\s=]+[0-9A-Za-z*_][0-9A-Za-z_.*+-]*)?)?"
    r"\s*(?P<bracket>\[[^\[\]]+\])?"
)
_ARCHIVE = re.compile(r"(?P<url>\S+?://\S+\.(?:conda|tar\.bz2))(?:#(?P<hash>[0-9a-fA-F]+))?")
_IN_BRACKET = re.compile(r"(?<=[\[,])\s*channel\s*=\s*['\"]?(?P<channel>[^'\",\]\s]+)['\"]?\s*,?")
# micromamba's selectors, and those that hold for a Linux host.
_SELECTOR = re.compile(r"sel\((?P<system>linux|unix|osx|win)\)")
_SYSTEMS = ("linux", "unix")


def match_spec(node: Node, notes: list[str]) -> tuple[str, str]:
    """Return the name of the package that a dependency asks for, in lower case, and the match spec.

    What conda silently ignores goes into ``notes``.
    """
    text = " ".join(node.string().split())
    archive = _ARCHIVE.fullmatch(text)
    package = package_at(archive["url"], "", "") if archive else None
    if archive and package and package.subdir:
        kind = {64: "sha256", 32: "md5"}.get(len(archive["hash"] or ""))
        pin = f"[{kind}={archive['hash']}]" if kind else ""
        return package.name, f"{package.channel}::{package.name}=={package.version}={package.build}{pin}"
    match = _MATCH_SPEC.fullmatch(text)
    if not match:
        raise node.error(
            "This is not a conda match spec",
            wanted="name, name=1.2, name>=1.2,<2 or channel::name=1.2",
            remedy=_remedy(text),
            code="dependency-invalid",
        )
    if match["bracket"] and "=" not in match["bracket"]:
        text = text[: match.start("bracket")].rstrip()
        notes.append(
            f"{node.where}: conda has no extras and ignores {match['bracket']}: list the packages of the extra"
        )
    elif match["bracket"] and not match["channel"] and (channel := _IN_BRACKET.search(match["bracket"])):
        # The library would take it for the public channel of this name, never for a mirror of it.
        others = re.sub(r",\s*\]", "]", _IN_BRACKET.sub("", match["bracket"])).replace("[ ", "[")
        rest = "" if others == "[]" else others
        text = f"{channel['channel']}::{text[: match.start('bracket')].rstrip()}{rest}"
    elif match["build"]:
        # The library takes "name = 1.2 = build" for a build whose name begins with "= ".
        build = match["build"]
        text = text[: match.start("build")].rstrip() + re.sub(r"\s*=\s*", "=", build) + text[match.end("build") :]
    return match["name"].lower(), text


def selected(item: Node) -> list[Node] | None:
    """Return what a selector of micromamba (``sel(linux): name``) chooses for Linux; None for any other mapping."""
    entries = item.mapping()
    selectors = [(_SELECTOR.fullmatch(key), value) for key, value in entries.items()]
    if not entries or not all(match for match, _value in selectors):
        return None
    chosen = [value for match, value in selectors if match and match["system"] in _SYSTEMS]
    return [node for value in chosen for node in (value.items() if value.kind == "seq" else [value])]


def place_of(file: str, *specs: str) -> str:
    """Return where match specs are: the file of a spec, with ``:line:column`` of each if known."""
    try:
        root = read_yaml(Path(file))
        items = root.mapping()["dependencies"].items() if root else []
    except (AirgapError, KeyError):
        return file
    places = {" ".join(item.text.split()): item.where.removeprefix(file) for item in items}
    return file + ", ".join(places[spec] for spec in specs if spec in places)


def _remedy(text: str) -> str:
    if "{{" in text or "{%" in text:
        return "fill in the template first: this is the source of an environment.yml"
    if re.search(r"=[<>]", text):
        return "correct the line: conda writes >= and <="
    if re.search(r"[<>=]\s*[\w.*]+\s+[<>!]", text):
        return "correct the line: a comma joins conditions, as in name>=1.2,<2"
    if re.match(r"[\w.-]+:[\w.-]+(?![^=<>!~\s]*:)", text):
        return "correct the line: write two colons between a channel and a package, as in conda-forge::name"
    if re.match(r"pip\s+-", text):
        return "correct the line: write '- pip:' with a colon, and its list indented below"
    if text.startswith("-") or "git+" in text:
        return "correct the line: instructions for pip belong under '- pip:', indented below it"
    return "correct the line; put a package from a file or URL into a channel"
