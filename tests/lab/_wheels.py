# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PyPI wheels: fetch the pinned ones for a Python line, stage one as a conda package's files."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

from _common import run

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def download(pins: Sequence[str], version: str, folder: Path) -> None:
    """Fetch exactly ``pins`` ("six==1.17.0") for CPython ``version`` ("3.9") with this machine's own pip settings."""
    tags = ["--implementation", "cp", "--python-version", version, "--abi", f"cp{version.replace('.', '')}"]
    tags += ["--abi", "abi3", "--abi", "none"]
    tags += [word for platform in PLATFORMS for word in ("--platform", platform)]
    run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", *tags, "-d", folder, *pins])


@dataclass(frozen=True)
class Staged:
    """What a staged wheel says of itself. ``entry_points`` are "name = module:function" of console scripts."""

    name: str
    version: str
    summary: str
    license: str
    pure: bool
    requires: tuple[str, ...]
    requires_python: str
    entry_points: tuple[str, ...]


def stage(wheel: Path, version: str, prefix: Path, placeholder: str) -> Staged:
    """Unpack ``wheel`` into ``prefix`` the way pip would for Python ``version``, scripts under ``placeholder``."""
    from installer import install
    from installer.destinations import SchemeDictionaryDestination
    from installer.sources import WheelFile

    site = prefix / "lib" / f"python{version}" / "site-packages"
    scheme = {"purelib": site, "platlib": site, "scripts": prefix / "bin", "data": prefix}
    # A path as long as the placeholder would make `installer` write a shell wrapper: use a short path first.
    stand_in = "/airgap-lab-prefix"
    with WheelFile.open(wheel) as source:
        metadata = Parser().parsestr(source.read_dist_info("METADATA"))
        pure = Parser().parsestr(source.read_dist_info("WHEEL"))["Root-Is-Purelib"] == "true"
        entry_points = _console_scripts(source)
        destination = SchemeDictionaryDestination(
            {**{key: str(path) for key, path in scheme.items()}, "headers": str(prefix / "include" / wheel.name)},
            interpreter=f"{stand_in}/bin/python{version}",
            script_kind="posix",
        )
        with warnings.catch_warnings():
            # numpy ships two stray .pyc files, which `installer` leaves out and says so.
            warnings.simplefilter("ignore", RuntimeWarning)
            install(source=source, destination=destination, additional_metadata={"INSTALLER": b"conda"})
    for script in (prefix / "bin").glob("*"):
        script.write_bytes(script.read_bytes().replace(stand_in.encode(), placeholder.encode(), 1))
    return Staged(
        name=metadata["Name"].lower().replace("_", "-"),
        version=metadata["Version"],
        summary=metadata["Summary"] or "",
        license=metadata["License-Expression"] or "",
        pure=pure,
        requires=_requirements(metadata, version),
        requires_python=metadata["Requires-Python"] or ">=3.8",
        entry_points=entry_points,
    )


def _console_scripts(source: object) -> tuple[str, ...]:
    from configparser import ConfigParser

    from installer.sources import WheelFile

    assert isinstance(source, WheelFile)
    if "entry_points.txt" not in source.dist_info_filenames:
        return ()
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(source.read_dist_info("entry_points.txt"))
    section = parser["console_scripts"] if parser.has_section("console_scripts") else {}
    return tuple(f"{name} = {target}" for name, target in section.items())


def _requirements(metadata: Message, version: str) -> tuple[str, ...]:
    """Translate Requires-Dist to conda's form ("numpy >=1.22.4,<2") as Python ``version`` on Linux reads it."""
    from packaging.requirements import Requirement

    place = {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": "linux",
             "platform_system": "Linux", "implementation_name": "cpython", "extra": ""}  # fmt: skip
    specs = []
    for line in metadata.get_all("Requires-Dist") or []:
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate(place):
            bounds = ",".join(sorted(str(bound) for bound in wanted.specifier))
            specs.append(f"{wanted.name.lower().replace('_', '-')} {bounds}".strip())
    return tuple(sorted(specs))
