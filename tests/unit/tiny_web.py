# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A web server in a thread that serves a folder: as Python's own does, as nginx does, or as a test wants it."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass
class Web:
    """What is served, and what was asked: path and headers of each request.

    ``is_plain`` serves as ``python3 -m http.server`` does: no ranges, no tags. ``answers`` may answer a request in its
    own way; what returns False leaves that to the server.
    """

    folder: Path
    is_plain: bool = False
    answers: Callable[[Handler], bool] = lambda _handler: False
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    url: str = ""
    sent: int = 0

    def paths(self) -> list[str]:
        """Return the paths that were asked for since the last call."""
        paths = [path for path, _headers in self.asked]
        self.asked.clear()
        return paths


class Handler(SimpleHTTPRequestHandler):
    """Answers one request after another of a connection."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    web: Web

    def translate_path(self, path: str) -> str:
        """Return the file of a path."""
        return os.path.join(self.web.folder, os.path.normpath(unquote(path)).lstrip("/"))

    def tag(self, path: Path) -> str:
        """Return what tells one version of a file from another, as nginx does."""
        status = path.stat()
        return f'"{status.st_mtime_ns:x}-{status.st_size:x}"'

    def do_GET(self) -> None:
        """Answer."""
        self.web.asked.append((self.path, {name.lower(): text for name, text in self.headers.items()}))
        if self.web.answers(self):
            return
        path = Path(self.translate_path(self.path))
        if self.web.is_plain or not path.is_file():
            super().do_GET()
            return
        data, tag = path.read_bytes(), self.tag(path)
        if self.headers.get("If-None-Match") == tag:
            self.say(304, b"", {"ETag": tag})
            return
        asked = self.headers.get("Range", "")
        if asked and self.headers.get("If-Range", tag) == tag:
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            told = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            self.say(206, data[begin:], {"ETag": tag, "Content-Range": told})
        else:
            self.say(200, data, {"ETag": tag})

    def say(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send an answer with its length, unless ``headers`` have another one; an empty one is left out."""
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **(headers or {})}.items():
            if text:
                self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, *pieces: bytes) -> None:
        """Send these bytes, and close the connection."""
        for piece in pieces:
            self.wfile.write(piece)
        self.close_connection = True

    def handle(self) -> None:
        """Answer until the other side has had enough, which is no error."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


@contextmanager
def served(
    folder: Path, is_plain: bool = False, certificate: Path | None = None, address: str = "127.0.0.1"
) -> Iterator[Web]:
    """Serve a folder while the block runs; with ``certificate``, which has its key in it, over TLS."""
    web = Web(folder, is_plain)
    server = ThreadingHTTPServer((address, 0), type("Bound", (Handler,), {"web": web}))
    server.daemon_threads = True
    server.block_on_close = False
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    web.url = f"{'https' if certificate else 'http'}://{address}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
