# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be named as a source: a line for each kind.

A new kind is a function here, a line in ``SOURCES``, and a test.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import Folder

# Where a drive has its releases, unless the export was told otherwise.
DEPOT = "depot"


def _of_folder(text: str) -> Folder | None:
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


# Text as a person names a source -> the source; None where it is of another kind.
SOURCES: tuple[Callable[[str], Folder | None], ...] = (_of_folder,)


def open_source(text: str) -> Folder:
    """Return the source that a person named; raises AirgapError when there is none."""
    found = next(filter(None, (kind(text) for kind in SOURCES)), None) if text else None
    if found is None:
        raise AirgapError(
            "This is no source of releases",
            wanted="a folder: a depot, or a mounted drive with one",
            found=text or "nothing",
            where="the command line",
            remedy="mount it, and name the folder",
            code="source-unusable",
        )
    return found
