# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A depot on a drive: which drive, which of its releases, and whether they are whole."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault, Item
from ansible_collections.airgap.conda.plugins.module_utils._base.lock import locked
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    serial_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import TrustedRelease
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.medium import silent

# What both modules take; doc_fragments/media.py says what it means.
SPEC: dict[str, Any] = {
    "depot": {"type": "path", "required": True},
    "drive": {"type": "path", "required": True},
    "folder": {"type": "str", "default": "depot"},
    "envs": {"type": "list", "elements": "str", "default": []},
    "releases": {"type": "dict", "default": {}},
    "require_mount": {"type": "bool", "default": True},
    "progress": {"type": "path"},
}


@dataclass(frozen=True)
class Drive:
    """A mounted file system, and the folder on it that is laid out as a depot."""

    path: Path
    folder: str = "depot"

    @property
    def depot(self) -> Depot:
        """The releases on the drive."""
        return Depot(self.path / self.folder)

    def require(self, mounted: bool, other: Path) -> None:
        """Refuse a drive that is not there, or not mounted if that is asked for, or that holds the depot ``other``."""
        if Path(self.folder).is_absolute() or ".." in Path(self.folder).parts:
            raise _not_usable(
                self.folder, "a folder on the drive", "a path that leads out of it", "give a relative path"
            )
        if not self.path.is_dir():
            found = "no folder" if os.path.lexists(self.path) else "no such folder"
            raise _not_usable(self.path, "the folder at which a drive is mounted", found, "mount the drive there")
        path = Path(os.path.realpath(self.path))
        if mounted and not os.path.ismount(path):
            place = next(parent for parent in path.parents if os.path.ismount(parent))
            remedy = "mount the drive there; if this folder is not a mount point, set require_mount to false"
            raise _not_usable(self.path, "a mounted drive", f"a folder of the file system at {place}", remedy)
        if os.path.realpath(self.depot.path) == os.path.realpath(other):
            raise _not_usable(
                self.depot.path, "two different depots", "the same folder", "give one of them another path"
            )

    def folders(self, target: Path) -> list[Path]:
        """Return the folders from the drive down to ``target``; raises AirgapError when one is something else.

        A link there would lead to a place that the drive's maker chose.
        """
        names = target.relative_to(self.path).parts
        folders = [self.path.joinpath(*names[: depth + 1]) for depth in range(len(names))]
        for folder in folders:
            if os.path.lexists(folder) and not stat.S_ISDIR(folder.lstat().st_mode):
                raise AirgapError(
                    "The drive has something else in the place of a folder",
                    code="drive-taken",
                    wanted="a folder, or nothing",
                    found="a link" if folder.is_symlink() else "a file",
                    where=str(folder),
                    remedy="move it away, or name another folder on the drive",
                )
        return folders

    @contextmanager
    def in_use(self, writing: bool) -> Iterator[None]:
        """Keep other exports (and while ``writing`` imports too) off this drive; writes nothing to it for that.

        Whoever may read the drive could hold a lock of its own. So it is a file of the user whose runs it keeps apart.
        A drive that is gone fails at any look at it; that is one AirgapError.
        """
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "airgap.conda"
        name = f"drive-{hashlib.sha256(os.path.realpath(self.path).encode()).hexdigest()[:16]}"
        with suppress(OSError):
            make_folder(folder)
        with ExitStack() as stack:
            if os.access(folder, os.W_OK):  # a user without a home: one run only
                stack.enter_context(locked(folder, name, f"the drive at {self.path}", shared=not writing))
            stack.enter_context(os_errors("Working with the drive", self.path))
            yield


@dataclass(frozen=True)
class Header:
    """A release as its manifest tells it; its signature was verified if anybody asked for that."""

    folder: Path
    release: TrustedRelease

    @property
    def manifest(self) -> Manifest:
        """Return the manifest."""
        return self.release.manifest

    @property
    def name(self) -> str:
        """Return how a release is called in messages."""
        return f"{self.manifest.env} {self.manifest.id}"

    @property
    def key(self) -> tuple[str, str]:
        """Return env and id."""
        return self.manifest.env, self.manifest.id

    @property
    def size(self) -> int:
        """Return the bytes of its payloads, next to which all else is small."""
        return sum(part.size for payload in self.manifest.payloads for part in payload.parts)

    @property
    def sha256(self) -> str:
        """Return the hash of the manifest."""
        return self.release.manifest_sha256

    def result(self, action: str, items: Sequence[Item]) -> dict[str, Any]:
        """Return what a module says of this release: what was done, with how many files and bytes."""
        env, release = self.key
        size = sum(item.size for item in items)
        return {
            "env": env,
            "id": release,
            "signer": self.release.signer,
            "action": action,
            "files": len(items),
            "bytes": size,
        }


@dataclass(frozen=True)
class Contents:
    """The files of a whole release in the order in which they are written: what speaks for others comes after them."""

    header: Header
    items: tuple[Item, ...]


def choose(depot: Depot, envs: Sequence[str], releases: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return env and id of the releases that are asked for, of each env in the order of their serials.

    Without ``envs`` all of the depot are meant. ``releases`` has for an env an id, a list of ids, or how many of the
    newest; where it has nothing it is the newest one. Raises AirgapError for what is not there.
    """
    there = depot.envs()
    wanted = list(dict.fromkeys(envs)) or there
    for name in wanted or ["an environment"]:
        if name not in there:
            raise _not_there(depot, name, f"environments {', '.join(there) or 'none'}")
    for name in releases:
        if name not in wanted:
            raise _not_there(depot, f"releases of {name}", f"chosen environments {', '.join(wanted)}")
    found = {env: choose_of(depot, env, depot.releases(env), releases.get(env, 1)) for env in wanted}
    return [(env, release) for env, names in found.items() for release in names]


def choose_of(depot: Depot, env: str, there: Sequence[str], wanted: Any) -> list[str]:
    """Return those of the releases ``there``, sorted, that are ``wanted``; see ``choose``."""
    if re.fullmatch(r"[1-9][0-9]{0,8}", str(wanted)):
        return list(there[-int(wanted) :])
    names = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(names, list) or not names:
        raise AirgapError(
            "It is not clear which releases are meant",
            code="choice-unclear",
            wanted="the id of a release, a list of ids, or how many of the newest",
            found=repr(wanted),
            where=f"releases of {env}",
            remedy=f"write for example {{{env}: 2}} or {{{env}: {there[-1]}}}",
        )
    for name in names:
        if name not in there:
            raise _not_there(depot, f"{env} {name}", f"releases {', '.join(there)}")
    return [name for name in there if name in names]


def listing(releases: Iterable[tuple[str, str]], notes: Mapping[tuple[str, str], str] | None = None) -> str:
    """Return a line for each release, for diffs; a note ends its line."""
    names = sorted(set(releases), key=lambda name: (name[0], serial_of(name[1]), name[1]))
    return "".join(f"{env} {release}{(notes or {}).get((env, release), '')}\n" for env, release in names)


def summary(releases: Sequence[Mapping[str, Any]], before: str, after: str) -> dict[str, Any]:
    """Return the result of a module from what was done with each release."""
    files, size = (sum(release[key] for release in releases) for key in ("files", "bytes"))
    diff = {"before": before, "after": after}
    return {"changed": files > 0, "releases": list(releases), "files": files, "bytes": size, "diff": diff}


def read_headers(
    depot: Depot, chosen: Iterable[tuple[str, str]], allowed_signers: Path | None, remedy: str
) -> list[Header]:
    """Read the manifests of the releases, and verify their signatures when ``allowed_signers`` is given.

    Raises AirgapError for the first that is not accepted. Where a manifest or signature is missing, as of a release
    that was not written to its end, nothing vouches for what else there should be: only these two are named. It is one
    error for them and for what the other releases lack.
    """
    headers: list[Header] = []
    faults: dict[str, dict[str, str]] = {}
    for env, release in chosen:
        folder, data, wrong = depot.folder(env, release), {}, {}
        for name, limit in ((MANIFEST, limits.MANIFEST), (SIGNATURE, limits.SIGNATURE)):
            try:
                data[name] = read_small(folder / name, limit, cached=False)
            except FileFault as fault:
                wrong[name] = str(fault)
        if wrong:
            faults[f"{env} {release}"] = wrong
        else:
            # One after the other: there may be thousands that nobody signed.
            headers.append(_header(folder, data, allowed_signers, remedy))
    if faults:
        for header in headers:
            damaged = _look(header, cached=False)[1]
            if damaged:
                faults[header.name] = damaged
        raise not_whole(depot, faults, remedy)
    return headers


def _header(folder: Path, data: Mapping[str, bytes], allowed_signers: Path | None, remedy: str) -> Header:
    release = TrustedRelease(str(folder))
    if allowed_signers:
        release.signed(data[MANIFEST], data[SIGNATURE], signature.verifier(folder / SIGNATURE, allowed_signers))
    else:
        release.recorded(data[MANIFEST])
    release.require_name(folder.parent.name, folder.name, remedy)
    return Header(folder, release)


def read_contents(
    depot: Depot, headers: Iterable[Header], cached: bool, remedy: str, told: Callable[[int], None] = silent
) -> list[Contents]:
    """Read every byte of the releases and compare it with their manifests; raises one AirgapError for all faults.

    Without ``cached`` it is the medium that is read, not what the kernel remembers of it. ``told`` hears how many bytes
    were read.
    """
    found, faults = [], {}
    for header in headers:
        items, wrong = _look(header, cached, told)
        found.append(Contents(header, tuple(items)))
        if wrong:
            faults[header.name] = wrong
    if faults:
        raise not_whole(depot, faults, remedy)
    return found


def _look(header: Header, cached: bool, told: Callable[[int], None] = silent) -> tuple[list[Item], dict[str, str]]:
    """Return the files of a release, and for each that is not as its manifest says what is wrong with it."""
    release, items, faults = header.release, [], {}
    for content in (*release.contents(), release.content(MANIFEST)):
        try:
            item = measure(header.folder / content.name, content.size, cached, content.limit, told)
            release.accept(item)
            items.append(item)
        except FileFault as fault:
            faults[content.name] = str(fault)
    try:
        items.append(measure(header.folder / SIGNATURE, None, cached, limits.SIGNATURE))
    except FileFault as fault:
        faults[SIGNATURE] = str(fault)
    return items, faults


def not_whole(depot: Depot, faults: Mapping[str, Mapping[str, str]], remedy: str) -> AirgapError:
    """Name every file, those with one fault together: there may be hundreds."""
    lines = []
    for release, wrong in faults.items():
        kinds: dict[str, list[str]] = {}
        for name, fault in wrong.items():
            kinds.setdefault(fault, []).append(name)
        lines.append(f"{release}: " + ", ".join(f"{fault} {' '.join(names)}" for fault, names in kinds.items()))
    return AirgapError(
        "A chosen release is damaged or not whole",
        code="release-damaged",
        wanted="every file of these releases, as the bastion signed it",
        found="; ".join(lines),
        where=str(depot.path),
        remedy=remedy,
    )


def _not_there(depot: Depot, wanted: str, found: str) -> AirgapError:
    return AirgapError(
        "A chosen release is not there",
        code="release-missing",
        wanted=wanted,
        found=found,
        where=str(depot.path),
        remedy="correct the name, or bring this release there first",
    )


def require_room(folder: Path, sizes: Iterable[tuple[int, int]], what: str) -> None:
    """Refuse when files do not fit into the file system of ``folder``, or when it cannot be written.

    ``sizes`` has for each file, in the order of writing, its bytes and those of the file that it replaces.
    """
    folder, status = _file_system(folder)
    if status.f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK | os.X_OK):
        raise AirgapError(
            f"{what} cannot be written",
            code="drive-unwritable",
            wanted="a folder that this task may write",
            found="a file system mounted read-only" if status.f_flag & os.ST_RDONLY else "no permission",
            where=str(folder),
            remedy="mount it for writing (a drive may have a switch), or run as a user who may write there",
        )
    needed, free = _needed_and_free(status, sizes)
    if needed > free:
        raise AirgapError(
            f"{what} is too full",
            code="space",
            wanted=f"{needed} bytes free ({_mib(needed)})",
            found=f"{free} bytes free ({_mib(free)})",
            where=str(folder),
            remedy="choose fewer releases, free space there, or use a larger one",
        )


def has_room(folder: Path, sizes: Iterable[tuple[int, int]]) -> bool:
    """Tell whether files fit; see ``require_room``."""
    needed, free = _needed_and_free(_file_system(folder)[1], sizes)
    return needed <= free


def room_of(folder: Path) -> tuple[int, int]:
    """Return the bytes of a block of the file system of ``folder``, and its free bytes."""
    status = _file_system(folder)[1]
    return status.f_frsize, status.f_bavail * status.f_frsize


def _file_system(folder: Path) -> tuple[Path, os.statvfs_result]:
    while not folder.exists():
        folder = folder.parent
    return folder, os.statvfs(folder)


def _needed_and_free(status: os.statvfs_result, sizes: Iterable[tuple[int, int]]) -> tuple[int, int]:
    block = status.f_frsize
    taken = needed = 0
    for new, old in sizes:
        taken += -(-new // block) * block
        needed = max(needed, taken)  # the old file goes when the new one is whole
        taken -= -(-old // block) * block
    return needed, status.f_bavail * block


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _not_usable(where: object, wanted: str, found: str, remedy: str) -> AirgapError:
    return AirgapError(
        "The drive cannot be used", code="drive-unusable", wanted=wanted, found=found, where=str(where), remedy=remedy
    )
