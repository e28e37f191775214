# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contract 2: the releases of a host, and every step that changes them.

A release goes ``.incoming`` (parts) -> ``.staging`` (0700) -> ``<env>/<release>`` (one rename) -> ``current`` (one
rename). Each rename follows a flush to disk of all it makes visible, so that at any moment ``current`` is a whole
release. Whatever lies in ``.staging`` at the start of a run was interrupted and is deleted.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional

from ansible_collections.airgap.conda.plugins.module_utils._activate import activate_script
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
    read_manifest,
    serial_of,
)


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
        """Return the names of the environments that have a state here."""
        folder = self.root / ".state"
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

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
            return int((self.state(env) / "high-water").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return serial_of(self.current(env))

    def manifest(self, env: str, release: str) -> Manifest:
        """Read the manifest of an installed release."""
        return read_manifest(self.state(env) / release / MANIFEST)

    def files(self, env: str, release: str) -> list[FileEntry]:
        """Read the list of files of an installed release."""
        path = self.state(env) / release / FILES
        return read_files(path.read_bytes(), str(path))

    def differences(self, env: str, release: str, content: bool = True) -> list[Difference]:
        """Return in what an installed release differs from what the bastion signed."""
        return list(compare_tree(self.release(env, release), self.files(env, release), content))

    @contextmanager
    def lock(self, env: str) -> Iterator[None]:
        """Hold the environment's lock, or fail at once naming the process that holds it."""
        path = self.state(env) / "lock"
        with _os_errors(f"the lock of {env}", path):
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            stream = open(path, "a+", encoding="utf-8")
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                stream.seek(0)
                raise AirgapError(
                    f"Another run is at work on {env}",
                    wanted="one run at a time",
                    found=f"process {stream.read().strip() or 'unknown'} holds the lock",
                    where=str(path),
                    remedy="wait for it to end, then run again",
                ) from error
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
            yield

    def recover(self, env: str) -> None:
        """Delete what an interrupted run left of ``env``; the caller holds the lock."""
        shutil.rmtree(self.root / ".staging" / env, ignore_errors=True)
        installed = self.releases(env)
        for path in self.state(env).iterdir():
            if serial_of(path.name) and path.name not in installed:
                shutil.rmtree(path)  # recorded, but cut off before its tree was in place

    def install(self, env: str, release: str, manifest_sha256: str, format_name: str) -> Manifest:
        """Unpack a release from its incoming folder beside the others; ``current`` is not touched.

        ``manifest_sha256`` is the hash of the manifest whose signature the controller verified.
        """
        incoming = self.incoming(env, release)
        staging = self.root / ".staging" / env / release
        try:
            manifest, payload, entries = self._verified(incoming, manifest_sha256, format_name)
            with _os_errors(f"the release {env} {release}", staging):
                staging.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                staging.mkdir(mode=0o700)
                extract([incoming / part.name for part in payload.parts], format_name, entries, staging)
                staging.chmod(0o755)
                self._record(env, release, incoming)
                (self.root / env).mkdir(mode=0o755, exist_ok=True)
                _flush(staging)
                os.rename(staging, self.release(env, release))
                _flush_directory(self.root / env)
        except AirgapError:
            self.remove(env, release)
            raise
        finally:
            shutil.rmtree(self.root / ".staging" / env, ignore_errors=True)
            shutil.rmtree(incoming, ignore_errors=True)
        return manifest

    def _verified(
        self, incoming: Path, manifest_sha256: str, format_name: str
    ) -> tuple[Manifest, Payload, list[FileEntry]]:
        _require_hash(incoming / MANIFEST, manifest_sha256)
        manifest = read_manifest(incoming / MANIFEST)
        if manifest.prefix != str(self.release(manifest.env, manifest.id)):
            raise AirgapError(
                "The release was packed for another place",
                wanted=f"a release for {self.root}",
                found=f"a release for {manifest.root}",
                where=manifest.prefix,
                remedy="set the same root for build and deploy, and build again",
            )
        payload = manifest.payload([format_name])
        if payload is None:
            raise AirgapError(
                "The release has no payload in this format",
                wanted=format_name,
                found=", ".join(p.format for p in manifest.payloads),
                where=str(incoming),
                remedy=f"add {format_name} to formats in release.yml and build again",
            )
        _require_hash(incoming / FILES, manifest.files_sha256)
        for part in payload.parts:
            _require_hash(incoming / part.name, part.sha256)
        return manifest, payload, read_files((incoming / FILES).read_bytes(), str(incoming / FILES))

    def _record(self, env: str, release: str, incoming: Path) -> None:
        state = self.state(env) / release
        state.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in (MANIFEST, SIGNATURE, FILES):
            shutil.copyfile(incoming / name, state / name)

    def switch(self, env: str, release: str) -> None:
        """Make an installed release the current one, by one rename."""
        before = self.current(env)
        folder = self.root / env
        with _os_errors(f"{env} {release}", folder):
            _write(folder / "activate", activate_script(env, folder / "current"))
            link = folder / ".current-new"
            link.unlink(missing_ok=True)
            link.symlink_to(release)
            os.rename(link, folder / "current")
            _flush_directory(folder)
            if serial_of(release) > self.high_water(env):
                _write(self.state(env) / "high-water", f"{serial_of(release)}\n")
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
        trash = self.root / ".staging" / env / f"remove-{release}"
        if self.release(env, release).is_dir():
            trash.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.rename(self.release(env, release), trash)
            _flush_directory(self.root / env)
        shutil.rmtree(self.state(env) / release, ignore_errors=True)
        shutil.rmtree(trash, ignore_errors=True)

    def prunable(self, env: str, keep: int) -> list[str]:
        """Return the releases that may go: not among the newest ``keep``, not current, not previous, not in use."""
        releases = self.releases(env)
        kept = {self.current(env), self.previous(env), *releases[max(0, len(releases) - keep) :]}
        old = [name for name in releases if name not in kept]
        used = _in_use([str(self.release(env, name)) for name in old])
        return [name for name in old if str(self.release(env, name)) not in used]


def _in_use(prefixes: list[str]) -> set[str]:
    """Return those prefixes that a running process has as program, working directory or mapped file."""
    used: set[str] = set()
    for process in Path("/proc").glob("[0-9]*") if prefixes else []:
        seen = []
        for name in ("exe", "cwd"):
            try:
                seen.append(os.readlink(process / name))
            except OSError:
                continue  # a kernel thread, or a process that just ended
        try:
            seen += (process / "maps").read_text(errors="replace").split()
        except OSError:
            pass
        used.update(prefix for prefix in prefixes if any(s == prefix or s.startswith(prefix + "/") for s in seen))
    return used


def _require_hash(path: Path, sha256: str) -> None:
    found = sha256_file(path) if path.is_file() else "no such file"
    if found != sha256:
        raise AirgapError(
            "A file did not arrive as it was signed",
            wanted=f"sha256 {sha256}",
            found=found,
            where=str(path),
            remedy="run the deploy again; it sends this file again",
        )


def _write(path: Path, text: str) -> None:
    """Replace a small file by one rename."""
    new = path.with_name(f".{path.name}-new")
    with open(new, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.chmod(0o644)
    os.rename(new, path)


def _flush(folder: Path) -> None:
    """Flush the file system that holds ``folder``: one call where fsync would take one for each file."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(handle)


def _flush_directory(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _os_errors(what: str, where: Path) -> Iterator[None]:
    """Turn an error of the operating system into the one message of this collection."""
    try:
        yield
    except OSError as error:
        remedy = "look at the file system and its mount options, then run again"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free space on this file system, then run again; nothing was left behind"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            remedy = "let the user that Ansible becomes write there (become: true), or choose another root"
        raise AirgapError(
            f"The host could not write {what}",
            wanted="a writable file system with enough space",
            found=str(error.strerror or error),
            where=str(error.filename or where),
            remedy=remedy,
        ) from error
