# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far another member of a swarm is: asked in the words of BitTorrent, without a lasting connection to it.

Who is connected to many is asked by many; so a member looks first whether somebody is ahead at all.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Sequence

GREETING = b"\x13BitTorrent protocol" + bytes(8)
# The message that lists the pieces: the first one, unless there are none.
BITFIELD = 5
# Bytes: of a greeting, and of the longest list of pieces that is read.
LENGTH, LONGEST = 68, 1 << 20
# Seconds between two looks, those that an answer may take, and those that a member here needs to get as far.
LOOK, ANSWER, AHEAD = 10.0, 0.8, 10.0


class Scout:
    """Looks at the others in turn, to find one that is far ahead.

    Who is slow makes all slow that are behind it on a line; the first of them finds the one before it, and goes around.
    Who has everything says nothing of how fast it would come from there, and is left to those before.
    """

    def __init__(self, mine: str, others: Sequence[tuple[str, int]]) -> None:
        self._mine, self._others = mine, others
        self._since, self._had, self._next = time.monotonic(), 0, 0

    def look(self, have: int, torrent: bytes, whole: int) -> tuple[str, int] | None:
        """Return another member that is far ahead of this one, which has ``have`` of ``whole`` pieces; often None."""
        now = time.monotonic()
        if now - self._since < LOOK or not self._others:
            return None
        rate = (have - self._had) / (now - self._since)
        other = self._others[self._next % len(self._others)]
        self._since, self._had, self._next = now, have, self._next + 1
        return other if have + rate * AHEAD < pieces(self._mine, other, torrent, ANSWER) < whole else None


def pieces(mine: str, other: tuple[str, int], torrent: bytes, seconds: float) -> int:
    """Return how many pieces another member has; 0 if it does not say so in ``seconds``.

    ``mine`` is the address that asks, ``torrent`` the hash that names the torrent (20 bytes).
    """
    until = time.monotonic() + seconds
    try:
        with socket.create_connection(other, seconds, (mine, 0)) as connection:
            connection.sendall(GREETING + torrent + os.urandom(20))
            if _read(connection, LENGTH, until)[28:48] != torrent:
                return 0
            (length,) = struct.unpack(">I", _read(connection, 4, until))
            if not 1 < length <= LONGEST or _read(connection, 1, until)[0] != BITFIELD:
                return 0
            return bin(int.from_bytes(_read(connection, length - 1, until), "big")).count("1")
    except OSError:
        return 0


def _read(connection: socket.socket, count: int, until: float) -> bytes:
    """Return exactly ``count`` bytes; raises OSError if they do not come in time."""
    found = b""
    while len(found) < count:
        connection.settimeout(max(0.01, until - time.monotonic()))
        data = connection.recv(count - len(found))
        if not data:
            raise ConnectionResetError(connection)
        found += data
    return found
