# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Recognise files of other tools that are named environment.yml, and say how to convert them."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

_AS_LOCK = "rename it to conda.lock, and write the requested channels and packages into environment.yml"
_AS_PIP = "keep it next to environment.yml, and write there: dependencies: [python, pip: [-r FILE]]"
_BY_PIXI = "let pixi write one: pixi workspace export conda-environment environment.yml"
_REQUIREMENT = re.compile(
    r"-{1,2}[A-Za-z]\S*(?:[ =].*)?|[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\s*(?:[=<>!~]=?\s*\S.*|@\s.*|;.*)?"
)
# What no environment.yml has, as keys of the whole file: what it is, and what to do with it.
_BY_KEYS = (
    ({"version", "metadata", "package"}, "a lock of conda-lock", "convert it with: conda-lock render -k explicit"),
    ({"version", "environments", "packages"}, "a lock of pixi", _BY_PIXI),
    ({"env_specs"}, "a manifest of anaconda-project", "write the packages of one of its env_specs"),
    ({"package", "requirements"}, "the recipe of a package", "write the packages of its requirements"),
    ({"build_dependencies", "python"}, "a python_env.yaml of MLflow", "write its packages below dependencies"),
)
# Names under which people keep what is to be environment.yml.
_OTHER_NAMES = re.compile(
    r"(?:conda[-_]?)?env(?:ironment)?[\w.-]*\.ya?ml|conda[\w-]*\.ya?ml|requirements[\w.-]*\.(?:txt|ya?ml)"
    r"|pixi\.(?:toml|lock)|pyproject\.toml",
    re.IGNORECASE,
)


def refuse_text(text: str, where: str) -> None:
    """Refuse what can be told from the text alone: a web page, a list of archives, a manifest of pixi."""
    if re.match(r"\s*<(?:!DOCTYPE html|html)\b", text, re.IGNORECASE):
        raise _refusal("a web page", where, "download the file itself (raw, not the page that shows it)")
    if text.startswith("version https://git-lfs.github.com/"):
        raise _refusal("a pointer of Git LFS", where, "fetch the file itself: git lfs pull")
    conflict = re.search(r"(?m)^<{7} ", text)
    if conflict:
        number = text.count("\n", 0, conflict.start()) + 1
        raise _refusal(
            "two versions that git could not merge", f"{where}:{number}:1", "keep one version of these lines"
        )
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    if "@EXPLICIT" in lines:
        raise _refusal("an explicit list of archives (conda list --explicit)", where, _AS_LOCK)
    if any(re.fullmatch(r"\[(?:workspace|project|tool\.pixi\.\w+|dependencies)\]", line) for line in lines):
        raise _refusal("a manifest in TOML", where, _BY_PIXI)
    if lines and all(_REQUIREMENT.fullmatch(re.sub(r"\s+#.*", "", line)) for line in lines):
        raise _refusal("a list of requirements for pip", where, _AS_PIP)


def refuse_keys(keys: Collection[str], where: str) -> None:
    """Refuse what its keys show to be the file of another tool."""
    for marks, what, remedy in _BY_KEYS:
        if marks <= set(keys):
            raise _refusal(what, where, f"keep that file elsewhere; {remedy}")


def other_names(path: Path) -> list[str]:
    """Return files in the same folder that may be meant instead of a missing one."""
    if not path.parent.is_dir():
        return []
    return sorted(other.name for other in path.parent.iterdir() if _OTHER_NAMES.fullmatch(other.name))


def _refusal(what: str, where: str, remedy: str) -> AirgapError:
    return AirgapError(
        "This is not an environment.yml",
        code="foreign-file",
        wanted="channels and dependencies, in the format of conda's environment.yml",
        found=what,
        where=where,
        remedy=remedy,
    )
