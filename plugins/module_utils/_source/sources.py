# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be named as a source: a line for each kind.

A new kind is a function here, a line in ``SOURCES``, and a test.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._source.address import is_url, without_secrets
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import Folder
from ansible_collections.airgap.conda.plugins.module_utils._source.source import Source

# Where a drive has its releases, unless the export was told otherwise.
DEPOT = "depot"


@dataclass(frozen=True)
class How:
    """How a server is read: ``ca`` is a file of authorities, empty for the system's.

    ``memory`` is a folder for what is remembered of it; None for none.
    """

    ca: str = ""
    memory: Path | None = None


def _of_url(text: str, how: How) -> Source | None:
    """Return the depot at a URL."""
    if not is_url(text):
        return None
    # Loaded only then: a host that installs from a drive needs no network.
    from ansible_collections.airgap.conda.plugins.module_utils._source.memory import Memory
    from ansible_collections.airgap.conda.plugins.module_utils._source.url import open_url

    return open_url(text, how.ca, Memory(how.memory) if how.memory else None)


def _of_folder(text: str, _how: How) -> Source | None:
    """Return the depot at a path, or in the folder ``depot`` there."""
    path = Path(os.path.abspath(text))
    folder = next((one for one in (Folder(path / DEPOT), Folder(path)) if one.everything()), None)
    if folder or "://" in text:
        return folder
    raise AirgapError(
        "There are no releases in this source",
        wanted=f"a folder with releases, <env>/<release>/manifest.json, or a drive with a folder {DEPOT} that has them",
        found=_found(path),
        where=str(path),
        remedy="mount the drive, or name the folder in which it is mounted",
        code="source-unusable",
    )


def _found(path: Path) -> str:
    if not os.path.lexists(path):
        return "no such folder"
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        return str(error.strerror)
    return f"{', '.join(names[:10])}{', …' if len(names) > 10 else ''}" or "an empty folder"


# Text as a person names a source, and how it is read -> the source; None where it is of another kind.
SOURCES: tuple[Callable[[str, How], Source | None], ...] = (_of_url, _of_folder)


def open_source(text: str, how: How = How()) -> Source:
    """Return the source that a person named; raises AirgapError when there is none."""
    found = next(filter(None, (kind(text, how) for kind in SOURCES)), None) if text else None
    if found is None:
        raise AirgapError(
            "This is no source of releases",
            wanted="a folder: a depot, or a mounted drive with one; or the URL of a depot, with http or https",
            found=without_secrets(text) or "nothing",
            where="the command line",
            remedy="mount it, and name the folder; or have a web server serve it",
            code="source-unusable",
        )
    return found
