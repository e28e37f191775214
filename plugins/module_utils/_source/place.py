# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of one release, wherever they are: in a folder here, or on a server. Nothing of them is believed yet."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import blocks, measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.found import Item
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST


class Place(ABC):
    """Where the files of a release are. ``where`` it is, a path or a URL, is for messages."""

    where: str

    def named(self, name: str) -> str:
        """Return where one of the files is, for messages."""
        return f"{self.where}/{name}"

    @abstractmethod
    def small(self, name: str, limit: int) -> bytes:
        """Return the content of a file of at most ``limit`` bytes; raises FileFault, AirgapError without a server."""

    @abstractmethod
    def blocks(self, name: str, limit: int, size: int | None = None) -> Iterator[bytes]:
        """Yield a file of at most ``limit`` bytes, ``size`` if that is known; raises as ``small``, and OSError."""

    def measure(self, name: str, limit: int, size: int | None = None) -> Item:
        """Read a file once and return what it is; raises as ``small``."""
        digest, measured = hashlib.sha256(), 0
        for block in self.blocks(name, limit, size):
            digest.update(block)
            measured += len(block)
        return Item(name, measured, digest.hexdigest())

    def another(self) -> Place | None:
        """Return the same place over a connection of its own; None where that is no faster."""
        return None

    @property
    def is_there(self) -> bool:
        """Tell whether the release as such can be seen; where it cannot, a file that is missing is no damage."""
        return True


@dataclass(frozen=True)
class Here(Place):
    """The folder of a release."""

    path: Path

    @property
    def where(self) -> str:  # type: ignore[override]
        """The path."""
        return str(self.path)

    def small(self, name: str, limit: int) -> bytes:
        """Return the content of a small file."""
        return read_small(self.path / name, limit)

    def blocks(self, name: str, limit: int, size: int | None = None) -> Iterator[bytes]:
        """Yield a file."""
        return blocks(self.path / name, limit if size is None else size)

    def measure(self, name: str, limit: int, size: int | None = None) -> Item:
        """Read a file once; one of another size is not read."""
        return measure(self.path / name, size, limit=limit)

    @property
    def is_there(self) -> bool:
        """Tell whether the folder still has its manifest."""
        return (self.path / MANIFEST).is_file()
