# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 2: the releases of a host, and every step that changes them.

A release goes ``.incoming`` (parts) -> ``.staging`` (0700) -> ``<env>/<release>`` (one rename) -> ``current`` (one
rename). Each rename follows a flush to disk of all it makes visible, so that at any moment ``current`` is a whole
release. Whatever lies in ``.staging`` at the start of a run was interrupted and is deleted.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activation.files import activate_files
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    flush_directory,
    flush_file_system,
    make_folder,
    os_errors,
    replace_file,
    replace_link,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import (
    TOP,
    Difference,
    FileEntry,
    compare_tree,
    read_files,
    sha256_file,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SIGNATURE,
    Manifest,
    Payload,
    is_env_name,
    next_older,
    parse_manifest,
    read_manifest,
    require_env_name,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.place import in_the_way, require_place
from ansible_collections.airgap.conda.plugins.module_utils._contract.signed import read_signed, require_signed
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import unused


@dataclass(frozen=True)
class Store:
    """The tree below ``root`` (``/opt/conda-envs``)."""

    root: Path

    @property
    def command(self) -> Path:
        """Return where the host's command stands."""
        return self.root / "bin" / "airgap-envs"

    def release(self, env: str, release: str) -> Path:
        """Return the prefix of a release."""
        return self.root / env / release

    def incoming(self, env: str, release: str) -> Path:
        """Return the folder where the parts of a release arrive."""
        return self.root / ".incoming" / env / release

    def state(self, env: str) -> Path:
        """Return the folder that holds what is known about ``env``."""
        return self.root / ".state" / env

    def known(self) -> list[str]:
        """Return the names of the environments that a deploy ever brought here."""
        folder = self.root / ".state"
        names = os.listdir(folder) if folder.is_dir() else []
        return sorted(name for name in names if is_env_name(name) and (folder / name).is_dir())

    def envs(self) -> list[str]:
        """Return the names of the environments that have a current release here."""
        return [name for name in self.known() if self.current(name)]

    def releases(self, env: str) -> list[str]:
        """Return the ids of the installed releases, oldest serial first."""
        folder = self.root / env
        names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        return sorted(
            (name for name in names if serial_of(name) and (self.state(env) / name / MANIFEST).is_file()), key=serial_of
        )

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

    def files(self, env: str, release: str) -> list[FileEntry]:
        """Read the list of files of an installed release; raises when it is not the one that its manifest names."""
        path = self.state(env) / release / FILES
        sha256 = self.manifest(env, release).files_sha256
        remedy = f"run airgap.conda.repair with -e repair_env={env}; then look for who changed it"
        return read_files(read_signed(path, sha256, remedy), str(path))

    def require_free(self, env: str, release: str) -> None:
        """Raise AirgapError when something unknown stands where a release would be installed."""
        prefix = self.release(env, release)
        if os.path.lexists(prefix):
            raise in_the_way(str(prefix))

    def differences(self, env: str, release: str, content: bool = True) -> list[Difference]:
        """Return in what an installed release differs from what the bastion signed; its record has the same owner."""
        owner = (self.state(env) / release / MANIFEST).stat().st_uid
        return list(compare_tree(self.release(env, release), (TOP, *self.files(env, release)), content, owner))

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

        What stands under its own name was made visible by one rename and is whole. All else is deleted.
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
            if serial_of(path.name) and path.name not in installed:
                yield path  # recorded, but cut off before its tree was in place
        for folder in (state, self.root / env):
            yield from folder.glob(".*-new")
        for folder in (incoming / env, incoming, staging, self.root / env):
            if folder.is_dir() and not any(folder.iterdir()):
                yield folder

    def install(
        self, env: str, release: str, manifest_sha256: str, format_name: str, signature_sha256: str = ""
    ) -> Manifest:
        """Unpack a release from its incoming folder beside the others; ``current`` is not touched.

        ``manifest_sha256`` is the hash of the manifest whose signature the controller verified, ``signature_sha256``
        that of the signature. On an error neither the release nor its parts are left.
        """
        prefix, incoming = self.release(env, release), self.incoming(env, release)
        self.require_free(env, release)
        staging = self.root / ".staging" / env
        try:
            with os_errors(f"Installing {env} {release}", staging):
                manifest, payload, files = self._verified(env, release, manifest_sha256, format_name, signature_sha256)
                make_folder(staging, 0o700)
                tree = staging / release
                tree.mkdir(mode=0o700)
                extract([incoming / part.name for part in payload.parts], format_name, files, tree)
                tree.chmod(0o755)
                make_folder(prefix.parent)
                flush_file_system(tree)
                os.rename(tree, prefix)
                flush_directory(prefix.parent)
        except AirgapError:
            self._take_away(env, release)
            raise
        finally:
            self._clear(staging)
            self._clear(incoming)
        return manifest

    def _verified(
        self, env: str, release: str, manifest_sha256: str, format_name: str, signature_sha256: str
    ) -> tuple[Manifest, Payload, list[FileEntry]]:
        """Check all that arrived against the hash that the controller gave, and record it."""
        incoming, state = self.incoming(env, release), self.state(env) / release
        text = read_signed(incoming / MANIFEST, manifest_sha256)
        manifest = parse_manifest(text.decode("utf-8", "replace"), str(incoming / MANIFEST))
        require_place(str(self.root), env, release, manifest.prefix)
        payload = manifest.payload([format_name])
        if payload is None:
            raise AirgapError(
                "The release has no payload in this format",
                wanted=format_name,
                found=", ".join(p.format for p in manifest.payloads),
                where=str(incoming),
                remedy=f"add {format_name} to formats in release.yml and build again",
            )
        files = read_signed(incoming / FILES, manifest.files_sha256)
        signature = read_signed(incoming / SIGNATURE, signature_sha256 or sha256_file(incoming / SIGNATURE))
        for part in payload.parts:
            require_signed(incoming / part.name, part.sha256, part.size)
        entries = read_files(files, str(incoming / FILES))
        # The very bytes that were hashed: whoever sent the files may still hold them open.
        make_folder(state)
        for name, content in ((MANIFEST, text), (FILES, files), (SIGNATURE, signature)):
            replace_file(state / name, content)
        return manifest, payload, entries

    def switch(self, env: str, release: str, prove: Callable[[], object] = lambda: None) -> None:
        """Make an installed release the current one, by one rename.

        The one before comes back when ``prove``, which is called then, raises AirgapError. Only after it is the switch
        written down: the log leads to the last release that was proved.
        """
        folder = self.root / env
        with os_errors(f"Switching {env} to {release}", folder):
            self._record_switch(env)  # of the one before, if that was cut off
            for name, script in activate_files(env, folder).items():
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

    def require_removable(self, env: str, release: str) -> None:
        """Raise AirgapError when a release is current."""
        if self.current(env) == release:
            raise AirgapError(
                "The current release cannot be removed",
                wanted="a release that is not current",
                found=f"{env} {release} is current",
                where=str(self.release(env, release)),
                remedy="switch to another release first",
            )

    def remove(self, env: str, release: str) -> None:
        """Remove a release that is not current; it disappears from view by one rename."""
        self.require_removable(env, release)
        with os_errors(f"Removing {env} {release}", self.release(env, release)):
            self._take_away(env, release)

    def remove_env(self, env: str) -> None:
        """Remove an environment: first no release of it is current any more, then they go one after another.

        The mark and the log stay, so that an old release that is offered later is still refused.
        """
        with os_errors(f"Removing {env}", self.root / env):
            self._hide(env)
            self._record_switch(env)
            for release in self.releases(env):
                self._take_away(env, release)

    def _hide(self, env: str) -> None:
        folder = self.root / env
        if folder.is_dir():
            for name in ("current", *activate_files(env, folder)):
                (folder / name).unlink(missing_ok=True)
            flush_directory(folder)

    def _take_away(self, env: str, release: str) -> None:
        trash = self.root / ".staging" / env / f"remove-{release}"
        if self.release(env, release).is_dir():
            make_folder(trash.parent, 0o700)
            os.rename(self.release(env, release), trash)
            flush_directory(self.root / env)
        shutil.rmtree(self.state(env) / release, ignore_errors=True)
        self._clear(trash)
        with suppress(OSError):
            (self.root / env).rmdir()  # when it was the first and only one

    def clear_incoming(self, env: str, release: str) -> None:
        """Delete parts of this release and of older ones, which an interrupted transfer left."""
        folder = self.root / ".incoming" / env
        for path in list(folder.iterdir()) if folder.is_dir() else []:
            if serial_of(path.name) <= serial_of(release):
                self._clear(path)

    def _clear(self, path: Path) -> None:
        """Delete a folder, and those above it that are empty then, but never the root."""
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            for folder in takewhile(lambda folder: folder != self.root, path.parents):
                folder.rmdir()

    def pin(self, env: str, release: str, pinned: bool = True) -> None:
        """Keep an installed release whatever its age, or stop keeping it."""
        path = self.state(env) / release / "pinned"
        with os_errors(f"Pinning {env} {release}", path):
            if pinned:
                replace_file(path, b"")
            else:
                path.unlink(missing_ok=True)

    def pinned(self, env: str) -> list[str]:
        """Return the installed releases that are kept whatever their age."""
        return [name for name in self.releases(env) if (self.state(env) / name / "pinned").exists()]

    def prunable(self, env: str, keep: int, then: str = "", concerns: list[str] | None = None) -> list[str]:
        """Return the releases that may go: not among the newest ``keep``, not current, previous, pinned or in use.

        ``then`` is a release that will be installed and current before they go. ``concerns`` gets why none may.
        """
        releases = sorted({*self.releases(env), then} - {""}, key=serial_of)
        current = then or self.current(env)
        kept = {current, next_older(current, releases), *self.pinned(env), *releases[max(0, len(releases) - keep) :]}
        old = {name: self.release(env, name) for name in releases if name not in kept}
        free = unused(self.root, old.values(), [] if concerns is None else concerns)
        return [name for name, prefix in old.items() if prefix in free]
