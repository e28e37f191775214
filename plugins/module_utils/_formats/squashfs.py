# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""squashfs: an image that a host mounts read-only and never unpacks: a block of it is read when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import (
    Damaged,
    Format,
    Member,
    Source,
    Writer,
)
from ansible_collections.airgap.conda.plugins.module_utils._formats.loop import lacks_mounts
from ansible_collections.airgap.conda.plugins.module_utils._formats.parts import Parts


class Squashfs(Format):
    """An image, which only a bastion makes: a host does not load what that takes."""

    name = "squashfs"
    is_image = True

    def lacks(self) -> str:
        """Return what keeps this host from mounting one, now and after each restart."""
        return lacks_mounts()

    def lacks_to_write(self) -> str:
        """Look for mksquashfs, and at its version."""
        from ansible_collections.airgap.conda.plugins.module_utils._formats.mksquashfs import lacks_program

        return lacks_program()

    @contextmanager
    def writer(self, parts: Parts) -> Iterator[Writer]:
        """Return what writes an image."""
        from ansible_collections.airgap.conda.plugins.module_utils._formats.mksquashfs import Program

        image = parts.folder / f".{self.name}-new"
        try:
            with Program(image) as program:
                yield program.archive
            with open(image, "rb") as stream:
                while block := stream.read(BLOCK):
                    parts.write(block)
        finally:
            image.unlink(missing_ok=True)

    def members(self, source: Source) -> AbstractContextManager[Iterator[Member]]:
        """Refuse: nothing but the kernel reads an image."""
        raise Damaged(f"an image of {len(source.parts)} parts, which is mounted and not unpacked")
