# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring files of a release from a source to where a host receives them, hashed while they are copied.

Nothing of a source is believed but what the verified manifest names: a file gets its name when it is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import as_fault
from ansible_collections.airgap.conda.plugins.module_utils._base.copied import temporary_name, write_new
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import UnreadableFault
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import Content
from ansible_collections.airgap.conda.plugins.module_utils._source.place import Place
from ansible_collections.airgap.conda.plugins.module_utils._source.source import Verified, as_named
from ansible_collections.airgap.conda.plugins.module_utils._source.together import Tell, together

# The files that tell of a release, the one that vouches for the others last.
RECORD = (FILES, SIGNATURE, MANIFEST)


def bring(source: Verified, parts: Iterable[str], target: Path, tell: Tell = lambda _count: None) -> None:
    """Copy ``parts`` and the record of a release into the folder ``target``.

    Raises AirgapError for a file that is not there, cannot be read or is another; those before it stay in place. When
    it is this host that fails, they do not: its disk may be full of them.
    """
    with os_errors(f"Copying {source.manifest.env} {source.manifest.id} to this host", target):
        try:
            make_folder(target)
            *several, files, signature, manifest = contents(source, parts)
            together(source.place, several, lambda place, content, heard: copy(place, content, target, heard), tell)
            for content in (files, signature, manifest):
                copy(source.place, content, target, tell)
        except OSError:
            shutil.rmtree(target, ignore_errors=True)
            raise


def look(source: Verified, parts: Iterable[str], tell: Tell = lambda _count: None) -> None:
    """Read the same files and copy nothing; raises AirgapError as ``bring`` does."""
    for content in contents(source, parts):
        with _as_named(source.place, content):
            content.require(source.place.measure(content.name, content.limit, content.size))
        tell(content.size or 0)


def contents(source: Verified, parts: Iterable[str]) -> list[Content]:
    """Return what the manifest says of ``parts`` and of the record."""
    return [source.release.content(name) for name in (*parts, *RECORD)]


@contextmanager
def _as_named(place: Place, content: Content) -> Iterator[None]:
    """Turn the FileFault that the block raises for a file of the source into an AirgapError."""
    try:
        with as_named(place, content):
            yield
    except AirgapError as error:
        if error.code != "file-damaged" or (place.is_there and not isinstance(error.__cause__, UnreadableFault)):
            raise
        raise AirgapError(
            "The source cannot be read any more",
            wanted="a source that stays where it is until all of it was read",
            found=error.found,
            where=error.where,
            remedy="mount it again, or use another drive; then run again: what arrived whole is not copied again",
            code="source-lost",
        ) from error


def copy(place: Place, content: Content, target: Path, tell: Tell = lambda _count: None) -> None:
    """Copy one file into the folder ``target``, where it gets its name when it is whole.

    Raises AirgapError for one that is another, and OSError when it is this host that fails.
    """
    new = target / temporary_name(content.name)
    new.unlink(missing_ok=True)
    try:
        with _as_named(place, content):
            # Not flushed: what is here is hashed again before it is used, and flushed when it is installed.
            content.require(write_new(new, _read(place, content, tell), durable=False))
        new.rename(target / content.name)
    finally:
        new.unlink(missing_ok=True)


def _read(place: Place, content: Content, tell: Tell) -> Iterator[bytes]:
    """Give the blocks of a file of the source; an OSError while they are written is not one of reading."""
    try:
        for block in place.blocks(content.name, content.limit, content.size):
            tell(len(block))
            yield block
    except OSError as error:
        raise as_fault(error) from error
