# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the environment of a spec on the bastion: solve, install, pip, copies, activation, byte code, marker."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._activation import activation_scripts
from ansible_collections.airgap.conda.plugins.module_utils._install import copy_inside, install, replace_file
from ansible_collections.airgap.conda.plugins.module_utils._locks import conda_lock, digest, package_list, pip_lock
from ansible_collections.airgap.conda.plugins.module_utils._pip import PipPackage, pip_install
from ansible_collections.airgap.conda.plugins.module_utils._prefix import (
    cannot_write,
    check_prefix,
    finish,
    locked,
    read_marker,
    recover,
    replaced,
)
from ansible_collections.airgap.conda.plugins.module_utils._python import compile_missing, python_of
from ansible_collections.airgap.conda.plugins.module_utils._release_spec import Target
from ansible_collections.airgap.conda.plugins.module_utils._solve import Channels, solve
from ansible_collections.airgap.conda.plugins.module_utils._spec import ENVIRONMENT, RELEASE, Spec
from ansible_collections.airgap.conda.plugins.module_utils._urls import without_credentials

# Raised when the same inputs give another environment than before, so that old ones are made anew.
SCHEMA = 1


@dataclass(frozen=True)
class Request:
    """What to make, from where and where to."""

    prefix: Path
    spec: Spec
    channels: Channels
    target: Target
    cache: Path

    @property
    def sha256(self) -> str:
        """Name the question; an environment made for the same one is not looked at again."""
        names = [without_credentials(name) for name in self.channels.names]
        alias = without_credentials(self.channels.alias)
        return digest([SCHEMA, self.spec.sha256, names, alias, self.channels.only, asdict(self.target)])


@dataclass(frozen=True)
class Environment:
    """The answer, as it stands in the environment's marker: no times, the same for the same packages."""

    request_sha256: str
    spec_sha256: str
    inputs_sha256: str
    conda_lock: str
    pip_lock: str
    packages: tuple[dict[str, str], ...]

    def to_text(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


@dataclass
class Outcome:
    """``durations`` in seconds, by step."""

    changed: bool
    environment: Environment
    before: tuple[dict[str, str], ...] = ()
    durations: dict[str, float] = field(default_factory=dict)


def make(request: Request, update: bool = False, check: bool = False) -> Outcome:
    """Make the environment, unless the prefix has it already; ``update`` asks channels and index again.

    With ``check`` nothing outside the cache is written and the answer is the one a real run would give. A failure
    leaves the environment that was there, or nothing.
    """
    check_prefix(request.prefix)
    if check:
        return _Run(request).predict(update)
    with locked(request.prefix):
        recover(request.prefix)
        return _Run(request).make(update)


class _Run:
    def __init__(self, request: Request) -> None:
        self.request, self.spec, self.prefix = request, request.spec, request.prefix
        self.old = _read(self.prefix)
        self.durations: dict[str, float] = {}

    def predict(self, update: bool) -> Outcome:
        current = self._current()
        if current and not update:
            return self._unchanged(current)
        return self._compare(self._preview(self._solve()))

    def make(self, update: bool) -> Outcome:
        current = self._current()
        if current and not update:
            return self._unchanged(current)
        records = self._solve()
        if current and self._preview(records) == current:
            return self._unchanged(current)
        with replaced(self.prefix):
            try:
                new = self._build(records)
            except OSError as error:
                raise cannot_write(self.prefix, error) from error
        return self._compare(new, changed=True)

    def _current(self) -> Environment | None:
        """Return what the prefix holds if it was made for this very request."""
        return self.old if self.old and self.old.request_sha256 == self.request.sha256 else None

    def _unchanged(self, old: Environment) -> Outcome:
        return Outcome(False, old, old.packages, self.durations)

    def _compare(self, new: Environment, changed: bool = False) -> Outcome:
        before = self.old.packages if self.old else ()
        return Outcome(changed or new != self.old, new, before, self.durations)

    def _solve(self) -> list[Any]:
        with self._timed("solve"):
            return solve(
                self.spec.conda,
                self.request.channels,
                self.request.target,
                self.request.cache,
                str(self.spec.directory / ENVIRONMENT),
            )

    def _preview(self, records: list[Any]) -> Environment:
        """Say what would come out. Only the environment's own pip can tell that, so it gets one for a moment."""
        if not self.spec.pip:
            return self._describe(records, [])
        with tempfile.TemporaryDirectory(dir=self.request.cache, prefix="preview-") as scratch:
            prefix = Path(scratch) / "env"
            self._install(records, prefix)
            return self._describe(records, self._pip(prefix, dry_run=True))

    def _build(self, records: list[Any]) -> Environment:
        self._install(records, self.prefix)
        packages = self._pip(self.prefix)
        for source, target in self.spec.release.copies:
            copy_inside(self.prefix, source, target, str(self.spec.directory / RELEASE))
        variables = {**self.spec.variables, **self.spec.release.activation_variables}
        for path, script in activation_scripts(variables).items():
            replace_file(self.prefix / path, script.encode("utf-8"))
        if python_of(self.prefix).exists():
            with self._timed("compile"):
                compile_missing(self.prefix)
        new = self._describe(records, packages)
        finish(self.prefix, new.to_text())
        return new

    def _install(self, records: list[Any], prefix: Path) -> None:
        with self._timed("install"):
            install(records, prefix, self.request.target.platform, self.request.cache)

    def _pip(self, prefix: Path, dry_run: bool = False) -> list[PipPackage]:
        if not self.spec.pip:
            return []
        with self._timed("pip"):
            return pip_install(prefix, self.spec.pip, str(self.spec.directory / ENVIRONMENT), dry_run)

    def _describe(self, records: list[Any], pip: list[PipPackage]) -> Environment:
        packages = package_list(records, pip)
        # Not the locks themselves: they hold addresses, and the same packages from a mirror are the same environment.
        identities = [{**package, "channel": ""} for package in packages]
        inputs = [SCHEMA, self.spec.sha256, asdict(self.request.target), identities]
        return Environment(
            request_sha256=self.request.sha256,
            spec_sha256=self.spec.sha256,
            inputs_sha256=digest(inputs),
            conda_lock=conda_lock(records),
            pip_lock=pip_lock(pip),
            packages=packages,
        )

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.durations[step] = round(self.durations.get(step, 0.0) + time.monotonic() - start, 3)


def _read(prefix: Path) -> Environment | None:
    """Return what the prefix was made from; an unreadable marker counts as an unknown environment, made anew."""
    text = read_marker(prefix)
    if text is None:
        return None
    try:
        values = json.loads(text)
        return Environment(**{**values, "packages": tuple(values["packages"])})
    except (ValueError, TypeError, KeyError):
        return None
