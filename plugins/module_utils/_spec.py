# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and check a spec: ``envs/<env>/environment.yml`` and the optional ``release.yml`` beside it.

A pure reader: it asks no channel and writes nothing. Whether packages exist is the solver's business.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._pip_spec import read_pip
from ansible_collections.airgap.conda.plugins.module_utils._release import RESERVED_NAMES, is_env_name
from ansible_collections.airgap.conda.plugins.module_utils._release_spec import (
    REFUSE,
    ReleaseSpec,
    read_release_spec,
    shell_name,
    unique,
)
from ansible_collections.airgap.conda.plugins.module_utils._spec_yaml import Node, read_yaml

ENVIRONMENT = "environment.yml"
RELEASE = "release.yml"

# A cheap look at a match spec: [channel::]name [version [build]] [key=value list]. The solver reads it for real.
_VERSION = r"\(*\s*(?:[=!~]=|[<>]=?|=)?\s*[0-9A-Za-z*][0-9A-Za-z.*+!_-]*\s*\)*"
_MATCH_SPEC = re.compile(
    r"(?:(?P<channel>\S+)::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)"
    rf"(?:\s*{_VERSION}(?:\s*[,|]\s*{_VERSION})*(?:[\s=]+[0-9A-Za-z*][0-9A-Za-z_.*+-]*)?)?\s*(?:\[[^\[\]]+\])?"
)
_CHANNEL = r"[A-Za-z0-9][\w./-]*|/\S+|[a-z][a-z0-9+.-]*://\S+"


@dataclass(frozen=True)
class Spec:
    """A checked spec.

    ``channels`` in order of priority, ``conda`` the match specs, ``pip`` the lines of a requirements file,
    ``variables`` set as they are at activation. ``sha256`` names the meaning: comments, the order of keys and the
    layout do not change it, everything that a build can see does.
    """

    name: str
    directory: Path
    channels: tuple[str, ...]
    conda: tuple[str, ...]
    pip: tuple[str, ...]
    variables: dict[str, str]
    release: ReleaseSpec
    sha256: str


def load_spec(directory: Path) -> Spec:
    """Read and check the spec in ``directory``, whose name is the environment's.

    Raises AirgapError for the first thing that is wrong, with the file and line in ``where``.
    """
    name = _env_name(directory)
    path = _spelled(directory, ENVIRONMENT)
    root = read_yaml(path)
    if root is None:
        raise AirgapError(
            "environment.yml is empty",
            wanted="channels and dependencies",
            found="no key at all",
            where=str(path),
            remedy="write the environment in conda's format",
        )
    # conda env export writes prefix, the path on the machine it ran on; conda ignores it too.
    keys = root.mapping(["name", "channels", "dependencies", "variables", "prefix"])
    if "name" in keys and keys["name"].string() != name:
        raise keys["name"].error(
            "The name is not that of the folder",
            wanted=name,
            remedy="rename the folder or the environment, or remove the name",
        )
    conda, pip = _dependencies(_required(root, keys, "dependencies", "- python=3.11"), directory)
    variables = _variables(keys["variables"]) if "variables" in keys else {}
    content: dict[str, Any] = {
        "name": name,
        "channels": _channels(_required(root, keys, "channels", "- conda-forge")),
        "conda": conda,
        "pip": pip,
        "variables": variables,
        "release": _release(directory, variables),
    }
    return Spec(directory=directory, sha256=_sha256(content), **content)


def _env_name(directory: Path) -> str:
    name = Path(os.path.abspath(directory)).name
    if not is_env_name(name):
        raise AirgapError(
            "The folder's name cannot be the name of an environment",
            wanted="a-z, 0-9, '.', '_' and '-', 64 characters at most, starting with a letter or digit, "
            "and none of " + ", ".join(RESERVED_NAMES),
            found=repr(name),
            where=str(directory),
            remedy="rename the folder",
        )
    return name


def _spelled(directory: Path, name: str) -> Path:
    """Return the path of a spec file; refuses the ending .yaml, which would silently go unread."""
    other = (directory / name).with_suffix(".yaml")
    if os.path.lexists(other):
        raise AirgapError(
            "The file's name ends in .yaml",
            wanted=name,
            found=other.name,
            where=str(other),
            remedy=f"rename it to {name}",
        )
    return directory / name


def _release(directory: Path, variables: dict[str, str]) -> ReleaseSpec:
    path = _spelled(directory, RELEASE)
    return read_release_spec(read_yaml(path), variables) if os.path.lexists(path) else ReleaseSpec()


def _required(root: Node, keys: dict[str, Node], name: str, example: str) -> Node:
    if name not in keys or keys[name].kind != "seq" or keys[name].is_empty:
        node = keys.get(name, root)
        raise node.error(
            f"environment.yml has no list of {name}",
            wanted=f"{name}: with one or more entries",
            found=node.describe() if name in keys else f"no key {name}",
            remedy=f"write {name}: and under it lines such as '{example}'",
        )
    return keys[name]


def _channels(node: Node) -> tuple[str, ...]:
    # A missing list is refused and never guessed: what it would mean differs between tools and over the years.
    channels = [
        item.matching(_CHANNEL, "a channel's name, a URL or an absolute path", "correct the channel")
        for item in node.items()
    ]
    # "nodefaults" only tells conda not to add its defaults, which are never added here.
    named = [channel for channel in channels if channel != "nodefaults"]
    if not named:
        raise node.error(
            "environment.yml names no channel",
            wanted="a channel to take packages from",
            found="only nodefaults",
            remedy="add one, such as conda-forge",
        )
    return unique(named, node)


def _dependencies(node: Node, directory: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    conda: dict[str, str] = {}
    pip: tuple[str, ...] = ()
    for item in node.items():
        if item.kind == "map":
            if pip:
                raise item.error(
                    "The pip list stands twice",
                    wanted="one pip list",
                    found="a second mapping",
                    remedy="write all pip requirements into one list",
                )
            pip = read_pip(_pip_section(item), directory)
        else:
            name, match_spec = _match_spec(item)
            if name in conda:
                raise item.error(
                    f"{name} stands twice in the dependencies",
                    wanted="each package once",
                    found=f"{conda[name]!r} and {match_spec!r}",
                    remedy="keep one line; a comma joins conditions, as in python>=3.9,<3.12",
                )
            conda[name] = match_spec
    if not conda:
        raise node.error(
            "environment.yml names no conda package",
            wanted="one package or more from a channel",
            found="only a pip list",
            remedy="add at least - python",
        )
    if pip and "pip" not in conda:
        conda["pip"] = "pip"  # as conda does: the pip that installs must be the environment's own
    return tuple(conda.values()), pip


def _pip_section(item: Node) -> Node:
    entries = item.mapping()
    if list(entries) != ["pip"]:
        key = next((key for key in entries if key != "pip"), "")
        raise item.error(
            "A dependency is written as a mapping",
            wanted="text, or the one mapping 'pip:'",
            found=f"the key {key!r}",
            remedy="write 'name=version' without a colon",
        )
    return entries["pip"]


def _match_spec(node: Node) -> tuple[str, str]:
    text = " ".join(node.string().split())
    match = _MATCH_SPEC.fullmatch(text)
    if not match:
        raise node.error(
            "This is not a conda match spec",
            wanted="name, name=1.2, name>=1.2,<2 or channel::name=1.2",
            remedy="correct the line; a package from a file or URL belongs into a channel",
        )
    return match["name"].lower(), text


def _variables(node: Node) -> dict[str, str]:
    """Read ``variables:``. A plain whole number is text to every tool alike; other values must be quoted."""
    return {
        shell_name(name, value): value.text if _is_plain_number(value) else value.string()
        for name, value in node.mapping().items()
    }


def _is_plain_number(node: Node) -> bool:
    return node.kind == "int" and re.fullmatch(r"0|[1-9][0-9]*", node.text) is not None


def _sha256(content: dict[str, Any]) -> str:
    release: ReleaseSpec = content["release"]
    written = asdict(release)
    for name, default in {"user_site": False, "link_scripts": REFUSE}.items():
        if written[name] == default:
            del written[name]  # a spec without it means what it meant before there was such a key
    meaning = {
        **content,
        "conda": sorted(content["conda"]),  # the order of match specs and of formats means nothing
        "release": {
            **written,
            "formats": sorted(release.formats),
            "activation_variables": list(release.activation_variables.items()),  # one may use those before it
        },
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()
