# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The directory of an environment: one writer at a time, the old one kept until the new one is whole."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import lock
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.unshared import cannot_write, write_anew

# Says what the environment was made from. Last to be written, by one rename: a prefix that has it is whole. Not *.json,
# which conda's tools would take for the record of a package.
MARKER = "conda-meta/airgap-conda"
# Lists what ``files`` of release.yml brought; neither of the two is packed.
BROUGHT = "conda-meta/airgap-conda-files"
# Characters. Linux once read 127 of a script's first line, which also has #! and, at the most, /bin/python3.14t.
LONGEST = 108


def require_plain(what: str, path: str, where: str, remedy: str) -> None:
    """Raise AirgapError for a path that not every script and list of paths can hold; ``what`` and ``where`` name it."""
    if not re.fullmatch(r"/[^\s:\"'$`\\]+", path):
        raise AirgapError(
            f"{what} is invalid in scripts",
            code="path-not-plain",
            wanted="an absolute path without spaces, quotes, colons, $ and backslashes",
            found=repr(path),
            where=where,
            remedy=remedy,
        )


def check_prefix(prefix: Path) -> None:
    """Refuse a prefix that scripts cannot hold, and one with what this collection did not make: it would be deleted."""
    require_plain("The prefix", str(prefix), str(prefix), "build in another folder (role build: build_work)")
    if len(str(prefix)) > LONGEST:
        raise AirgapError(
            "The prefix is too long",
            code="prefix-too-long",
            wanted=f"a path of at most {LONGEST} characters: otherwise installers write scripts without #!",
            found=f"{len(str(prefix))} characters",
            where=str(prefix),
            remedy="build in a folder with a shorter path (role build: build_work)",
        )
    if prefix.is_symlink() or (prefix.exists() and not prefix.is_dir()):
        raise _taken(prefix, "a symbolic link" if prefix.is_symlink() else "a file")
    if not prefix.is_dir() or (prefix / MARKER).is_file() or _unfinished(prefix).is_file():
        return
    names = sorted(os.listdir(prefix))
    if names == ["conda-meta"] and not os.listdir(prefix / "conda-meta"):
        return
    if "conda-meta" in names:
        raise _taken(prefix, "a conda environment that another program created")
    if names:
        raise _taken(prefix, f"a directory that is not a conda environment, with {', '.join(names[:3])}")


@contextlib.contextmanager
def locked(prefix: Path) -> Iterator[None]:
    """Hold the prefix alone; AirgapError that names the other process when it is held already."""
    try:
        prefix.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(prefix, error) from error
    with lock.locked(prefix.parent, prefix.name, f"the prefix {prefix}"):
        yield


def recover(prefix: Path) -> None:
    """Bring a prefix that an interrupted run left behind back to the last whole environment, or to nothing."""
    aside = _aside(prefix)
    try:
        if (prefix / MARKER).is_file():
            remove_tree(aside)
        elif _unfinished(prefix).is_file() or aside.is_dir():
            remove_tree(prefix)
            if aside.is_dir():
                os.rename(aside, prefix)
        _unfinished(prefix).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(prefix, error) from error


@contextlib.contextmanager
def replaced(prefix: Path) -> Iterator[None]:
    """Give an absent prefix to build in; whatever goes wrong, the old environment comes back or nothing stays."""
    aside = _aside(prefix)
    try:
        # Next to the prefix, not in it: some tools clear a prefix that is there.
        _unfinished(prefix).touch()
        if prefix.is_dir() and os.listdir(prefix):
            os.rename(prefix, aside)
        elif prefix.is_dir():
            prefix.rmdir()
    except OSError as error:
        recover(prefix)
        raise cannot_write(prefix, error) from error
    try:
        yield
    except BaseException:
        recover(prefix)
        raise
    recover(prefix)  # the new one is whole: this removes the old one


def finish(prefix: Path, marker: str) -> None:
    """Declare the environment whole."""
    write_anew(prefix / MARKER, marker.encode("utf-8"))


def read_marker(prefix: Path) -> str | None:
    """Return the marker of the last complete environment, even if it was moved aside; None without one."""
    for place in (prefix, _aside(prefix)):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (place / MARKER).read_text(encoding="utf-8")
    return None


def remove_tree(path: Path) -> None:
    """Remove a directory tree; nothing there is fine."""
    if path.exists():
        shutil.rmtree(path)


def _aside(prefix: Path) -> Path:
    return prefix.with_name(f".{prefix.name}.previous")


def _unfinished(prefix: Path) -> Path:
    """Exists next to a prefix from the start until the prefix contains the marker."""
    return prefix.with_name(f".{prefix.name}.unfinished")


def _taken(prefix: Path, found: str) -> AirgapError:
    return AirgapError(
        "The prefix contains something else",
        code="prefix-taken",
        wanted="an absent or empty directory, or an environment created by airgap.conda.environment",
        found=found,
        where=str(prefix),
        remedy="choose another prefix, or remove its contents if nobody needs them",
    )
