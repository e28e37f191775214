# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and check release.yml: what a release must be like beyond the packages in environment.yml."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults
from ansible_collections.airgap.conda.plugins.module_utils._contract.complaints import ALLOWABLE
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import FORMATS
from ansible_collections.airgap.conda.plugins.module_utils._spec.files import Brought, read_files
from ansible_collections.airgap.conda.plugins.module_utils._spec.nodes import Node, parse_yaml
from ansible_collections.airgap.conda.plugins.module_utils._spec.text import refuse_credentials

PLATFORMS = ("linux-64", "linux-aarch64")
CPUS = ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4")
GPU = ("none", "optional", "required")
# How to handle post-link scripts of conda packages.
REFUSE, RUN = LINK_SCRIPTS = ("refuse", "run")
# Set or read by every activation: a spec that sets one of them breaks the environment.
RESERVED_VARIABLES = ("CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER", "CONDA_SHLVL", "PATH")

_REFERENCE = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})")


@dataclass(frozen=True)
class Target:
    """The weakest host the release must run on; None where the spec does not say.

    ``platform`` is a conda subdir, ``glibc``, ``cuda`` and ``driver`` are versions, ``cpu`` a microarchitecture level.
    """

    platform: str = "linux-64"
    glibc: str | None = None
    cuda: str | None = None
    driver: str | None = None
    cpu: str | None = None


@dataclass(frozen=True)
class ReleaseSpec:
    """release.yml in types.

    ``copies`` are (from, to) pairs, relative to the prefix; ``allow`` has the reason for each finding let pass. With
    ``user_site`` Python takes packages from ``~/.local`` too. ``link_scripts`` is one of LINK_SCRIPTS. ``files`` are
    files of the bastion that go into the release.
    """

    target: Target = field(default_factory=Target)
    formats: tuple[str, ...] = ("tar.zst",)
    gpu: str = "none"
    checks: Checks = field(default_factory=Checks)
    activation_variables: dict[str, str] = field(default_factory=dict)
    user_site: bool = False
    link_scripts: str = REFUSE
    copies: tuple[tuple[str, str], ...] = ()
    files: tuple[Brought, ...] = ()
    allow: dict[str, str] = field(default_factory=dict)


def read_release_spec(
    root: Node | None,
    taken_variables: Collection[str] = (),
    faults: Faults | None = None,
    directory: Path = Path(),
) -> ReleaseSpec:
    """Check the top value of a release.yml; None (an empty file) means all defaults.

    ``taken_variables`` are the names that environment.yml sets already, ``directory`` is the spec's. ``faults`` gathers
    what is wrong; what comes back then is of no use.
    """
    if root is None:
        return ReleaseSpec()
    gathered = faults or Faults()
    keys = root.mapping(
        ["target", "formats", "gpu", "checks", "activation", "link_scripts", "copies", "files", "allow"], gathered
    )
    readers: dict[str, Callable[[Node], dict[str, Any]]] = {
        "target": lambda node: {"target": _target(node, Target())},
        "formats": lambda node: {"formats": unique([item.one_of(tuple(FORMATS)) for item in node.items()], node)},
        "gpu": lambda node: {"gpu": node.one_of(GPU)},
        "checks": lambda node: {"checks": _checks(node, gathered)},
        "activation": lambda node: _activation(node, taken_variables, gathered),
        "link_scripts": lambda node: {"link_scripts": node.one_of(LINK_SCRIPTS)},
        "copies": lambda node: {"copies": _copies(node, gathered)},
        "files": lambda node: {"files": read_files(node, directory, gathered)},
        "allow": lambda node: {"allow": _allow(node, gathered)},
    }
    values: dict[str, Any] = {}
    for name, read in readers.items():
        if name in keys:
            with gathered.gathered():
                values |= read(keys[name])
    if faults is None:
        gathered.tell("release.yml")
    return ReleaseSpec(**values)


def _allow(node: Node, faults: Faults) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for name, reason in node.mapping(ALLOWABLE, faults).items():
        with faults.gathered():
            reasons[name] = reason.string()
    return reasons


def override_target(target: Target, values: Mapping[str, object], where: str) -> Target:
    """Return ``target`` with the keys in ``values``, which come from the variable named ``where``, in their place."""
    text = json.dumps(dict(values), indent=0)  # JSON is YAML: one reader and one set of checks for both sources
    refuse_credentials(text, where)
    root = parse_yaml(text, where)
    try:
        return _target(root, target) if root else target
    except AirgapError as error:
        error.where = where  # the lines are those of the JSON, of no use to anyone
        raise


def shell_name(name: str, node: Node) -> str:
    """Return the name of an environment variable, fit for every shell."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise node.error(
            f"{name!r} cannot be the name of a variable",
            found=repr(name),
            wanted="letters, digits and _, not starting with a digit",
            remedy="rename the variable",
            code="variable-name",
        )
    if name in RESERVED_VARIABLES:
        raise node.error(
            f"{name} belongs to the activation itself",
            found=repr(name),
            wanted="any variable but " + ", ".join(RESERVED_VARIABLES),
            remedy="remove it or rename it",
            code="variable-reserved",
        )
    return name


def unique(values: list[str], node: Node) -> tuple[str, ...]:
    """Return ``values`` as a tuple; refuses duplicates."""
    for value in values:
        if values.count(value) > 1:
            raise node.error(
                f"{value!r} is twice in the list",
                wanted="each value once",
                found=f"{value!r} {values.count(value)} times",
                remedy="keep one of them",
                code="value-twice",
            )
    return tuple(values)


def _target(node: Node, base: Target) -> Target:
    keys = node.mapping(["platform", "glibc", "cuda", "driver", "cpu"])
    values: dict[str, str] = {name: _version(keys[name], name) for name in ("glibc", "cuda", "driver") if name in keys}
    if "platform" in keys:
        values["platform"] = keys["platform"].one_of(PLATFORMS)
    if "cpu" in keys:
        values["cpu"] = keys["cpu"].one_of(CPUS)
    target = replace(base, **values)
    if target.cpu and target.platform != "linux-64":
        raise node.error(
            "This CPU level does not exist on the platform",
            wanted="cpu with linux-64 only",
            found=f"{target.cpu} with {target.platform}",
            remedy="remove target.cpu",
        )
    return target


def _version(node: Node, name: str) -> str:
    if node.kind in ("int", "float"):
        raise node.error(
            f"The {name} version is not quoted",
            wanted="a version as text",
            remedy=f'quote it: "{node.text}"; otherwise YAML reads a number, and 2.30 becomes 2.3',
            code="text-unquoted",
        )
    return node.matching(r"\d+(\.\d+)*", f"a {name} version: numbers with dots between them", "correct the version")


def _checks(node: Node, faults: Faults) -> Checks:
    keys = node.mapping(["imports", "commands", "timeout"], faults)
    values: dict[str, Any] = {}
    if "imports" in keys:
        modules = []
        for item in keys["imports"].items():
            with faults.gathered():
                modules.append(_module(item))
        values["imports"] = unique(modules, keys["imports"])
    if "commands" in keys:
        values["commands"] = tuple(item.string(multiline=True) for item in keys["commands"].items())
    if "timeout" in keys:
        values["timeout"] = _seconds(keys["timeout"])
    return Checks(**values)


def _module(node: Node) -> str:
    name = node.string()
    parts = name.split(".")
    if not all(part.isascii() and part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise node.error(
            "This is not the name of a module",
            wanted="a module name as in 'import scipy.stats'",
            remedy="write the module's name, which can differ from the package's (pillow is PIL)",
        )
    return name


def _seconds(node: Node) -> int:
    if node.kind != "int" or not re.fullmatch(r"[1-9][0-9]{0,4}", node.text):
        raise node.error(
            "The timeout is not valid", wanted="whole seconds, 1 to 99999", remedy="write a plain number, such as 300"
        )
    return int(node.text)


def _activation(node: Node, taken: Collection[str], faults: Faults) -> dict[str, Any]:
    variables: dict[str, str] = {}
    keys = node.mapping(["variables", "user_site"], faults)
    for name, value in keys["variables"].mapping(faults=faults).items() if "variables" in keys else ():
        with faults.gathered():
            variables[shell_name(name, value)] = _activated(name, value, taken)
    return {"activation_variables": variables, "user_site": "user_site" in keys and keys["user_site"].boolean()}


def _activated(name: str, value: Node, taken: Collection[str]) -> str:
    if name in taken:
        raise value.error(
            f"The variable {name} is set in both files",
            wanted="each variable in one place",
            found=f"{name} here and in environment.yml",
            remedy=f"remove {name} from one of them",
            code="variable-twice",
        )
    text = value.string()
    rest = _REFERENCE.sub("", text)
    if "$" in rest or "`" in rest:
        raise value.error(
            "The value contains a $ or ` that is not a variable",
            wanted="text, $NAME and ${NAME}",
            remedy="name the variable, or remove the sign: commands are not run at activation",
            code="variable-expansion",
        )
    return text


def _copies(node: Node, faults: Faults) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in node.items():
        with faults.gathered():
            pairs.append(_copy(item))
    unique([target for source, target in pairs], node)
    return tuple(pairs)


def _copy(item: Node) -> tuple[str, str]:
    keys = item.mapping(["from", "to"])
    if len(keys) < 2:
        raise item.error(
            "A copy needs two paths",
            wanted="the keys from and to",
            found="only " + ", ".join(keys),
            remedy="write - {from: lib/a, to: lib/b}",
            code="copy-paths",
        )
    source, target = _relative(keys["from"]), _relative(keys["to"])
    if source == target:
        raise item.error(
            "A copy has two equal paths",
            wanted="two different paths",
            found=source,
            remedy="correct to",
            code="copy-paths",
        )
    return source, target


def _relative(node: Node) -> str:
    path = node.string()
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise node.error(
            "This path could point out of the release",
            wanted="a path relative to the prefix, without ..",
            remedy="write it relative to the prefix, such as lib/libdevice.10.bc",
            code="path-outside",
        )
    return path
