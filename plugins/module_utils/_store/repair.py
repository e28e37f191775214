# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a damaged release right again, path by path, while it is current and in use.

A file comes from wherever the store holds the same content, else from the payload that was sent again. Everything is
copied and hashed next to the release and flushed to disk, and only then takes its place, each file by one rename: a
program that runs keeps what it opened, and a repair that is cut off leaves the rest to the next one.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    flush_file_system,
    make_folder,
    os_errors,
    replace_file,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import (
    BLOCK,
    DIRECTORY,
    FILE,
    SYMLINK,
    TOP,
    FileEntry,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.place import require_place
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import (
    read_accepted,
    read_entries,
    recorded,
    take_manifest,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._contract.tree import sha256_file
from ansible_collections.airgap.conda.plugins.module_utils._formats.formats import lacking_here, offered
from ansible_collections.airgap.conda.plugins.module_utils._store.extract import extract_some, missing_parts
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import NAMED, Fault, faults_of, require_whole
from ansible_collections.airgap.conda.plugins.module_utils._store.store import NO_BASE, Store


@dataclass
class Repaired:
    """What a repair did to one release: ``faults`` it found, ``left`` of them for want of content.

    ``step`` tells airgap.conda.fetch what to send for those; None when nothing is left.
    """

    env: str
    release: str
    faults: list[Fault] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    record: bool = False
    step: Step | None = None

    @property
    def changed(self) -> bool:
        """Whether anything was put right."""
        return self.record or len(self.left) < len(self.faults)


def repair(
    store: Store, env: str, formats: Iterable[str], wanted: Release | None = None, check_mode: bool = False
) -> Repaired:
    """Put the current release of ``env`` right as far as the content for it is on this host.

    ``wanted`` is what the controller verified of this very release: then the host's own record of it is held to that.
    ``formats`` are the payload formats that this host can unpack, best first. In check mode nothing is written.
    Raises AirgapError when there is nothing to repair with.
    """
    release = store.current(env)
    if not release or not (store.release(env, release).is_dir() or store.unmounted(env, release)):
        raise AirgapError(
            f"There is no release of {env} to repair",
            code="release-missing",
            wanted="a current release",
            found=f"current is {release}, which is not there" if release else "none",
            where=str(store.root / env),
            remedy="run airgap.conda.deploy for this host",
        )
    with nullcontext() if check_mode else store.lock(env), os_errors(f"Repairing {env} {release}", store.root):
        done = Repaired(env, release)
        if not _record_is_whole(store, env, release, wanted):
            done.record = wanted is not None and (check_mode or (store.incoming(env, release) / MANIFEST).is_file())
            if not done.record:
                done.step = Step(env, release, "install", release)
            if check_mode or wanted is None or not done.record:
                return done
            _restore_record(store, env, release, wanted)
        if store.came_as_image(env, release):
            _repair_image(store, done, check_mode, is_sent=wanted is not None)
        else:
            _Repair(store, done, list(formats)).run(check_mode, is_sent=wanted is not None)
        if not check_mode and not done.left:
            if done.changed:
                require_whole(store, env, release)
            store.clear_incoming(env, release)
            (store.state(env) / release / NO_BASE).unlink(missing_ok=True)
    return done


def _record_is_whole(store: Store, env: str, release: str, wanted: Release | None) -> bool:
    state = store.state(env) / release
    try:
        store.files(env, release)
        signed = (state / SIGNATURE).stat().st_size > 0
        return signed and (wanted is None or recorded(state / MANIFEST).manifest_sha256 == wanted.manifest_sha256)
    except (AirgapError, OSError):
        return False


def _restore_record(store: Store, env: str, release: str, wanted: Release) -> None:
    """Take the record of a release from what was sent, after comparing it with what the controller verified."""
    incoming, state = store.incoming(env, release), store.state(env) / release
    require_place(str(store.root), env, release, wanted.prefix)
    arrived, manifest = take_manifest(incoming, wanted.manifest_sha256, wanted.signature_sha256)
    files, _entries = read_entries(incoming, arrived)
    signature = read_accepted(incoming, arrived, SIGNATURE)
    make_folder(state)
    for name, data in ((FILES, files), (SIGNATURE, signature), (MANIFEST, manifest)):
        replace_file(state / name, data)


def _repair_image(store: Store, done: Repaired, check_mode: bool, is_sent: bool) -> None:
    """Mount an image again, after putting the file right from the parts that were sent again, if it is damaged.

    What uses the release keeps what it has open of the old mount; for everybody else the new one is in its place.
    """
    env, release = done.env, done.release
    done.faults = faults_of(store, env, release)
    image, payload = store.mountable(env, release), store.image_payload(env, release)
    if not done.faults or (check_mode and is_sent):
        return
    is_whole = not any(image.content_faults(payload))
    incoming = store.incoming(env, release)
    missing = [] if is_whole else missing_parts(incoming, payload)
    if missing:
        done.step = Step(env, release, "install", release, payload.format, missing)
        done.left = [fault.path for fault in done.faults]
        return
    if check_mode:
        return
    if not is_whole:
        image.write((incoming / part.name for part in payload.parts), payload)
    if image.mount_faults():
        image.unmount(lazily=True)
    store.remount(env, release)


class _Repair:
    """One repair of one release; the caller holds the lock."""

    def __init__(self, store: Store, done: Repaired, formats: list[str]) -> None:
        self._store, self._done, self._formats = store, done, formats
        self._prefix = store.release(done.env, done.release)
        self._staging = store.root / ".staging" / done.env
        self._owner = (store.state(done.env) / done.release / MANIFEST).stat().st_uid

    def run(self, check_mode: bool, is_sent: bool) -> None:
        """Find the faults, then put right those for which there is content; ``is_sent``: the payload was sent again."""
        done, store = self._done, self._store
        done.faults = faults_of(store, done.env, done.release)
        if not check_mode:
            self._clear()  # what a repair left that was cut off at its end
        if not done.faults:
            return
        damaged, extra = self._sort()
        files = [entry for entry in damaged if entry.type == FILE]
        sources = self._find({entry.sha256 for entry in files})
        lacking = [entry for entry in files if entry.sha256 not in sources]
        if check_mode and is_sent:
            return  # in check mode it was not, but otherwise all of it would be here
        parts, format_name = self._parts() if lacking else ([], "")
        if lacking and not parts:
            done.left = [entry.path for entry in lacking]
            left = set(done.left)
            damaged = [entry for entry in damaged if entry.path not in left]
        if check_mode:
            return
        try:
            make_folder(self._staging / "away", 0o700)
            staged = {entry.path: self._staging / str(number) for number, entry in enumerate(damaged)}
            for entry in damaged:
                self._stage(entry, staged[entry.path], sources)
            if parts:
                files = store.files(done.env, done.release)
                extract_some(parts, format_name, files, [(entry, str(staged[entry.path])) for entry in lacking])
            self._own(path for path in staged.values() if os.path.lexists(path))
            flush_file_system(self._staging)
            for path in extra:
                self._put_away(self._prefix / path)
            for entry in damaged:
                self._place(entry, staged[entry.path])
            flush_file_system(self._prefix)
        finally:
            self._clear()

    def _clear(self) -> None:
        shutil.rmtree(self._staging, ignore_errors=True)
        with suppress(OSError):
            self._staging.parent.rmdir()

    def _sort(self) -> tuple[list[FileEntry], list[str]]:
        """Return the entries to put right, parents first, and the paths that do not belong to the release."""
        entries = [TOP, *self._store.files(self._done.env, self._done.release)]
        paths = {fault.path for fault in self._done.faults}
        # Below what should be a directory and is a link to one, everything looks well.
        gone = {e.path for e in entries if e.path in paths and e.type == DIRECTORY and not _is_directory(self._at(e))}
        damaged = [e for e in entries if e.path in paths or (gone and any(folder in gone for folder in _above(e)))]
        extra = paths - {entry.path for entry in entries}
        return damaged, sorted(path for path in extra if not extra.intersection(map(str, Path(path).parents)))

    def _at(self, entry: FileEntry) -> Path:
        return self._prefix / entry.path

    def _find(self, wanted: set[str]) -> dict[str, Path]:
        """Return sha256 -> a file of this store that has that content, for as many of ``wanted`` as there are."""
        found: dict[str, Path] = {}
        for sha256, path in self._candidates():
            if sha256 in wanted and sha256 not in found and _has_content(path, sha256):
                found[sha256] = path
        return found

    def _candidates(self) -> Iterator[tuple[str, Path]]:
        """Yield every file that any release of this store should have, with the hash that it should have."""
        for env in self._store.known():
            for release in self._store.releases(env):
                with suppress(AirgapError):  # its record is damaged: it cannot help
                    for entry in self._store.files(env, release):
                        if entry.type == FILE:
                            yield entry.sha256, self._store.release(env, release) / entry.path

    def _parts(self) -> tuple[list[Path], str]:
        """Return the payload that was sent again and its format; without a whole one, say in the step what to send."""
        env, release = self._done.env, self._done.release
        manifest = self._store.manifest(env, release)
        payload = manifest.payload(self._formats)
        if payload is None:
            names = [item.format for item in manifest.payloads]
            raise AirgapError(
                f"This host cannot unpack {env} {release}",
                code="payload",
                wanted=f"a payload in one of {', '.join(self._formats)}",
                found=offered(names, lacking_here(names)),
                where=str(self._prefix),
                remedy="deploy a new release",
            )
        incoming = self._store.incoming(env, release)
        missing = missing_parts(incoming, payload)
        if missing:
            self._done.step = Step(env, release, "install", release, payload.format, missing)
            return [], ""
        return [incoming / part.name for part in payload.parts], payload.format

    def _stage(self, entry: FileEntry, place: Path, sources: Mapping[str, Path]) -> None:
        if entry.type == SYMLINK:
            place.symlink_to(entry.target)
        elif entry.type == FILE and entry.sha256 in sources:
            with open(sources[entry.sha256], "rb") as source, open(place, "xb") as copy:
                shutil.copyfileobj(source, copy, BLOCK)
                os.fchmod(copy.fileno(), entry.mode)
            if sha256_file(place) != entry.sha256:
                raise _changed(sources[entry.sha256])

    def _own(self, paths: Iterable[Path]) -> None:
        for path in paths:
            if path.lstat().st_uid != self._owner:
                os.chown(path, self._owner, -1, follow_symlinks=False)

    def _place(self, entry: FileEntry, staged: Path) -> None:
        """Put what was staged, or a directory, where it belongs; the directories above it are right already."""
        path = self._at(entry)
        if entry.type != DIRECTORY:
            if _is_directory(path):
                self._put_away(path)
            os.rename(staged, path)
            return
        if not _is_directory(path):
            self._put_away(path)
            path.mkdir(0o700)
        self._own([path])
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchmod(handle, entry.mode)
        finally:
            os.close(handle)

    def _put_away(self, path: Path) -> None:
        """Take something out of the release by one rename; it is deleted with the rest of the staging folder."""
        away = self._staging / "away"
        with suppress(FileNotFoundError):
            os.rename(path, away / str(len(os.listdir(away))))


def _above(entry: FileEntry) -> Iterator[str]:
    return (str(folder) for folder in Path(entry.path).parents if entry is not TOP)


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _has_content(path: Path, sha256: str) -> bool:
    try:
        # Reading a pipe in the place of a file would block.
        return stat.S_ISREG(path.lstat().st_mode) and sha256_file(path) == sha256
    except OSError:
        return False


def _changed(path: Path) -> AirgapError:
    return AirgapError(
        "A file changed while it was copied",
        code="changed-meanwhile",
        wanted="a release that nobody writes",
        found="other content than a moment before",
        where=str(path),
        remedy="find out who writes there, then run again",
    )


def require_repaired(store: Store, done: Repaired) -> None:
    """Raise AirgapError when something of a release is still not right."""
    if done.step:
        found = ", ".join(done.left[:NAMED]) or "the host's own record of it is damaged"
        raise AirgapError(
            f"{done.env} {done.release} could not be repaired",
            code="repair-incomplete",
            wanted="its record, and all parts of its payload",
            found=f"not sent yet: {', '.join(done.step.missing[:NAMED]) or MANIFEST}; left to repair: {found}",
            where=str(store.incoming(done.env, done.release)),
            remedy="run airgap.conda.repair again; it sends what is missing",
        )
