# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files on a medium that cannot be trusted: write so that only whole files get their name, and read them back."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import blocks, measure
from ansible_collections.airgap.conda.plugins.module_utils._base.copied import temporary_name, write_new
from ansible_collections.airgap.conda.plugins.module_utils._base.disk import flush_directory
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault, Item


def is_there(folder: Path, item: Item) -> bool:
    """Tell whether ``folder`` holds this file, by what its medium gives back."""
    try:
        return measure(folder / item.name, item.size, cached=False) == item
    except FileFault:
        return False


def copy_file(source: Path, folder: Path, item: Item) -> None:
    """Copy the file ``source``, which was measured as ``item``, into ``folder``.

    It gets its name when it is on the medium and was read back from there; what was there under that name stays until
    then. Raises OSError, with the file's name, and AirgapError when one of the two media does not keep its bytes.
    """
    new = folder / temporary_name(item.name)
    new.unlink(missing_ok=True)
    try:
        try:
            same = write_new(new, blocks(source, item.size)).sha256 == item.sha256
        except FileFault:
            same = False  # it became longer
        if not same:
            raise _unsteady(source, "the same bytes as a moment ago", "other bytes", "copy to or from another medium")
        if not is_there(folder, Item(new.name, item.size, item.sha256)):
            raise _unsteady(new, "the bytes that were written", "other bytes, read back", "use another medium")
        os.rename(new, folder / item.name)
    finally:
        with suppress(OSError):  # the medium may be gone; the first error tells more
            new.unlink(missing_ok=True)
    flush_directory(folder)


def _unsteady(path: Path, wanted: str, found: str, remedy: str) -> AirgapError:
    return AirgapError("A medium does not keep its bytes", wanted=wanted, found=found, where=str(path), remedy=remedy)
