# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is looked at before and after pip runs: that it can say what it installs, and that it passed over nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials, without_credentials
from ansible_collections.airgap.conda.plugins.module_utils._base.version import version_key
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import normal_name
from ansible_collections.airgap.conda.plugins.module_utils._spec import pip_line
from ansible_collections.airgap.conda.plugins.module_utils._spec.conda import place_of
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage

# The first pip with --dry-run and --report, and the first Python that it runs on.
OLDEST_PIP, ITS_PYTHON = "22.2", "3.7"


class Reported(Protocol):
    """A package in pip's report, its name normalised."""

    @property
    def name(self) -> str:
        """The normalised name."""

    @property
    def url(self) -> str:
        """Where pip took it from."""


def require_new_pip(conda: Iterable[CondaPackage], specs: Sequence[str], where: str) -> None:
    """Refuse an environment with a pip list whose pip cannot tell what it installs; ``where`` is the spec's file."""
    by_name = {package.name: package.version for package in conda}
    pip, python = by_name.get("pip", ""), by_name.get("python", "")
    if not pip or version_key(pip) >= version_key(OLDEST_PIP):
        return
    lines = [line for line in specs if re.match(r"(?:\S+::)?pip(?![\w.-])", line)]
    remedy = f"write pip>={OLDEST_PIP} instead of " + " and ".join(f"'{line}'" for line in lines)
    if not lines or lines == ["pip"]:
        remedy = f"add pip>={OLDEST_PIP} to the dependencies"
    if python and version_key(python) < version_key(ITS_PYTHON):
        remedy += f" and a Python for it, {ITS_PYTHON} or newer; or install the packages of the pip list with conda"
    raise AirgapError(
        "The environment's pip is too old for its pip list",
        code="pip-too-old",
        wanted=f"pip {OLDEST_PIP} or newer, which reports what it installs",
        found=f"pip {pip}" + (f" with Python {python}" if python else ""),
        where=place_of(where, *lines),
        remedy=remedy,
    )


def require_all(
    lines: Sequence[str],
    reported: Iterable[Reported],
    output: str,
    installed: Callable[[], Iterable[str]],
    where: str,
) -> None:
    """Refuse to go on when pip said it is done and did not take in every one of the ``lines``.

    ``reported`` is what its report says that it installed, and ``installed`` asks for the names of all that is there:
    what conda brought pip leaves alone. ``output`` tells whose marker does not hold here.
    """
    found = list(reported)
    names, addresses = {package.name for package in found}, {_repository(package.url) for package in found}
    requirements = [text for line in lines for text in _asked_for(line)]
    lacking = [text for text in requirements if not _is_there(text, names, addresses, output)]
    if lacking:
        names |= {normal_name(name) for name in installed()}
        lacking = [text for text in lacking if not _is_there(text, names, addresses, output)]
    if lacking:
        raise AirgapError(
            "pip did not install everything on the pip list",
            code="pip-incomplete",
            wanted=mask_credentials(", ".join(lacking)),
            found="pip succeeded, but neither its report nor the environment has them",
            where=where,
            remedy="write each of them on a separate line, without options before it",
        )


def _asked_for(line: str) -> list[str]:
    """Return all that a line may be meant to install, what pip drops of it as well."""
    parts = pip_line.parts(line)
    return [text for text in (parts.requirement, *parts.values(pip_line.EDITABLE), *parts.words) if text]


def _is_there(requirement: str, names: set[str], addresses: set[str], output: str) -> bool:
    if re.match(r"[a-z][a-z0-9+]*://", requirement):
        address = requirement.split(maxsplit=1)[0]
        return _repository(address) in addresses or ";" in requirement or "$" in address
    match = re.match(r"[A-Za-z0-9][\w.-]*", requirement)
    name = normal_name(match.group()) if match else ""
    skipped = {normal_name(word) for word in re.findall(r"Ignoring ([A-Za-z0-9][\w.-]*): markers", output)}
    return name in names or (";" in requirement and name in skipped)


def _repository(url: str) -> str:
    """Return an address without credentials, commit and fragment, alike for what is asked for and what is reported."""
    plain = without_credentials(re.sub(r"^\w+\+", "", url.partition("#")[0]))
    scheme, separator, rest = plain.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host + slash + re.sub(r"@[^@]*$", "", path).removesuffix("/")
