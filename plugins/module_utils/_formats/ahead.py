# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stream that a thread reads ahead: it decompresses while the caller hashes and writes what came before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue
from types import TracebackType
from typing import Any

# Bytes read at a time, and how many of these wait at most for the caller.
BLOCK, BLOCKS = 1 << 20, 4


class Ahead:
    """What ``source.read`` gives, for a caller that goes forward only.

    ``read``, ``tell`` and ``seek`` are as those of a file, as far as tarfile needs them; what the source raises is
    raised by the call that gets there. Leaving the context ends the thread, and sets ``stopped`` for a
    source that waits; the source stays open.
    """

    def __init__(self, source: Any, stopped: threading.Event | None = None) -> None:
        self._source = source
        self._queue: Queue[bytes | Exception] = Queue(BLOCKS)
        self._stopped = stopped or threading.Event()
        self._thread = threading.Thread(target=self._fill, daemon=True)
        self._block = memoryview(b"")
        self._at = 0
        self._ended = False

    def __enter__(self) -> Ahead:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            while not self._queue.empty():  # it may wait for room
                self._queue.get()
            self._thread.join(0.01)

    def _fill(self) -> None:
        try:
            while not self._stopped.is_set():
                block = self._source.read(BLOCK)
                self._queue.put(block)
                if not block:
                    return
        except Exception as error:  # noqa: BLE001 - raised again by whoever reads
            self._queue.put(error)

    def tell(self) -> int:
        """Return how many bytes were read or passed over."""
        return self._at

    def seek(self, position: int) -> int:
        """Pass over what comes before ``position``; at the end of the stream, stop there."""
        if position < self._at:
            raise ValueError("a stream that goes forward only")
        for _block in self.blocks(position - self._at):
            pass
        return self._at

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end."""
        block = self._block[:size]
        if len(block) < size:
            return b"".join(self.blocks(size))
        self._block = self._block[size:]  # a header: there are many
        self._at += size
        return bytes(block)

    def blocks(self, size: int) -> Iterator[memoryview]:
        """Yield the next ``size`` bytes, fewer at the end, without copying them."""
        while size > 0 and self._more():
            block = self._block[:size]
            self._block = self._block[len(block) :]
            self._at += len(block)
            size -= len(block)
            yield block

    def _more(self) -> bool:
        if not self._block and not self._ended:
            block = self._queue.get()
            self._ended = not block or isinstance(block, Exception)
            if isinstance(block, Exception):
                raise block
            self._block = memoryview(block)
        return bool(self._block)
