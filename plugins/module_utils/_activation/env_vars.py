# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables that conda exports before it sources activate.d: packages' (env_vars.d) and the spec's (variables).

conda reads them from JSON at each activation. A host may have neither Python nor conda, so a build makes of them what
any shell can source (``VARIABLES``): one call a variable, whose function sets it or gives its old value back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._activation.script import VARIABLES
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.limits import DOCUMENT
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json

FOLDER = "etc/conda/env_vars.d"
# Where conda keeps what `conda env config vars` sets, and environment.yml's variables: it exports them after FOLDER's.
STATE = "conda-meta/state"
# By this value conda takes a variable back.
UNSET = "***unset***"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Read by every activation, or no shell's to set.
_CONDA = ("PATH", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL", "CONDA_PROMPT_MODIFIER")
_SHELL = ("IFS", "PWD", "OLDPWD", "SHLVL", "_", "UID", "EUID", "GID", "EGID", "PPID", "SHELLOPTS", "BASHOPTS")
RESERVED = frozenset((*_CONDA, *_SHELL, "BASH_VERSINFO"))


@dataclass(frozen=True)
class Fault:
    """An invalid variable in a file of ``FOLDER``: ``path`` is relative to the prefix."""

    path: str
    what: str


def env_vars(prefix: Path, variables: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    """Return the variables of an environment and what is wrong with those of its packages, which are left out.

    As in conda the files are read in their order, a later one wins, and ``variables``, the spec's, win over all.
    """
    found: dict[str, str] = {}
    faults: list[Fault] = []
    folder = prefix / FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        name = str(path.relative_to(prefix))
        content, what = _content(path)
        faults += [Fault(name, what)] if what else []
        for key, value in content.items():
            what = _wrong(key, value)
            if what:
                faults.append(Fault(name, what))
            else:
                found[key] = str(value)
    found.update(variables)
    return {key: value for key, value in found.items() if value != UNSET}, faults


def env_var_files(prefix: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return path in the environment -> text: the script, and the JSON by which conda itself knows the spec's."""
    found, _faults = env_vars(prefix, variables)
    files = {}
    if found:
        lines = [f"_airgap_variable {name} {_quote(value, str(prefix))}\n" for name, value in found.items()]
        files[VARIABLES] = "# Made by airgap.conda from env_vars.d and the spec's variables.\n" + "".join(lines)
    if variables:
        files[STATE] = json.dumps({"version": 1, "env_vars": dict(variables)}, sort_keys=True) + "\n"
    return files


def _content(path: Path) -> tuple[Mapping[str, Any], str]:
    try:
        content = parse_json(read_small(path, DOCUMENT).decode("utf-8-sig"))
    except FileFault as fault:
        return {}, str(fault)
    except ValueError as error:
        return {}, f"invalid JSON: {error}"
    return (content, "") if isinstance(content, dict) else ({}, "not an object of names and values")


def _wrong(name: str, value: object) -> str:
    """Return why this is not a variable; empty if it is. Numbers and booleans become the text that conda writes."""
    if not NAME.fullmatch(name):
        return f"{name!r} is not the name of a variable"
    if name in RESERVED:
        return f"{name} belongs to the shell or to the activation itself"
    if not isinstance(value, (str, int, float)):
        return f"the value of {name} is {json.dumps(value)[:80]}, not text"
    if isinstance(value, str) and "\0" in value:
        return f"the value of {name} contains a NUL"
    return ""


def _quote(value: str, prefix: str) -> str:
    """Return the value as one word in which nothing is expanded but the prefix, which is another one on a host."""
    return (
        '"$CONDA_PREFIX"'.join(_literal(part) for part in value.split(prefix)) if prefix in value else _literal(value)
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"
