# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small real environments for the doctor: tiny conda packages, tiny wheels, installed by the product itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._doctor.case import Complained
from ansible_collections.airgap.conda.plugins.module_utils._doctor.diagnose import diagnose
from ansible_collections.airgap.conda.plugins.module_utils._environment.inside import Inside
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Request, make
from ansible_collections.airgap.conda.plugins.module_utils._run import process
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import (
    SITE_PACKAGES,
    Content,
    TinyChannel,
    make_wheel,
    write_spec,
)

# What decides where pip has its cache.
WHERE_PIP_KEEPS = (
    "HOME", "PIP_CACHE_DIR", "PIP_CONFIG_FILE", "PIP_NO_CACHE_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
)  # fmt: skip
_places: dict[tuple[str, ...], process.Outcome] = {}


def ask_pip_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the one pip that all tiny channels have say once where its cache is, for all that its settings are the same.

    To start it takes longer than all else that a build of a tiny environment does.
    """
    real = Inside.run

    def run(
        self: Inside, words: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None
    ) -> process.Outcome:
        if self.container or list(words[1:]) != ["-m", "pip", "cache", "dir"]:
            return real(self, words, folder, variables)
        settings = {**os.environ, **self.activated, **(variables or {})}
        key = tuple(settings.get(name, "") for name in WHERE_PIP_KEEPS)
        if key not in _places:
            _places[key] = real(self, words, folder, variables)
        return _places[key]

    monkeypatch.setattr(Inside, "run", run)


class Patient:
    """Channels and wheels in a folder, and the environment that is made from them for the doctor."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.prefix, self.wheels = folder, folder / "prefixes/demo", folder / "wheels"
        self.wheels.mkdir(parents=True)
        self._channels: dict[str, TinyChannel] = {}
        for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}.items():
            monkeypatch.setenv(name, value)
        ask_pip_once(monkeypatch)
        self.channel().add_python()

    def channel(self, name: str = "near") -> TinyChannel:
        if name not in self._channels:
            self._channels[name] = TinyChannel(self.folder / name)
        return self._channels[name]

    def conda(self, name: str, version: str = "1.0", files: Mapping[str, Content] | None = None) -> None:
        """Add a conda package of a Python module with metadata, as conda-forge has them."""
        self.channel().add(name, version, ["python"], files=python_files(name, version) if files is None else files)

    def wheel(
        self,
        name: str,
        version: str = "1.0",
        files: Mapping[str, str] | None = None,
        requires: str = "",
        tag: str = "py3-none-any",
    ) -> None:
        content = {f"{name}/__init__.py": f"VERSION = '{version} of pip'\n"} if files is None else files
        make_wheel(self.wheels, name, version, content, f"Requires-Dist: {requires}\n" if requires else "", tag)

    def build(self, dependencies: str, release: str = "", channels: str = "near") -> list[Complained]:
        """Make the environment and return what the doctor says."""
        write_spec(self.folder / "demo", f"channels: [{channels}]\ndependencies:\n{dependencies}", release)
        spec = load_spec(self.folder / "demo")
        names = Channels(spec.channels, self.folder.as_uri(), str(spec.directory / "environment.yml"))
        make(Request(self.prefix, spec, names, spec.release.target, self.folder / "cache"), update=True)
        return self.ask()

    def ask(self, dest_prefix: str = "/opt/conda-envs/demo/1-0123abcd", **allow: str) -> list[Complained]:
        allowed = {name.replace("_", "-"): reason for name, reason in allow.items()}
        found = diagnose(self.prefix, load_spec(self.folder / "demo"), dest_prefix, allowed)
        # The tiny Python and its pip are links to those that run the tests.
        return [finding for finding in found if not finding.found.startswith(("python 3", "pip "))]

    def site(self, path: str) -> Path:
        return self.prefix / SITE_PACKAGES / path


def python_files(name: str, version: str, module: str = "") -> dict[str, Content]:
    """Return the files of a Python distribution as a conda package brings them."""
    folder, info = f"{SITE_PACKAGES}/{module or name}", f"{SITE_PACKAGES}/{name}-{version}.dist-info"
    return {
        f"{folder}/__init__.py": f"VERSION = '{version}'\n".encode(),
        f"{folder}/only_in_{version.replace('.', '_')}.py": b"",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/INSTALLER": b"conda\n",
        f"{info}/RECORD": "".join(
            f"{path},,\n"
            for path in (
                f"{module or name}/__init__.py",
                f"{module or name}/only_in_{version.replace('.', '_')}.py",
                f"{name}-{version}.dist-info/METADATA",
                f"{name}-{version}.dist-info/INSTALLER",
                f"{name}-{version}.dist-info/RECORD",
            )
        ).encode(),
    }


def only(findings: list[Complained], name: str) -> Complained:
    """Return the one finding there is, which must have that name."""
    assert [finding.check for finding in findings] == [name], [str(finding.as_error()) for finding in findings]
    return findings[0]
