# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A disk that loses what was not flushed: an NBD server for one virtual machine.

What the machine writes is in the drive's cache until the machine flushes. At a power cut each write in the cache is
kept, lost, or torn between its sectors, in any order; what was flushed stays.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SECTOR = 512
# Seconds after which a machine is not waited for any more.
CONNECTS = 20
# How many of the writes that a cut catches in the cache are torn.
TORN = 0.25
# The protocol of network block devices: fixed newstyle, simple replies.
HELLO, OPTION, OPTION_REPLY = b"NBDMAGICIHAVEOPT", b"IHAVEOPT", 0x3E889045565A9
REQUEST, REPLY = 0x25609513, 0x67446698
FIXED_NEWSTYLE, HAS_FLAGS, SEND_FLUSH = 1, 1, 4
OPT_ABORT, OPT_GO = 2, 7
REP_ACK, REP_INFO, REP_UNSUPPORTED = 1, 3, (1 << 31) + 1
READ, WRITE, DISCONNECT, FLUSH = range(4)
INVALID = 22


class Disk:
    """``image`` with a volatile cache, served at the Unix socket ``address`` to one machine after the other.

    ``on_trip`` is called, from another thread, when a request trips the wire that ``trip_after`` laid.
    """

    def __init__(self, image: bytes, address: Path, on_trip: Callable[[], None]) -> None:
        self.requests = 0
        self._on_trip = on_trip
        self._lasting, self._seen = bytearray(image), bytearray(image)
        self._cache: list[tuple[int, bytes]] = []
        self._trip = 0
        self._powered = False
        self._lock = threading.Lock()
        self._address = address
        self._thread: threading.Thread | None = None

    def image(self) -> bytes:
        """Return what is on the disk while no machine runs."""
        return bytes(self._lasting)

    def fill(self, image: bytes) -> None:
        """Start over with another content, while no machine runs."""
        self._lasting[:] = self._seen[:] = image

    def power_on(self) -> None:
        """Serve the next machine that connects."""
        # Each time another socket: a machine whose disk was cut off connects again, and is not served any more.
        self._address.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.settimeout(CONNECTS / 100)  # then _serve looks whether the power is still on
        listener.bind(str(self._address))
        listener.listen()
        self._powered = True
        self._thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        self._thread.start()

    def trip_after(self, requests: int) -> None:
        """Let the power go with that many writes and flushes from now on; 0: none."""
        with self._lock:
            self._trip = self.requests + requests if requests else 0

    def cut(self) -> None:
        """Answer nothing any more."""
        with self._lock:
            self._powered = False

    def power_off(self, numbers: random.Random) -> dict[str, int]:
        """Lose of the cache what ``numbers`` say, once the machine is gone; returns its sectors, and those lost."""
        self.cut()
        if self._thread:
            self._thread.join()
        self._trip = 0
        share = numbers.uniform(-0.5, 1.5)  # in a quarter of the cuts nothing is kept, in a quarter everything
        sectors = lost = 0
        for start, data in self._cache:
            is_torn, is_kept = numbers.random() < TORN, numbers.random() < share
            for at in range(0, len(data), SECTOR):
                sectors += 1
                if numbers.random() < share if is_torn else is_kept:
                    self._lasting[start + at : start + at + SECTOR] = data[at : at + SECTOR]
                else:
                    lost += 1
        self._cache.clear()
        self._seen[:] = self._lasting
        return {"sectors in the cache": sectors, "sectors lost": lost}

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError, struct.error):  # the machine is gone
            connection = self._accept(listener)
            with connection, connection.makefile("rb") as stream:
                self._greet(connection, stream.read)
                while self._answer(connection, stream.read):
                    pass

    def _accept(self, listener: socket.socket) -> socket.socket:
        """Wait for the machine until the power goes."""
        end = time.monotonic() + CONNECTS
        with listener:
            while self._powered and time.monotonic() < end:
                with suppress(TimeoutError):
                    return listener.accept()[0]
        raise TimeoutError

    def _greet(self, connection: socket.socket, read: Callable[[int], bytes]) -> None:
        connection.sendall(HELLO + struct.pack(">H", FIXED_NEWSTYLE))
        read(4)
        while True:
            _magic, option, length = struct.unpack(">8sII", read(16))
            read(length)
            if option == OPT_GO:
                export = struct.pack(">HQH", 0, len(self._seen), HAS_FLAGS | SEND_FLUSH)
                connection.sendall(struct.pack(">QIII", OPTION_REPLY, option, REP_INFO, len(export)) + export)
            answer = REP_ACK if option in (OPT_GO, OPT_ABORT) else REP_UNSUPPORTED
            connection.sendall(struct.pack(">QIII", OPTION_REPLY, option, answer, 0))
            if option == OPT_GO:
                return

    def _answer(self, connection: socket.socket, read: Callable[[int], bytes]) -> bool:
        _magic, _flags, kind, handle, start, length = struct.unpack(">IHHQQI", read(28))
        data = read(length) if kind == WRITE else b""
        if kind == DISCONNECT:
            return False
        error = 0
        with self._lock:
            if not self._powered:
                return False
            counts = kind in (WRITE, FLUSH)
            self.requests += counts
            tripped = counts and self.requests == self._trip
            if kind == READ:
                data = bytes(self._seen[start : start + length])
            elif kind == WRITE:
                self._seen[start : start + length] = data
                self._cache.append((start, data))
                data = b""
            elif kind != FLUSH:
                error = INVALID
            elif not tripped:
                for at, flushed in self._cache:
                    self._lasting[at : at + len(flushed)] = flushed
                self._cache.clear()
            self._powered = not tripped
        if tripped:
            self._on_trip()
            return False
        connection.sendall(struct.pack(">IIQ", REPLY, error, handle) + data)
        return True
