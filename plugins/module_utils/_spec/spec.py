# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and check a spec: ``envs/<env>/environment.yml`` and the optional ``release.yml``.

A pure reader: it asks no channel and writes nothing. Whether packages exist is the solver's business; whether files
that a release brings exist is looked at.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RESERVED_NAMES, is_env_name
from ansible_collections.airgap.conda.plugins.module_utils._spec.conda import match_spec, selected
from ansible_collections.airgap.conda.plugins.module_utils._spec.foreign import other_names, refuse_keys, refuse_text
from ansible_collections.airgap.conda.plugins.module_utils._spec.nodes import (
    Node,
    nearest,
    parse_yaml,
    read_yaml,
    unknown_key,
)
from ansible_collections.airgap.conda.plugins.module_utils._spec.pip_list import PipList, read_pip
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import (
    REFUSE,
    ReleaseSpec,
    read_release_spec,
    shell_name,
)
from ansible_collections.airgap.conda.plugins.module_utils._spec.text import read_text

ENVIRONMENT = "environment.yml"
RELEASE = "release.yml"

# What conda reads. It passes over any other key, which is right for what other tools keep there (platforms, category)
# and loses what was meant for it: the second list.
_KEYS = ("name", "channels", "dependencies", "variables", "prefix")
_BELOW = "write its packages below dependencies"
_MISTAKEN = {
    **dict.fromkeys(("packages", "package", "requirements", "conda", "dependency"), _BELOW),
    "pip": "write it below dependencies, as the entry '- pip:'",
    "channel": "write it as channels:, with a list",
    "channel_priority": "set build_channel_priority (strict or disabled), which is not part of conda's file",
    **dict.fromkeys(("vars", "env", "environment"), "write variables as variables:"),
    "<<": "write its expansion",
}
_CHANNEL = r"[A-Za-z0-9][\w./-]*|/[^\s$]+|[a-z][a-z0-9+.-]*://[^\s$]+"


@dataclass(frozen=True)
class Spec:
    """A checked spec.

    ``channels`` in order of priority, ``conda`` the match specs, ``pip`` the lines of a requirements file and
    ``constraints`` those of a constraints file, ``variables`` set as they are at activation. ``notes`` say what is
    passed over, as conda does. ``sha256`` names the meaning: comments, the order of keys and the layout do not change
    it, everything that a build can see does, but for what ``release.files`` hold.
    """

    name: str
    directory: Path
    channels: tuple[str, ...]
    conda: tuple[str, ...]
    pip: tuple[str, ...]
    constraints: tuple[str, ...]
    variables: dict[str, str]
    release: ReleaseSpec
    sha256: str
    notes: tuple[str, ...] = ()


def load_spec(directory: Path) -> Spec:
    """Read and check the spec in ``directory``, whose name is the environment's.

    Raises AirgapError for all that is wrong at once, each fault with file, line and column in ``where``.
    """
    name = _env_name(directory)
    faults, notes = Faults(), list[str]()
    content: dict[str, Any] = {"name": name, "variables": {}}
    with faults.gathered():
        root = _root(_spelled(directory, ENVIRONMENT))
        keys = _keys(root, faults, notes)
        if "name" in keys and not keys["name"].is_empty:
            with faults.gathered():
                _check_name(keys["name"], name)
        # A missing list is refused and never guessed: what it would mean differs between tools and over the years.
        content["channels"] = _channels(root, keys, faults)
        content["conda"], pip = _dependencies(root, keys, directory, faults, notes)
        content["pip"], content["constraints"] = pip.requirements, pip.constraints
        content["variables"] = _variables(keys["variables"], faults) if "variables" in keys else {}
    with faults.gathered():
        content["release"] = _release(directory, content["variables"], faults)
    faults.tell("the spec")
    return Spec(directory=directory, sha256=_sha256(content), notes=tuple(notes), **content)


def _env_name(directory: Path) -> str:
    name = Path(os.path.abspath(directory)).name
    if not is_env_name(name):
        raise AirgapError(
            "The folder's name is not a valid name of an environment",
            code="name-invalid",
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
            code="file-misnamed",
            wanted=name,
            found=other.name,
            where=str(other),
            remedy=f"rename it to {name}",
        )
    return directory / name


def _root(path: Path) -> Node:
    """Return the top mapping of environment.yml; refuses the files of other tools in its place, by what they are."""
    others = [] if os.path.lexists(path) else other_names(path)
    if others:
        raise AirgapError(
            f"There is no {path.name}",
            code="spec-missing",
            wanted=str(path),
            found=", ".join(others),
            where=str(path.parent),
            remedy=f"rename the file in conda's format to {path.name}",
        )
    text = read_text(path)
    refuse_text(text, str(path))
    root = parse_yaml(text, str(path))
    if root is None:
        raise AirgapError(
            "environment.yml is empty",
            code="spec-empty",
            wanted="channels and dependencies",
            found="no key at all",
            where=str(path),
            remedy="write the environment in conda's format",
        )
    return root


def _keys(root: Node, faults: Faults, notes: list[str]) -> dict[str, Node]:
    """Return the value of each key that conda reads; ``notes`` gets the keys that it ignores."""
    keys = root.mapping(faults=faults)
    refuse_keys(keys, root.where)
    for key in root.key_nodes():
        meant = nearest(key.text, _KEYS)
        if key.text in _KEYS:
            continue
        if key.kind != "str" or key.text in _MISTAKEN or meant:
            faults.found.append(unknown_key(key, _KEYS, _MISTAKEN.get(key.text, "")))
            keys.setdefault(meant or key.text, keys[key.text])  # what is wrong in it is told as well
        else:
            notes.append(f"{key.where}: conda has no key {key.text!r}; conda and this build ignore it")
    return keys


def _check_name(node: Node, name: str) -> None:
    if node.string().lower() != name:  # of a folder's name, all letters are small
        raise node.error(
            "The name differs from that of the folder",
            wanted=name,
            remedy="rename the folder or the environment, or remove the name",
            code="name-differs",
        )


def _release(directory: Path, variables: dict[str, str], faults: Faults) -> ReleaseSpec:
    path = _spelled(directory, RELEASE)
    return read_release_spec(read_yaml(path), variables, faults, directory) if os.path.lexists(path) else ReleaseSpec()


def _required(root: Node, keys: dict[str, Node], name: str, example: str) -> Node:
    if name not in keys or keys[name].kind != "seq" or keys[name].is_empty:
        node = keys.get(name, root)
        raise node.error(
            f"environment.yml has no list of {name}",
            wanted=f"{name}: with one or more entries",
            found=node.describe() if name in keys else f"no key {name}",
            remedy=f"write {name}: and under it lines such as '{example}'",
            code="list-missing",
        )
    return keys[name]


def _channels(root: Node, keys: dict[str, Node], faults: Faults) -> tuple[str, ...]:
    channels: dict[str, None] = {}  # conda also uses the first position of a duplicate channel
    with faults.gathered():
        node = _required(root, keys, "channels", "- conda-forge")
        for item in node.items():
            with faults.gathered():
                channels[_channel(item)] = None
        # "nodefaults" only tells conda not to add its defaults, which are never added here.
        if list(channels) == ["nodefaults"]:
            raise node.error(
                "environment.yml names no channel",
                wanted="a channel with packages",
                found="only nodefaults",
                remedy="add one, such as conda-forge",
                code="channel-missing",
            )
    return tuple(channel for channel in channels if channel != "nodefaults")


def _channel(item: Node) -> str:
    if item.kind == "str" and "$" in item.text:
        raise item.error(
            "A channel's URL contains a variable",
            wanted="a literal URL, the same in every build",
            remedy="write the URL; put passwords and tokens into build_credentials or the program's own configuration",
            code="channel-variable",
        )
    return item.matching(_CHANNEL, "a channel's name, a URL or an absolute path", "correct the channel")


def _dependencies(
    root: Node, keys: dict[str, Node], directory: Path, faults: Faults, notes: list[str]
) -> tuple[tuple[str, ...], PipList]:
    conda: dict[str, str] = {}  # conda takes the conditions of all lines for a package together
    names: set[str] = set()
    pip: PipList | None = None
    with faults.gathered():
        items = _required(root, keys, "dependencies", "- python=3.11").items()
        while items:
            item = items.pop(0)
            with faults.gathered():
                chosen = selected(item) if item.kind == "map" else None
                if chosen is not None:
                    items[:0] = chosen
                elif item.kind == "map":
                    section = _pip_section(item, first=pip is None)
                    pip = PipList() if section.is_empty else read_pip(section, directory, faults)
                else:
                    name, text = match_spec(item, notes)
                    names.add(name)
                    conda[text] = name
        if not conda and not (pip and pip.requirements) and not faults.found:
            raise keys["dependencies"].error(
                "environment.yml names no package",
                wanted="one or more packages",
                remedy="add at least - python",
                code="package-missing",
            )
    if pip and pip.requirements and "pip" not in names:
        conda["pip"] = "pip"  # as conda does: the pip that installs must be the environment's own
    return tuple(conda), pip or PipList()


def _pip_section(item: Node, first: bool) -> Node:
    entries = item.mapping()
    if list(entries) != ["pip"]:
        key = next((key for key in entries if key != "pip"), "")
        raise item.error(
            "A dependency is written as a mapping",
            wanted="text, or the one mapping 'pip:'",
            found=f"the key {key!r}",
            remedy="fill in the template first"
            if any(node.kind == "map" for node in item.key_nodes())
            else "write 'name=version' without a colon",
            code="dependency-invalid",
        )
    if not first:
        raise item.error(
            "There are two pip lists",
            wanted="one pip list, because conda uses only the last one",
            found="a second mapping",
            remedy="write all pip requirements into one list",
            code="pip-lists",
        )
    return entries["pip"]


def _variables(node: Node, faults: Faults) -> dict[str, str]:
    """Read ``variables:``. A number that every tool reproduces verbatim counts as text; quote other values."""
    variables: dict[str, str] = {}
    with faults.gathered():
        for name, value in node.mapping(faults=faults).items():
            with faults.gathered():
                variables[shell_name(name, value)] = value.text if _is_plain(value) else value.string()
    return variables


def _is_plain(node: Node) -> bool:
    if node.kind == "str" and not node.text:
        return True  # an empty text, quoted as such
    is_number = re.fullmatch(r"-?(?:0|[1-9][0-9]*)(?:\.(?:0|[0-9]*[1-9]))?", node.text) is not None
    return is_number and node.kind in ("int", "float")


def _sha256(content: dict[str, Any]) -> str:
    release: ReleaseSpec = content["release"]
    written = asdict(replace(release, files=()))
    # Of files, what they hold is an input of its own; where they come from means nothing.
    del written["files"]
    for name, default in {"user_site": False, "link_scripts": REFUSE}.items():
        if written[name] == default:
            del written[name]  # a spec without it means what it meant before there was such a key
    meaning = {
        **{key: value for key, value in content.items() if key != "constraints" or value},  # likewise
        "conda": sorted(content["conda"]),  # the order of match specs and of formats means nothing
        "release": {
            **written,
            "formats": sorted(release.formats),
            "activation_variables": list(release.activation_variables.items()),  # one may use those before it
        },
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()
