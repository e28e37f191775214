# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The parts of a payload that still arrive, for a format that reads them ``in_order``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any


class Arriving(Sequence[Path]):
    """``parts`` of which each is given when ``arrive``, which may wait and raise, has returned for it.

    ``stopped`` is set when nobody reads on, for ``arrive`` to raise then.
    """

    def __init__(self, parts: Sequence[Path], arrive: Callable[[Path], None], stopped: Event) -> None:
        self._parts, self._arrive, self.stopped = parts, arrive, stopped

    def __iter__(self) -> Iterator[Path]:
        for part in self._parts:
            self._arrive(part)
            yield part

    def __getitem__(self, index: Any) -> Any:
        """Return where parts are or will be."""
        return self._parts[index]

    def __len__(self) -> int:
        return len(self._parts)
