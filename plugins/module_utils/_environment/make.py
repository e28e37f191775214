# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make an environment on the bastion: solve or lock, install, pip, copies, activation, files, byte code, marker."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._activation.env_vars import env_var_files
from ansible_collections.airgap.conda.plugins.module_utils._activation.variables import activation_scripts
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._base.unshared import cannot_write, write_anew
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import without_credentials
from ansible_collections.airgap.conda.plugins.module_utils._environment.brought import bring
from ansible_collections.airgap.conda.plugins.module_utils._environment.container import Container
from ansible_collections.airgap.conda.plugins.module_utils._environment.link_scripts import (
    link_scripts,
    make_relative,
    only_tells,
    run_link_scripts,
    take_away,
    take_messages,
)
from ansible_collections.airgap.conda.plugins.module_utils._environment.pip import (
    pip_install,
    pip_install_locked,
    settle_records,
)
from ansible_collections.airgap.conda.plugins.module_utils._environment.pip_check import require_new_pip
from ansible_collections.airgap.conda.plugins.module_utils._environment.prefix import (
    check_prefix,
    finish,
    locked,
    read_marker,
    recover,
    replaced,
)
from ansible_collections.airgap.conda.plugins.module_utils._environment.python import compile_missing, python_of
from ansible_collections.airgap.conda.plugins.module_utils._environment.records import adopt, disown, own_byte_code
from ansible_collections.airgap.conda.plugins.module_utils._environment.tree import CHANGED, Tree
from ansible_collections.airgap.conda.plugins.module_utils._environment.tried import do_harmless, scripts_of
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import Backend, RattlerBackend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._solve.lock_check import checked
from ansible_collections.airgap.conda.plugins.module_utils._solve.locks import (
    PIP_LOCK,
    Lock,
    conda_lock,
    digest,
    package_list,
    parse_lock,
    pip_lock,
    read_lock,
    write_lock,
)
from ansible_collections.airgap.conda.plugins.module_utils._solve.rattler_install import copy_inside
from ansible_collections.airgap.conda.plugins.module_utils._spec.files import require_apart
from ansible_collections.airgap.conda.plugins.module_utils._spec.packages import CondaPackage, PipPackage
from ansible_collections.airgap.conda.plugins.module_utils._spec.release_yml import RUN, Target
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import ENVIRONMENT, RELEASE, Spec
from ansible_collections.airgap.conda.plugins.module_utils._spec.sums import Content, content_of

# Increased when the same inputs give a different environment than before, so that old ones are rebuilt.
SCHEMA = 3
# What a user sees of a step that takes long.
STEPS = {
    "solve": "solving",
    "install": "installing the conda packages",
    "link": "running the scripts of conda packages",
    "pip": "running pip",
    "files": "copying files",
    "activation": "testing the activation",
    "compile": "compiling",
}


@dataclass(frozen=True)
class Request:
    """What to make, from where and where to; ``backend`` is rattler when none is given.

    In the ``container``, if there is one, the environment's own programs run: pip, and what compiles its Python.
    """

    prefix: Path
    spec: Spec
    channels: Channels
    target: Target
    cache: Path
    backend: Backend | None = None
    container: Container | None = None
    progress: Progress = field(default_factory=Progress)

    @property
    def sha256(self) -> str:
        """Name the question; an environment made for the same one is not looked at again.

        The backend is not part of it: another backend does not rebuild an existing environment.
        """
        names = [without_credentials(name) for name in self.channels.names]
        alias = without_credentials(self.channels.alias or "")
        asked = [names, alias, self.channels.only, self.channels.priority]
        return digest([SCHEMA, self.spec.sha256, *asked, asdict(self.target), *self.images, *self.brought])

    @cached_property
    def content(self) -> Content:
        """Return what ``files`` of release.yml bring, read once."""
        return content_of(self.spec.release.files)

    @property
    def brought(self) -> list[str]:
        """Name what ``files`` bring, when there are any."""
        return [self.content.sha256] if self.content.sha256 else []

    @property
    def images(self) -> list[str]:
        """Name the system that pip sees, when it is not the bastion's."""
        return [self.container.image] if self.container else []


@dataclass(frozen=True)
class Environment:
    """The answer, as in the environment's marker: without times, the same for the same packages and files.

    ``files`` has path, sha256, bytes and number of files of each entry of release.yml's ``files``.
    """

    request_sha256: str
    spec_sha256: str
    inputs_sha256: str
    conda_lock: str
    pip_lock: str
    packages: tuple[dict[str, Any], ...]
    built_from_source: tuple[str, ...] = ()
    link_scripts: tuple[str, ...] = ()
    files: tuple[dict[str, Any], ...] = ()

    def same_as(self, other: Environment | None) -> bool:
        """Tell whether both are made of the same files for the same question."""
        # A lock tells neither the sizes of packages nor what pip has to build, nor what scripts there are.
        known = [replace(made, packages=(), built_from_source=(), link_scripts=()) for made in (self, other) if made]
        return len(known) == 2 and known[0] == known[1]

    def to_text(self) -> str:
        """Return it as the text of the marker."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


@dataclass
class Outcome:
    """``durations`` in seconds, by step; ``messages`` are what packages have to say to the user."""

    changed: bool
    environment: Environment
    before: tuple[dict[str, Any], ...] = ()
    files_before: tuple[dict[str, Any], ...] = ()
    durations: dict[str, float] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)


def make(request: Request, update: bool = False, check: bool = False) -> Outcome:
    """Make the environment, unless the prefix has it already.

    With locks next to the spec, exactly what they name is installed. ``update`` queries channels and index instead, and
    rewrites such locks. With ``check``, nothing outside the cache is written and the answer is the one a real run
    would give. A failure leaves the environment that was there, or nothing.
    """
    check_prefix(request.prefix)
    require_apart(request.spec.release.files, request.prefix, "the environment")
    if check:
        return _Run(request, update).predict()
    with locked(request.prefix):
        recover(request.prefix)
        return _Run(request, update).make()


@dataclass(frozen=True)
class _Choice:
    """The packages to install; ``pip`` is None while only pip can tell."""

    conda: tuple[CondaPackage, ...]
    pip: tuple[PipPackage, ...] | None


class _Run:
    def __init__(self, request: Request, update: bool) -> None:
        self.request, self.spec, self.prefix, self.update = request, request.spec, request.prefix, update
        self.backend = request.backend or RattlerBackend(request.cache)
        self.lock = read_lock(self.spec.directory)
        self.old = _read(self.prefix)
        self.durations: dict[str, float] = {}
        self.messages: list[str] = []

    def predict(self) -> Outcome:
        current = self._current()
        if current and not self.update:
            return self._unchanged(current)
        choice = self._choice()
        new = self._preview(choice)
        return self._compare(new, changed=self._lock_differs(new))

    def make(self) -> Outcome:
        current = self._current()
        if current and not self.update:
            return self._unchanged(current)
        choice = self._choice()
        if current and self._preview(choice).same_as(current) and not self._lock_differs(current):
            return self._unchanged(current)
        with replaced(self.prefix):
            try:
                new = self._build(choice)
            except OSError as error:
                raise cannot_write(self.prefix, error) from error
        if self._lock_differs(new):
            write_lock(self.spec.directory, new.conda_lock, new.pip_lock)
        return self._compare(new, changed=True)

    def _current(self) -> Environment | None:
        """Return what the prefix holds if it was made for this very request, of what the locks name."""
        if not self.old or self.old.request_sha256 != self.request.sha256:
            return None
        if self.lock and not self.update and self.lock.identity != _lock_of(self.old).identity:
            return None
        return self.old

    def _lock_differs(self, new: Environment) -> bool:
        return self.update and self.lock is not None and self.lock.identity != _lock_of(new).identity

    def _unchanged(self, old: Environment) -> Outcome:
        return Outcome(False, old, old.packages, old.files, self.durations)

    def _compare(self, new: Environment, changed: bool = False) -> Outcome:
        before, files = (self.old.packages, self.old.files) if self.old else ((), ())
        return Outcome(changed or not new.same_as(self.old), new, before, files, self.durations, self.messages)

    def _choice(self) -> _Choice:
        where = str(self.spec.directory / ENVIRONMENT)
        if self.request.container:
            self.request.container.check(self.request.target.glibc)
        if self.lock and not self.update:
            lock = checked(self.lock, self.spec, self.request.channels, self.request.target)
            if lock.pip:
                require_new_pip(lock.conda, self.spec.conda, where)
            return _Choice(lock.conda, lock.pip)
        with self._timed("solve"):
            packages = self.backend.solve(self.spec.conda, self.request.channels, self.request.target, where)
        if self.spec.pip:
            require_new_pip(packages, self.spec.conda, where)
        return _Choice(tuple(packages), None if self.spec.pip else ())

    def _preview(self, choice: _Choice) -> Environment:
        """Say what would come out. Where only the environment's own pip can tell, it gets one for a moment."""
        if choice.pip is not None:
            return self._describe(choice)
        with tempfile.TemporaryDirectory(dir=self.request.cache, prefix="preview-") as scratch:
            prefix = Path(scratch) / "env"
            self._install(choice.conda, prefix)
            return self._describe(_Choice(choice.conda, self._pip(prefix, dry_run=True)))

    def _build(self, choice: _Choice) -> Environment:
        self._install(choice.conda, self.prefix)
        adopt(self.prefix, choice.conda)
        run = self._link_scripts()
        pip = self._pip(self.prefix) if choice.pip is None else self._pip_locked(choice.pip)
        settle_records(self.prefix)
        for source, target in self.spec.release.copies:
            copy_inside(self.prefix, source, target, str(self.spec.directory / RELEASE))
        release = self.spec.release
        scripts = activation_scripts(release.activation_variables, release.user_site)
        variables = env_var_files(self.prefix, self.spec.variables)
        for path, script in {**scripts, **variables}.items():
            write_anew(self.prefix / path, script.encode("utf-8"))
        if release.files:
            with self._timed("files"):
                bring(self.prefix, release.files, self.request.content)
        if scripts_of(self.prefix):
            with self._timed("activation"):
                do_harmless(self.prefix)
        if python_of(self.prefix).exists():
            with self._timed("compile"):
                compile_missing(self.prefix, self.request.container)
            own_byte_code(self.prefix)
        new = replace(self._describe(_Choice(choice.conda, pip)), link_scripts=run)
        finish(self.prefix, new.to_text())
        return new

    def _install(self, conda: tuple[CondaPackage, ...], prefix: Path) -> None:
        with self._timed("install"):
            self.backend.install(conda, prefix, self.request.target)

    def _link_scripts(self) -> tuple[str, ...]:
        """Run the scripts that packages want run after the install, or let nothing of them stay; return those run."""
        scripts, wanted = link_scripts(self.prefix), self.spec.release.link_scripts == RUN
        if not scripts:
            return ()
        telling = [script for script in scripts if only_tells(script.text(self.prefix))]
        if not wanted:
            take_away(self.prefix)
            scripts = telling
        with self._timed("link"):
            done = wanted and self.backend.runs_link_scripts
            self.messages += take_messages(self.prefix) if done else []
            if not self.messages:  # conda shows them where nobody looks, and removes them
                to_run = telling if done else scripts
                self.messages += run_link_scripts(self.prefix, to_run, self.request.container)
            if wanted:
                make_relative(self.prefix)
                damage = Tree(self.prefix).damage
                disown(self.prefix, {path for path, state in damage.items() if state == CHANGED})
        return tuple(script.path for script in scripts)

    def _pip(self, prefix: Path, dry_run: bool = False) -> tuple[PipPackage, ...]:
        if not self.spec.pip:
            return ()
        with self._timed("pip"):
            where = str(self.spec.directory / ENVIRONMENT)
            limits = self.spec.constraints
            return tuple(pip_install(prefix, self.spec.pip, where, dry_run, self.request.container, limits))

    def _pip_locked(self, packages: tuple[PipPackage, ...]) -> tuple[PipPackage, ...]:
        if packages:
            # What limits versions has done its part in the lock.
            options = [line for line in self.spec.pip if line.startswith("-") and not line.startswith(("-c", "--con"))]
            with self._timed("pip"):
                lines, where = pip_lock(packages).splitlines(), str(self.spec.directory / PIP_LOCK)
                found = pip_install_locked(self.prefix, lines, options, where, self.request.container)
            built = {package.name for package in found if package.built}
            packages = tuple(replace(package, built=package.name in built) for package in packages)
        return packages

    def _describe(self, choice: _Choice) -> Environment:
        lock = Lock(choice.conda, choice.pip or ())
        # The identity, not the text: that has addresses, and the same packages from a mirror are the same environment.
        target, more = asdict(self.request.target), [*self.request.images, *self.request.brought]
        inputs = [SCHEMA, self.spec.sha256, target, lock.identity, *more]
        return Environment(
            request_sha256=self.request.sha256,
            spec_sha256=self.spec.sha256,
            inputs_sha256=digest(inputs),
            conda_lock=conda_lock(lock.conda),
            pip_lock=pip_lock(lock.pip),
            packages=package_list(lock.conda, lock.pip),
            built_from_source=tuple(package.name for package in lock.pip if package.built),
            files=self.request.content.summary(),
        )

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.monotonic()
        self.request.progress.say(STEPS[step])
        try:
            yield
        finally:
            self.durations[step] = round(self.durations.get(step, 0.0) + time.monotonic() - start, 3)


def _lock_of(environment: Environment) -> Lock:
    return parse_lock(environment.conda_lock, environment.pip_lock)


def _read(prefix: Path) -> Environment | None:
    """Return the inputs of the prefix; an unreadable marker means an unknown environment, which is rebuilt."""
    text = read_marker(prefix)
    if text is None:
        return None
    try:
        values = json.loads(text)
        names = ("packages", "built_from_source", "link_scripts", "files")
        lists = {name: tuple(values.get(name, ())) for name in names}
        return Environment(**{**values, **lists})
    except (ValueError, TypeError, AttributeError):
        return None
