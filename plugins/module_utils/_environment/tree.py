# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The contents of an environment and their owners: conda's records, pip's metadata, the state of each file."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import without_credentials
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import normal_name, site_folders
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file

GONE, CHANGED = "gone", "changed"
WORKERS = 2


@dataclass(frozen=True)
class Package:
    """A package and where it came from: ``manager`` is conda or pip, ``channel`` a name, pypi for pip."""

    manager: str
    name: str
    version: str
    channel: str

    def __str__(self) -> str:
        source = f"conda, channel {self.channel}" if self.manager == "conda" else self.manager
        return f"{self.name} {self.version} ({source})"

    def as_dict(self) -> dict[str, str]:
        """Return the fields as in a manifest."""
        return asdict(self)


@dataclass(frozen=True)
class CondaFile:
    """One path of a conda package, as its record says it must be.

    ``path`` is relative to the prefix; ``wanted`` is where the package meant it to be, another path only where rattler
    moved it aside for a second package's file. ``content`` is the hash in the package, ``sha256`` the one in this
    prefix, both empty when the record has none; ``size`` in bytes, -1 when it is not fixed.
    """

    path: str
    wanted: str
    kind: str
    content: str
    sha256: str
    size: int
    placeholder: str
    mode: str


@dataclass(frozen=True)
class CondaPackage:
    """A record of conda-meta. ``address`` is the channel's, without credentials; ``cache`` the extracted package."""

    package: Package
    address: str
    cache: str
    files: tuple[CondaFile, ...]


@dataclass(frozen=True)
class Installed:
    """A distribution that Python sees in site-packages.

    ``key`` is its normalised name, ``info`` its metadata folder relative to the prefix, ``owner`` the conda package it
    belongs to (None: pip's). ``files`` are pip's paths relative to the prefix with their sha256, if RECORD has one.
    """

    package: Package
    key: str
    info: str
    owner: CondaPackage | None
    metadata: Distribution
    files: Mapping[str, str] = field(default_factory=dict)


class Tree:
    """The environment at ``prefix``. Everything is read once, when it is first asked for; nothing is written."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.conda = _conda_packages(prefix)
        self.site_packages = _site_packages(prefix)

    @cached_property
    def claims(self) -> dict[str, list[tuple[CondaPackage, CondaFile]]]:
        """Return each path that conda packages list, with the packages: more than one for an older conda's clashes."""
        claims: dict[str, list[tuple[CondaPackage, CondaFile]]] = {}
        for package in self.conda:
            for file in package.files:
                claims.setdefault(file.path, []).append((package, file))
        return claims

    @cached_property
    def damage(self) -> dict[str, str]:
        """Return the conda paths that are not as any package brought them: ``GONE`` or ``CHANGED``.

        Every file is hashed: times and inodes do not tell of a file that was written in place, and 400 MB take half a
        second. The content of byte code does not count, because it is recompiled wherever its source was rewritten.
        """
        paths = sorted(self.claims)
        with ThreadPoolExecutor(WORKERS) as pool:
            states = pool.map(self._state, paths, chunksize=1)
        return {path: state for path, state in zip(paths, states) if state}

    def _state(self, path: str) -> str:
        files = [file for _package, file in self.claims[path]]
        where = self.prefix / path
        try:
            status = os.lstat(where)
        except OSError:
            # A noarch package's byte code is compiled during installation, and missing if a file is not valid Python.
            return "" if all(file.kind == "pyc_file" for file in files) else GONE
        if stat.S_ISDIR(status.st_mode) or path.endswith(".pyc"):
            return ""
        if any(file.kind == "softlink" for file in files):
            return "" if stat.S_ISLNK(status.st_mode) else CHANGED
        if not stat.S_ISREG(status.st_mode):
            return CHANGED
        # A record without a hash (the console scripts that conda makes) says nothing of the content.
        if not all(file.sha256 for file in files):
            return ""
        possible = {file.sha256 for file in files if file.size in (-1, status.st_size)}
        return "" if possible and sha256_file(where) in possible else CHANGED

    @cached_property
    def installed(self) -> tuple[Installed, ...]:
        """Return what Python's own metadata says is installed, conda's and pip's."""
        site = self.prefix / self.site_packages
        if not self.site_packages or not site.is_dir():
            return ()
        names = sorted(name for name in os.listdir(site) if name.endswith((".dist-info", ".egg-info")))
        return tuple(self._installed(f"{self.site_packages}/{name}") for name in names)

    def _installed(self, info: str) -> Installed:
        metadata = Distribution.at(self.prefix / info)
        guessed_name, guessed_version = _split_info(info)
        name = _field(metadata, "Name") or guessed_name
        version = _field(metadata, "Version") or guessed_version
        key = normal_name(name)
        owner = self._owner(info)
        if owner:
            package = Package("conda", key, version, owner.package.channel)
            return Installed(package, key, info, owner, metadata)
        files = dict(_record(metadata, self.site_packages))
        return Installed(Package("pip", key, version, "pypi"), key, info, None, metadata, files)

    def _owner(self, info: str) -> CondaPackage | None:
        """Return the conda package that owns a metadata folder; none when pip wrote over it."""
        inside = self._claimed_infos.get(info, [])
        if not inside or any(path in self.damage for path in inside):
            return None
        return self.claims[inside[0]][0][0]

    @cached_property
    def _claimed_infos(self) -> dict[str, list[str]]:
        """Return the metadata folders that conda packages list, with the paths in them; they may be gone."""
        pattern = re.compile(re.escape(self.site_packages) + r"/[^/]+\.(?:dist|egg)-info(?=/|$)")
        infos: dict[str, list[str]] = {}
        for match in map(pattern.match, self.claims):
            if match:
                infos.setdefault(match.group(), []).append(match.string)
        return infos

    @cached_property
    def pip(self) -> tuple[Installed, ...]:
        """Return the distributions that pip (or another installer than conda) brought."""
        return tuple(item for item in self.installed if item.owner is None)

    @cached_property
    def pip_files(self) -> dict[str, list[Installed]]:
        """Return each path that pip's packages list, with the packages."""
        files: dict[str, list[Installed]] = {}
        for item in self.pip:
            for path in item.files:
                files.setdefault(path, []).append(item)
        return files

    @cached_property
    def unmanaged(self) -> tuple[str, ...]:
        """Return the paths of files and links that no conda package lists; conda's own files left out."""
        found = []
        for folder, names, files in os.walk(self.prefix):
            inside = os.path.relpath(folder, self.prefix)
            links = [name for name in names if os.path.islink(os.path.join(folder, name))]
            found += [os.path.normpath(os.path.join(inside, name)) for name in files + links]
        return tuple(sorted(path for path in found if path not in self.claims and not path.startswith("conda-meta/")))

    @cached_property
    def links(self) -> dict[str, str]:
        """Return every symbolic link with its target."""
        paths = [path for path in (*self.claims, *self.unmanaged) if os.path.islink(self.prefix / path)]
        return {path: os.readlink(self.prefix / path) for path in paths}

    def claimed_distributions(self, package: CondaPackage) -> set[str]:
        """Return the normalised names of the distributions whose metadata a conda package lists, also if it is gone."""
        mine = {file.path for file in package.files}
        infos = [info for info, paths in self._claimed_infos.items() if paths[0] in mine]
        return {normal_name(_split_info(info)[0]) for info in infos}


def _split_info(info: str) -> tuple[str, str]:
    """Return name and version out of a folder's name: ``six-1.17.0.dist-info``, ``six-1.17.0-py3.9.egg-info``."""
    stem = re.sub(r"(?:-py[0-9.]+)?\.(?:dist|egg)-info$", "", info.rpartition("/")[2])
    name, _dash, version = stem.partition("-")
    return name, version


def channel_name(address: str) -> str:
    """Return the usual name of a channel: the end of its URL, ``defaults`` for the channels of that name."""
    path = urlsplit(address).path.strip("/") or address
    path = re.sub(r"/label/.*", "", path)  # labels are views of one channel
    return "defaults" if re.search(r"(?:^|/)pkgs/[a-z0-9]+$", path) else path.rpartition("/")[2]


def _field(metadata: Distribution, name: str) -> str:
    """Return a field of the metadata, an empty text without one: an interrupted install leaves empty folders."""
    if not any(metadata.read_text(file) for file in ("METADATA", "PKG-INFO", "")):
        return ""
    return str(metadata.metadata[name] or "")


def _record(metadata: Distribution, site_packages: str) -> Iterator[tuple[str, str]]:
    for path in metadata.files or ():
        digest = ""
        if path.hash is not None and path.hash.mode == "sha256":
            value = path.hash.value
            digest = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
        yield os.path.normpath(f"{site_packages}/{path}"), digest


def _conda_packages(prefix: Path) -> tuple[CondaPackage, ...]:
    folder = prefix / "conda-meta"
    if not folder.is_dir():
        raise AirgapError(
            "There is no conda environment to inspect",
            code="prefix-missing",
            wanted="a conda environment (a folder with conda-meta)",
            found="a folder without conda-meta" if prefix.is_dir() else "no such folder",
            where=str(prefix),
            remedy="build it first, with airgap.conda.environment or conda",
        )
    return tuple(_conda_package(path) for path in sorted(folder.glob("*.json")))


def _conda_package(path: Path) -> CondaPackage:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        address = without_credentials(str(record.get("channel") or record.get("url") or "")).rstrip("/")
        address = address[: -len(record["subdir"]) - 1] if address.endswith(f"/{record.get('subdir')}") else address
        package = Package("conda", record["name"], record["version"], channel_name(address))
        link = record.get("link") or {}
        details = (record.get("paths_data") or {}).get("paths") or [{"_path": name} for name in record["files"]]
        return CondaPackage(
            package=package,
            address=address,
            cache=link.get("source") or record.get("extracted_package_dir") or "",
            files=tuple(_conda_file(entry) for entry in details),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AirgapError(
            "A record of a conda package cannot be read",
            code="record-unreadable",
            wanted="the JSON that conda writes for each package",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            remedy="remove the environment and build it again",
        ) from error


def _conda_file(entry: Mapping[str, Any]) -> CondaFile:
    content = entry.get("sha256") or ""
    placeholder = entry.get("prefix_placeholder") or ""
    mode = entry.get("file_mode") or ""
    return CondaFile(
        path=entry["_path"],
        wanted=entry.get("original_path") or entry["_path"],
        kind=entry.get("path_type") or "hardlink",
        content=content,
        sha256=entry.get("sha256_in_prefix") or ("" if placeholder else content),
        size=-1 if placeholder and mode != "binary" else entry.get("size_in_bytes", -1),
        placeholder=placeholder,
        mode=mode,
    )


def _site_packages(prefix: Path) -> str:
    """Return where Python has its packages, relative to the prefix: the folder with most of them, if there are two."""
    folders = sorted(site_folders(prefix), key=lambda path: -len(os.listdir(path)))
    return str(folders[0].relative_to(prefix)) if folders else ""
