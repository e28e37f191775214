# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 2: which releases a host has, and which of them is current.

A release goes ``.incoming`` (parts) -> ``.staging`` (0700) -> ``<env>/<release>`` (one rename) -> ``current`` (one
rename). Each rename follows a flush to disk of all it makes visible, so that at any moment ``current`` is a whole
release. Whatever lies in ``.staging`` at the start of a run was interrupted and is deleted.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    flush_directory,
    os_errors,
    replace_file,
    replace_link,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    IMAGE,
    MANIFEST,
    Manifest,
    is_env_name,
    next_older,
    require_env_name,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import read_manifest


@dataclass(frozen=True)
class Releases:
    """The tree below ``root`` (``/opt/conda-envs``): all that a rollback needs of it."""

    root: Path

    @property
    def command(self) -> Path:
        """Return the path of the host's command."""
        return self.root / "bin" / "airgap-envs"

    def release(self, env: str, release: str) -> Path:
        """Return the prefix of a release."""
        return self.root / env / release

    def incoming(self, env: str, release: str) -> Path:
        """Return the folder where the parts of a release arrive."""
        return self.root / ".incoming" / env / release

    def image(self, env: str, release: str) -> Path:
        """Return the file that is mounted at the prefix of a release which came as an image."""
        return self.root / ".images" / env / f"{release}.squashfs"

    def unmounted(self, env: str, release: str) -> bool:
        """Tell whether a release came as an image that is not mounted: its prefix is an empty folder then, or none."""
        return self.came_as_image(env, release) and not os.path.ismount(self.release(env, release))

    def came_as_image(self, env: str, release: str) -> bool:
        """Tell whether a release is mounted where others have a tree, or should be."""
        return (self.state(env) / release / IMAGE).is_file() or self.image(env, release).is_file()

    def state(self, env: str) -> Path:
        """Return the folder that holds what is known about ``env``."""
        return self.root / ".state" / env

    def scripts(self, env: str) -> Mapping[str, str]:
        """Return name -> text of the files next to ``current`` that shells source."""
        raise NotImplementedError

    def known(self) -> list[str]:
        """Return the names of the environments that a deploy ever brought here."""
        folder = self.root / ".state"
        names = os.listdir(folder) if folder.is_dir() else []
        return sorted(name for name in names if is_env_name(name) and (folder / name).is_dir())

    def envs(self) -> list[str]:
        """Return the names of the environments that have a current release here."""
        return [name for name in self.known() if self.current(name)]

    def releases(self, env: str) -> list[str]:
        """Return the ids of the installed releases, oldest serial first, without those that are ``unmounted``."""
        names = [record.parent.name for record in self.state(env).glob(f"*/{MANIFEST}") if record.is_file()]
        here = [name for name in names if serial_of(name) and self.release(env, name).is_dir()]
        return sorted((name for name in here if not self.unmounted(env, name)), key=serial_of)

    def current(self, env: str) -> str:
        """Return the id that ``current`` points to, or the empty string."""
        with suppress(OSError):
            return os.readlink(self.root / env / "current")
        return ""

    def previous(self, env: str) -> str:
        """Return the newest installed release that is older than the current one, or the empty string."""
        return next_older(self.current(env), self.releases(env))

    def high_water(self, env: str) -> int:
        """Return the highest serial that ever became current here; 0 when none did."""
        # The mark is written after the switch; a run that was cut off between the two counts all the same.
        return max(self._mark(env), serial_of(self.current(env)))

    def _mark(self, env: str) -> int:
        with suppress(OSError, ValueError):
            return int((self.state(env) / "high-water").read_text(encoding="ascii"))
        return 0

    def log(self, env: str) -> list[str]:
        """Return a line for each switch there was: when, from which release, to which; ``-`` is none."""
        with suppress(OSError):
            return (self.state(env) / "log").read_text(encoding="utf-8", errors="replace").splitlines()
        return []

    def manifest(self, env: str, release: str) -> Manifest:
        """Read the manifest of an installed release."""
        return read_manifest(self.state(env) / release / MANIFEST)

    @contextmanager
    def lock(self, env: str) -> Iterator[None]:
        """Hold the environment's lock, or fail at once naming the process that holds it."""
        require_env_name(env, str(self.root))
        with locked(self.root / ".state", env, env):
            with suppress(OSError):  # of an earlier version, and of no use: everybody could hold it
                (self.state(env) / "lock").unlink()
            yield

    def unfinished(self, env: str) -> bool:
        """Tell whether an interrupted run of ``env`` left something for ``recover``, or another run is at work."""
        return any(self._left(env)) or self._unrecorded(env)

    def recover(self, env: str) -> None:
        """Finish or undo what an interrupted run of ``env`` began; the caller holds the lock.

        What has its own name was made visible by one rename and is whole. All else is deleted.
        """
        with os_errors(f"Removing what an interrupted run left of {env}", self.root):
            for path in list(self._left(env)):
                if path.is_dir() and not path.is_symlink():
                    self._clear(path)
                else:
                    path.unlink()
            if self._unrecorded(env):
                self._record_switch(env)

    def _left(self, env: str) -> Iterator[Path]:
        staging, incoming, state = self.root / ".staging", self.root / ".incoming", self.state(env)
        installed = self.releases(env)
        if (staging / env).is_dir():
            yield staging / env
        for path in (incoming / env).glob("*"):
            if path.name in installed:
                yield path  # it is in place: its parts are not needed any more
        for path in state.glob("*"):
            if serial_of(path.name) and path.name not in installed and not self.image(env, path.name).is_file():
                yield path  # recorded, but cut off before its tree was in place
        images = self.image(env, "").parent
        for folder in (state, self.root / env, images):
            yield from folder.glob(".*-new")
        for folder in (incoming / env, incoming, staging, self.root / env, images, images.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                yield folder

    def switch(self, env: str, release: str, prove: Callable[[], object] = lambda: None) -> None:
        """Make an installed release the current one, by one rename.

        The one before comes back when ``prove``, which is called then, raises AirgapError. Only after it is the switch
        written down: the log leads to the last release that was proved.
        """
        folder = self.root / env
        with os_errors(f"Switching {env} to {release}", folder):
            self._record_switch(env)  # of the one before, if that was cut off
            for name, script in self.scripts(env).items():
                replace_file(folder / name, script.encode())
            replace_link(folder / "current", release)
        try:
            prove()
        except AirgapError:
            self.undo_switch(env)
            raise
        with suppress(OSError):  # the switch is done; the next run writes down what this one could not
            self._record_switch(env)

    def undo_switch(self, env: str) -> None:
        """Make that release current again that the log leads to, if it is still here."""
        proved, folder = self.proved(env), self.root / env
        with os_errors(f"Going back to {env} {proved}", folder):
            if proved in self.releases(env):
                replace_link(folder / "current", proved)
            elif proved == "-" and (self.log(env) or not self._mark(env)):  # not one whose log was lost
                self._hide(env)

    def proved(self, env: str) -> str:
        """Return the release that the log leads to, ``-`` for none; another one is current when a run was cut off."""
        leads = [match.group(1) for match in map(re.compile(r"-> (\S+)").search, self.log(env)) if match]
        return leads[-1] if leads else "-"

    def _unrecorded(self, env: str) -> bool:
        return self._mark(env) != self.high_water(env) or self.proved(env) != (self.current(env) or "-")

    def _record_switch(self, env: str) -> None:
        """Write down what is current: the mark, and a line in the log."""
        current, last, mark = self.current(env) or "-", self.proved(env), self._mark(env)
        if self.high_water(env) != mark:
            replace_file(self.state(env) / "high-water", f"{self.high_water(env)}\n".encode())
        if last != current:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            back = f" (back from serial {mark})" if 0 < serial_of(current) < mark else ""
            lines = [*self.log(env), f"{now} {last} -> {current}{back}"]
            replace_file(self.state(env) / "log", "".join(f"{line}\n" for line in lines).encode())

    def _hide(self, env: str) -> None:
        folder = self.root / env
        if folder.is_dir():
            for name in ("current", *self.scripts(env)):
                (folder / name).unlink(missing_ok=True)
            flush_directory(folder)

    def _clear(self, path: Path) -> None:
        """Delete a folder, and those above it that are empty then, but never the root."""
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            for folder in takewhile(lambda folder: folder != self.root, path.parents):
                folder.rmdir()
