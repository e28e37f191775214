# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check whether the locks next to a spec still satisfy it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import normal_name
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels, pinned_channel
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import CONDA_LOCK, PIP_LOCK, Lock
from ansible_collections.airgap.conda.plugins.module_utils._solve.rattler import load_rattler
from ansible_collections.airgap.conda.plugins.module_utils._spec import pip_line
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import (
    CondaPackage,
    PipPackage,
    load_packaging,
)
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import Target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import Spec

_ABSENT = "no such package in the lock"


def checked(lock: Lock, spec: Spec, channels: Channels, target: Target) -> Lock:
    """Return the lock with the places to fetch its packages from; AirgapError when it does not satisfy the spec.

    More than the spec asks for is fine. What the packages need of each other was settled when the lock was made.
    """
    where, pip_where = str(spec.directory / CONDA_LOCK), str(spec.directory / PIP_LOCK)
    for package in lock.conda:
        if package.subdir not in (target.platform, "noarch"):
            raise _stale(f"packages for {target.platform}", f"{package.file} for {package.subdir}", where)
    by_name = {package.name: package for package in lock.conda}
    for text in spec.conda:
        _require_conda(text, by_name, channels, where)
    _require_pip([line for line in spec.pip if not line.startswith("-")], spec.constraints, lock, pip_where)
    return replace(lock, conda=tuple(_placed(package, channels, where) for package in lock.conda))


def _placed(package: CondaPackage, channels: Channels, where: str) -> CondaPackage:
    place = channels.place_of(package.source)
    if place is None:
        raise AirgapError(
            f"The lock takes {package.name} from a channel that is not listed",
            code="channel-not-listed",
            wanted=f"a channel with the name of {package.channel}",
            found=", ".join(channels.names),
            where=where,
            remedy=f"add a copy of that channel to {channels.where}",
        )
    return replace(package, source=place)


def _require_conda(text: str, by_name: Mapping[str, CondaPackage], channels: Channels, where: str) -> None:
    rattler = load_rattler()
    channel, _subdir, rest = pinned_channel(text)
    try:
        spec = rattler.MatchSpec(rest)
    except rattler.exceptions.InvalidMatchSpecError as error:
        raise AirgapError(
            "A dependency is invalid",
            code="dependency-invalid",
            wanted="conda's notation, such as 'numpy 1.26.*'",
            found=f"'{text}': {error}",
            where=where,
            remedy="correct the entry under 'dependencies'",
        ) from error
    package = by_name.get(spec.name.normalized)
    if package is None:
        raise _stale(text, _ABSENT, where)
    if not spec.matches(_record(package)):
        raise _stale(text, package.file, where)
    homes = (package.channel, (channels.place_of(package.url) or package.url).rsplit("/", 2)[0])
    if channel and channel != "defaults" and not any(channels.is_channel(home, channel) for home in homes):
        raise _stale(text, package.url, where)


def _record(package: CondaPackage) -> Any:
    rattler = load_rattler()
    number = re.search(r"(\d+)$", package.build)
    return rattler.PackageRecord(
        name=package.name,
        version=package.version,
        build=rattler.BuildString(package.build),
        build_number=int(number[1]) if number else 0,
        subdir=package.subdir,
        sha256=bytes.fromhex(package.sha256) if package.sha256 else None,
        md5=bytes.fromhex(package.md5) if package.md5 else None,
    )


def _require_pip(requirements: Sequence[str], constraints: Sequence[str], lock: Lock, where: str) -> None:
    if lock.pip and not requirements:
        raise _stale("no pip packages", f"{lock.pip[0].name} and {len(lock.pip) - 1} others", where)
    if not requirements:
        return
    packaging = load_packaging()
    python = next((package.version for package in lock.conda if package.name == "python"), "3")
    known = {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
    }
    by_name = {package.name: package for package in lock.pip}
    for line in requirements:
        found = _pip_fault(pip_line.split(line)[0], by_name, known, packaging, lock)
        if found:
            raise _stale(line, found, where)
    for line in constraints:  # of what is not there they ask nothing
        found = "" if line.startswith("-") else _pip_fault(pip_line.split(line)[0], by_name, known, packaging, lock)
        if found not in ("", _ABSENT):
            raise _stale(line, found, where)


def _pip_fault(
    line: str, by_name: Mapping[str, PipPackage], known: Mapping[str, str], packaging: Any, lock: Lock
) -> str:
    """Return what is wrong with the lock for one requirement; nothing when it is met."""
    if re.match(r"[a-z][a-z0-9+]*://", line):
        urls = [_repository(package.url) for package in by_name.values() if package.direct]
        return "" if _repository(line) in urls else "no package from this URL in the lock"
    requirement = packaging.requirements.Requirement(line)
    if requirement.marker and not requirement.marker.evaluate(dict(known)):
        return ""
    name = normal_name(requirement.name)
    package = by_name.get(name)
    if package is None:
        # pip leaves alone what conda has installed already.
        package = next((PipPackage(own.name, own.version, "", "") for own in lock.conda if own.name == name), None)
    if package is None:
        return _ABSENT
    if not requirement.specifier.contains(package.version, prereleases=True):
        return f"{package.name} {package.version}"
    if requirement.url and _repository(requirement.url) != _repository(package.url):
        return package.url or f"{package.name} from an index"
    return ""


def _repository(url: str) -> str:
    """Return a URL without the commit and without the fragment."""
    return re.sub(r"(?<=[^/:])@[^/@]*$", "", url.partition("#")[0])


def _stale(wanted: str, found: str, where: str) -> AirgapError:
    return AirgapError(
        "The lock does not satisfy environment.yml",
        code="lock-stale",
        wanted=wanted,
        found=found,
        where=where,
        remedy="run it once with build_update: true, which solves again and rewrites the lock, or use the lock "
        "that belongs to this environment.yml",
    )
