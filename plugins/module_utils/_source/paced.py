# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A connection on which whoever is at the other end cannot make this one wait: what is awaited has a deadline.

A deadline for each call of the system would let a server send one byte a minute for ever.
"""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

# Where systems keep the authorities that their administrator trusts; the runtime's Python knows its own ones only.
SYSTEM_CAS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


class Pace:
    """When what is awaited must be there: ``seconds`` after the last ``restart``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = 0.0
        self.restart()

    def restart(self) -> None:
        """Await the next thing."""
        self._end = time.monotonic() + self._seconds

    def left(self) -> float:
        """Return the seconds that are left; raises TimeoutError when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"too slow: not done within {self._seconds:g} s")
        return left


class _Read(io.RawIOBase):
    """What is read of a connection."""

    def __init__(self, paced: Paced) -> None:
        super().__init__()
        self._paced = paced
        self._raw = paced.sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._paced.sock.settimeout(self._paced.pace.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class Paced:
    """A socket as http.client uses it."""

    def __init__(self, sock: socket.socket, pace: Pace) -> None:
        self.sock = sock
        self.pace = pace

    def sendall(self, data: bytes) -> None:
        """Send all of ``data``."""
        self.sock.settimeout(self.pace.left())
        self.sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what is read."""
        return io.BufferedReader(_Read(self))

    def close(self) -> None:
        """Close it when nobody reads any more."""
        self.sock.close()


def connect(scheme: str, host: str, port: int, ca: str, pace: Pace) -> HTTPConnection:
    """Return a connection that is open; raises OSError, and AirgapError when ``ca`` cannot be used."""
    pace.restart()
    if scheme == "https":
        connection: HTTPConnection = HTTPSConnection(host, port, timeout=pace.left(), context=_trust(ca))
    else:
        connection = HTTPConnection(host, port, timeout=pace.left())
    connection.connect()
    connection.sock = Paced(connection.sock, pace)
    connection.auto_open = 0  # it would open another one that has no deadline
    return connection


def _trust(ca: str, system: Sequence[str] = SYSTEM_CAS) -> Any:
    import ssl

    try:
        context = ssl.create_default_context(cafile=ca or None)
        for path in () if ca else system:
            if os.path.isfile(path):
                context.load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise AirgapError(
            "The certificates of trusted authorities cannot be read",
            wanted="a readable file of certificates in PEM format",
            found=str(error),
            where=ca or "the system's",
            remedy="correct the path (--ca, schedule_ca, deploy_ca), or the file",
            code="ca-unusable",
        ) from error
    return context
