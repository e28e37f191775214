# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The parts of a payload: files of a bounded size that a format writes one after another."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Part, Payload


class Parts:
    """What a format writes: a stream cut into files of at most ``part_size`` bytes: name.000, name.001, …

    ``folder`` is where they are made: what a format has to make as a whole first goes there too, and is removed.
    """

    def __init__(self, folder: Path, name: str, part_size: int) -> None:
        self.folder, self._name, self._part_size = folder, name, part_size
        self._parts: list[Part] = []
        self._whole: Any = None  # the hash of all parts; as long as there is one, its hash is that
        self._size = 0
        self._open()

    def _open(self) -> None:
        self._part = io.BufferedWriter(io.FileIO(self.folder / f"{self._name}.{len(self._parts):03d}", "w"))
        self._part_hash, self._part_bytes = hashlib.sha256(), 0

    def _close(self) -> None:
        self._whole = self._whole or self._part_hash.copy()
        self._part.flush()
        os.fsync(self._part.fileno())
        self._part.close()
        self._parts.append(Part(f"{self._name}.{len(self._parts):03d}", self._part_bytes, self._part_hash.hexdigest()))

    def write(self, data: bytes | memoryview) -> int:
        """Add to the payload; a part that is full is closed."""
        view = memoryview(data)
        while view:
            if self._part_bytes == self._part_size:
                self._close()
                self._open()
            chunk = view[: self._part_size - self._part_bytes]
            self._part.write(chunk)
            self._part_hash.update(chunk)
            if self._whole:
                self._whole.update(chunk)
            self._part_bytes += len(chunk)
            self._size += len(chunk)
            view = view[len(chunk) :]
        return len(data)

    def flush(self) -> None:
        """Hand on what is buffered."""
        self._part.flush()

    def cut(self) -> None:
        """End the part here, whatever its size; what comes next begins another."""
        self._close()
        self._open()

    def finish(self, format_name: str) -> Payload:
        """Close the last part; a payload that fits in one part loses the number."""
        self._close()
        if len(self._parts) == 1:
            os.rename(self.folder / self._parts[0].name, self.folder / self._name)
            only = self._parts[0]
            self._parts = [Part(self._name, only.size, only.sha256)]
        return Payload(format_name, self._size, self._whole.hexdigest(), tuple(self._parts))
