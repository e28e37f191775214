# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an environment consists of: as locks, written and read, and as a list of packages."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.unshared import cannot_write, write_anew
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage, PipPackage, package_at
from ansible_collections.airgap.conda.plugins.module_utils._spec.text import read_text

CONDA_LOCK = "conda.lock"
PIP_LOCK = "pip.lock"
EXPLICIT = "@EXPLICIT"

_HASH = re.compile(r"(?:sha256:)?(?P<sha256>[0-9a-f]{64})|(?P<md5>[0-9a-f]{32})", re.IGNORECASE)
_PINNED = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")
_DIRECT = re.compile(
    r"(?P<name>[a-z0-9-]+) @ (?P<url>\S+?)(?: --hash=sha256:(?P<sha256>[0-9a-f]{64}))? +# (?P<version>\S+)"
)
_REMEDY = "copy the lock from the release again, or recreate it with build_update: true"


@dataclass(frozen=True)
class Lock:
    """The locks of an environment, read: the conda packages and what pip installs, each sorted by name."""

    conda: tuple[CondaPackage, ...]
    pip: tuple[PipPackage, ...]

    @property
    def identity(self) -> list[Any]:
        """What is the same when the same files are installed, whatever mirror they come from."""
        return [
            sorted([package.stem, package.subdir, package.hash] for package in self.conda),
            sorted([package.name, package.version, package.sha256 or package.url] for package in self.pip),
        ]


def conda_lock(packages: Sequence[CondaPackage]) -> str:
    """Return conda's explicit list, which conda, mamba, micromamba and pixi install directly.

    The hash is the sha256, and the md5 where the channel has no other.
    """
    lines = [package.url + (f"#{package.hash}" if package.hash else "") for package in packages]
    return "".join(f"{line}\n" for line in [EXPLICIT, *sorted(lines)])


def pip_lock(packages: Sequence[PipPackage]) -> str:
    """Return requirement lines with hashes, as ``pip install --no-deps`` reads them.

    A package from no index has its address, and its version in a comment.
    """
    lines = []
    for package in packages:
        sha256 = f" --hash=sha256:{package.sha256}" if package.sha256 else ""
        if package.direct:
            lines.append(f"{package.name} @ {package.url}{sha256}  # {package.version}\n")
        else:
            lines.append(f"{package.name}=={package.version}{sha256}\n")
    return "".join(sorted(lines))


def read_lock(folder: Path) -> Lock | None:
    """Return the locks next to a spec; None without conda.lock. AirgapError names the first invalid line."""
    path, pip_path = folder / CONDA_LOCK, folder / PIP_LOCK
    if path.exists():
        return parse_lock(read_text(path), read_text(pip_path) if pip_path.exists() else "", str(path), str(pip_path))
    if pip_path.exists():
        raise AirgapError(
            "There is a pip.lock without a conda.lock",
            code="lock-incomplete",
            wanted="both locks of one release, or none",
            found="pip.lock alone",
            where=str(pip_path),
            remedy="add the conda.lock of the same release, or remove the pip.lock",
        )
    return None


def write_lock(folder: Path, conda: str, pip: str) -> None:
    """Write the locks of an environment next to its spec."""
    try:
        write_anew(folder / CONDA_LOCK, conda.encode("utf-8"))
        if pip:
            write_anew(folder / PIP_LOCK, pip.encode("utf-8"))
        else:
            (folder / PIP_LOCK).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def parse_lock(conda: str, pip: str, where: str = CONDA_LOCK, pip_where: str = PIP_LOCK) -> Lock:
    """Return what the texts of the two locks say; ``where`` and ``pip_where`` name them in messages."""
    lines = [(number, line.strip()) for number, line in enumerate(conda.splitlines(), start=1)]
    content = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not content or content[0][1] != EXPLICIT:
        found = repr(content[0][1]) if content else "nothing"
        raise _unreadable(where, f"conda's explicit list, whose first line is {EXPLICIT}", found)
    packages = [_conda_line(line, f"{where}:{number}") for number, line in content[1:]]
    requirements = [
        _pip_line(line.strip(), f"{pip_where}:{number}")
        for number, line in enumerate(pip.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    _unique([package.name for package in packages], where)
    _unique([package.name for package in requirements], pip_where)
    return Lock(
        tuple(sorted(packages, key=lambda package: package.name)),
        tuple(sorted(requirements, key=lambda package: package.name)),
    )


def _conda_line(line: str, where: str) -> CondaPackage:
    url, _separator, text = line.partition("#")
    match = _HASH.fullmatch(text)
    package = package_at(url, match["sha256"] or "", match["md5"] or "") if match else None
    if not package:
        raise _unreadable(where, "the URL of a package, # and its sha256 or md5", repr(line))
    return package


def _pip_line(line: str, where: str) -> PipPackage:
    pinned, direct = _PINNED.fullmatch(line), _DIRECT.fullmatch(line)
    if pinned:
        return PipPackage(pinned["name"], pinned["version"], pinned["sha256"], "")
    if direct:
        return PipPackage(direct["name"], direct["version"], direct["sha256"] or "", direct["url"], direct=True)
    raise _unreadable(where, "a line such as name==1.2 --hash=sha256:…", repr(line))


def _unique(names: Sequence[str], where: str) -> None:
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise _unreadable(where, "each package once", f"{double} {names.count(double)} times")


def _unreadable(where: str, wanted: str, found: str) -> AirgapError:
    return AirgapError(
        "The lock cannot be used", code="lock-unusable", wanted=wanted, found=found, where=where, remedy=_REMEDY
    )


def package_list(conda: Sequence[CondaPackage], pip: Sequence[PipPackage]) -> tuple[dict[str, Any], ...]:
    """Return manager, name, version, build, channel, sha256 and size of every package, conda's first, by name."""
    listed = [
        {
            "manager": "conda",
            "name": package.name,
            "version": package.version,
            "build": package.build,
            "channel": _channel_name(package.channel),
            "sha256": package.sha256,
            "size": package.size,
        }
        for package in conda
    ] + [
        {
            "manager": "pip",
            "name": package.name,
            "version": package.version,
            "build": "",
            "channel": "pypi",
            "sha256": package.sha256,
            "size": 0,
        }
        for package in pip
    ]
    return tuple(sorted(listed, key=lambda package: (str(package["manager"]), str(package["name"]))))


def package_lines(packages: Sequence[dict[str, Any]]) -> str:
    """Return one line a package, for diffs."""
    keys = ("manager", "name", "version", "build", "channel")
    lines = []
    for package in packages:
        size = f" ({_readable(package['size'])})" if package.get("size") else ""
        lines.append(" ".join(package[key] for key in keys if package[key]) + size + "\n")
    return "".join(lines)


def file_lines(files: Sequence[dict[str, Any]]) -> str:
    """Return one line for each entry of ``files`` in release.yml, for diffs."""
    return "".join(
        f"file {item['path']} {item['sha256'][:16]} ({item['files']} files, {_readable(item['bytes'])})\n"
        for item in files
    )


def _readable(size: int) -> str:
    """Return a size as people write it, in decimal units as channels show it."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size} B"


def digest(value: Any) -> str:
    """Return the sha256 of a value that JSON can hold; equal values have equal digests."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _channel_name(address: str) -> str:
    """Return what is left of a channel's address without the server, or the folder of a local one."""
    url = urlsplit(address)
    return url.path.rsplit("/", 1)[-1] if url.scheme == "file" else url.path.strip("/")
