# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 2: the releases of a host, and every step that changes them.

A release goes ``.incoming`` (parts) -> ``.staging`` (0700) -> ``<env>/<release>`` (one rename) -> ``current`` (one
rename). Each rename follows a flush to disk of all it makes visible, so that at any moment ``current`` is a whole
release. Whatever lies in ``.staging`` at the start of a run was interrupted and is deleted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._activate import activate_files
from ansible_collections.airgap.conda.plugins.module_utils._disk import (
    flush_directory,
    flush_file_system,
    make_folder,
    os_errors,
    replace_file,
)
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._extract import extract
from ansible_collections.airgap.conda.plugins.module_utils._files import (
    Difference,
    FileEntry,
    compare_tree,
    read_files,
    sha256_file,
)
from ansible_collections.airgap.conda.plugins.module_utils._release import (
    FILES,
    MANIFEST,
    SIGNATURE,
    Manifest,
    Payload,
    parse_manifest,
    read_manifest,
    serial_of,
)

SEND_AGAIN = "run the deploy again; it sends what is missing"


@dataclass(frozen=True)
class Store:
    """The tree below ``root`` (``/opt/conda-envs``)."""

    root: Path

    def release(self, env: str, release: str) -> Path:
        """Return the prefix of a release."""
        return self.root / env / release

    def incoming(self, env: str, release: str) -> Path:
        """Return the folder where the parts of a release arrive."""
        return self.root / ".incoming" / env / release

    def state(self, env: str) -> Path:
        """Return the folder that holds what is known about ``env``."""
        return self.root / ".state" / env

    def envs(self) -> list[str]:
        """Return the names of the environments that have a current release here."""
        folder = self.root / ".state"
        return sorted(path.name for path in folder.iterdir() if self.current(path.name)) if folder.is_dir() else []

    def releases(self, env: str) -> list[str]:
        """Return the ids of the installed releases, oldest serial first."""
        folder = self.root / env
        names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        return sorted(
            (name for name in names if serial_of(name) and (self.state(env) / name / MANIFEST).is_file()), key=serial_of
        )

    def current(self, env: str) -> str:
        """Return the id that ``current`` points to, or the empty string."""
        try:
            return os.readlink(self.root / env / "current")
        except OSError:
            return ""

    def previous(self, env: str) -> str:
        """Return the newest installed release that is older than the current one, or the empty string."""
        serial = serial_of(self.current(env))
        return next((name for name in reversed(self.releases(env)) if serial_of(name) < serial), "")

    def high_water(self, env: str) -> int:
        """Return the highest serial that ever became current here; 0 when none did."""
        try:
            recorded = int((self.state(env) / "high-water").read_text(encoding="ascii"))
        except (OSError, ValueError):
            recorded = 0
        # The mark is written after the switch; a run that was cut off between the two counts all the same.
        return max(recorded, serial_of(self.current(env)))

    def manifest(self, env: str, release: str) -> Manifest:
        """Read the manifest of an installed release."""
        return read_manifest(self.state(env) / release / MANIFEST)

    def files(self, env: str, release: str) -> list[FileEntry]:
        """Read the list of files of an installed release; raises when it is not the one that its manifest names."""
        path = self.state(env) / release / FILES
        sha256 = self.manifest(env, release).files_sha256
        return read_files(_read(path, sha256, "build and deploy a new release; find out who changed this"), str(path))

    def require_place(self, env: str, release: str, prefix: str) -> None:
        """Raise AirgapError when a release was packed for another place than this store has for it."""
        if prefix != str(self.release(env, release)):
            raise AirgapError(
                f"{env} {release} was packed for another place",
                wanted=f"a release for {self.release(env, release)}",
                found=f"a release for {prefix}",
                where=str(self.root),
                remedy="set the same root for build and deploy, and build again",
            )

    def require_free(self, env: str, release: str) -> None:
        """Raise AirgapError when something unknown stands where a release would be installed."""
        prefix = self.release(env, release)
        if os.path.lexists(prefix):
            raise AirgapError(
                "A folder stands where the release belongs",
                wanted="nothing there, or a release with its record in .state",
                found="a folder without a record",
                where=str(prefix),
                remedy="remove it when nothing uses it, or deploy another release",
            )

    def differences(self, env: str, release: str, content: bool = True) -> list[Difference]:
        """Return in what an installed release differs from what the bastion signed."""
        return list(compare_tree(self.release(env, release), self.files(env, release), content))

    @contextmanager
    def lock(self, env: str) -> Iterator[None]:
        """Hold the environment's lock, or fail at once naming the process that holds it."""
        path = self.state(env) / "lock"
        with ExitStack() as stack:
            with os_errors(f"Locking {env}", path):
                make_folder(path.parent)
                stream = stack.enter_context(open(path, "a+", encoding="utf-8"))
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                stream.seek(0)
                raise AirgapError(
                    f"Another run is at work on {env}",
                    wanted="one run at a time",
                    found=f"process {stream.read().strip() or '(unknown)'} holds the lock",
                    where=str(path),
                    remedy="wait for it to end, then run again",
                ) from error
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
            yield

    def recover(self, env: str) -> None:
        """Delete what an interrupted run left of ``env``; the caller holds the lock."""
        with os_errors(f"Removing what an interrupted run left of {env}", self.root):
            self._clear(self.root / ".staging" / env)
            installed = self.releases(env)
            for path in self.state(env).iterdir():
                if serial_of(path.name) and path.name not in installed:
                    shutil.rmtree(path)  # recorded, but cut off before its tree was in place

    def install(self, env: str, release: str, manifest_sha256: str, format_name: str) -> Manifest:
        """Unpack a release from its incoming folder beside the others; ``current`` is not touched.

        ``manifest_sha256`` is the hash of the manifest whose signature the controller verified. On an error
        neither the release nor its parts are left.
        """
        prefix, incoming = self.release(env, release), self.incoming(env, release)
        self.require_free(env, release)
        staging = self.root / ".staging" / env
        try:
            with os_errors(f"Installing {env} {release}", staging):
                manifest, payload, entries = self._verified(env, release, manifest_sha256, format_name)
                make_folder(staging, 0o700)
                tree = staging / release
                tree.mkdir(mode=0o700)
                extract([incoming / part.name for part in payload.parts], format_name, entries, tree)
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
        self, env: str, release: str, manifest_sha256: str, format_name: str
    ) -> tuple[Manifest, Payload, list[FileEntry]]:
        """Check all that arrived against the hash that the controller gave, and record it."""
        incoming, state = self.incoming(env, release), self.state(env) / release
        text = _read(incoming / MANIFEST, manifest_sha256)
        manifest = parse_manifest(text.decode("utf-8", "replace"), str(incoming / MANIFEST))
        self.require_place(env, release, manifest.prefix)
        payload = manifest.payload([format_name])
        if payload is None:
            raise AirgapError(
                "The release has no payload in this format",
                wanted=format_name,
                found=", ".join(p.format for p in manifest.payloads),
                where=str(incoming),
                remedy=f"add {format_name} to formats in release.yml and build again",
            )
        files = _read(incoming / FILES, manifest.files_sha256)
        for part in payload.parts:
            _require_hash(incoming / part.name, part.sha256, _hash_of(incoming / part.name))
        entries = read_files(files, str(incoming / FILES))
        # The very bytes that were hashed: whoever sent the files may still hold them open.
        make_folder(state)
        for name, content in ((MANIFEST, text), (FILES, files), (SIGNATURE, (incoming / SIGNATURE).read_bytes())):
            replace_file(state / name, content)
        return manifest, payload, entries

    def switch(self, env: str, release: str) -> None:
        """Make an installed release the current one, by one rename."""
        before, folder = self.current(env), self.root / env
        mark = max(self.high_water(env), serial_of(release))
        with os_errors(f"Switching {env} to {release}", folder):
            for name, script in activate_files(env, folder).items():
                replace_file(folder / name, script.encode())
            link = folder / ".current-new"
            link.unlink(missing_ok=True)
            link.symlink_to(release)
            os.rename(link, folder / "current")
            flush_directory(folder)
            replace_file(self.state(env) / "high-water", f"{mark}\n".encode())
            with open(self.state(env) / "log", "a", encoding="utf-8") as log:
                now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                log.write(f"{now} {before or '-'} -> {release}\n")

    def remove(self, env: str, release: str) -> None:
        """Remove a release that is not current; it disappears from view by one rename."""
        if self.current(env) == release:
            raise AirgapError(
                "The current release cannot be removed",
                wanted="a release that is not current",
                found=f"{env} {release} is current",
                where=str(self.release(env, release)),
                remedy="switch to another release first",
            )
        with os_errors(f"Removing {env} {release}", self.release(env, release)):
            self._take_away(env, release)

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
        for folder in path.parents:
            if folder == self.root:
                return
            try:
                folder.rmdir()
            except OSError:
                return

    def prunable(self, env: str, keep: int) -> list[str]:
        """Return the releases that may go: not among the newest ``keep``, not current, not previous, not in use."""
        releases = self.releases(env)
        kept = {self.current(env), self.previous(env), *releases[max(0, len(releases) - keep) :]}
        old = {name: self.release(env, name) for name in releases if name not in kept}
        used = _in_use(old.values())
        return [name for name, prefix in old.items() if prefix not in used]


def _in_use(prefixes: Iterable[Path]) -> set[Path]:
    """Return those prefixes that a running process knows of; without root only the user's own processes are seen."""
    # /proc shows real paths, the environment of a process shows what its user wrote.
    names = {name: prefix for prefix in prefixes for name in (str(prefix), os.path.realpath(prefix))}
    used: set[Path] = set()
    for process in Path("/proc").glob("[0-9]*") if names else []:
        seen = _paths_of(process)
        used.update(p for name, p in names.items() if any(s == name or s.startswith(f"{name}/") for s in seen))
    return used


def _paths_of(process: Path) -> set[str]:
    """Return what a process has as program, working directory, open or mapped file, or in a variable."""
    seen: set[str] = set()
    # What cannot be read belongs to a kernel thread, to a process that just ended, or to another user.
    with suppress(OSError):
        seen.update(os.readlink(link) for link in (process / "exe", process / "cwd"))
    with suppress(OSError):
        seen.update((process / "maps").read_text(errors="replace").split())
    with suppress(OSError):
        seen.update(re.split("[\0:=]", (process / "environ").read_text(errors="replace")))
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            seen.add(os.readlink(link))
    return seen


def _read(path: Path, sha256: str, remedy: str = SEND_AGAIN) -> bytes:
    """Return the content of a file, which must have this hash."""
    content = b""
    try:
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
    except OSError as error:
        found = str(error.strerror)
    _require_hash(path, sha256, found, remedy)
    return content


def _hash_of(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        return str(error.strerror)


def _require_hash(path: Path, sha256: str, found: str, remedy: str = SEND_AGAIN) -> None:
    if found != sha256:
        raise AirgapError(
            "A file is not as it was signed",
            wanted=f"sha256 {sha256}",
            found=found,
            where=str(path),
            remedy=remedy,
        )
