# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A web server on loopback with a folder behind basic auth and, below /t/<token>/, behind a token.

As a program, for playbooks: tiny_server.py FOLDER PORT_FILE; user, password and token come from the environment.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

USER, PASSWORD, TOKEN = "bastion", "canary-Pa55/word", "canary-t0ken"


class Private(http.server.SimpleHTTPRequestHandler):
    """Serves /basic/… to who knows the password, /t/<token>/token/… to who knows the token, /open/… to all."""

    user, password, token = USER, PASSWORD, TOKEN

    def send_head(self):  # type: ignore[no-untyped-def]  # as the base class
        wanted = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        with_token = f"/t/{self.token}/token/"
        if self.path.startswith("/basic/"):
            if self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="channel"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
        elif self.path.startswith(with_token):
            self.path = self.path[len(with_token) - len("/token/") :]
        elif not self.path.startswith("/open/"):
            self.send_error(403)
            return None
        self.path = "/" + self.path.lstrip("/").partition("/")[2]
        return super().send_head()

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        pass  # a client that closed the connection early


@contextlib.contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve ``folder`` and give the port."""
    with _Server(("127.0.0.1", 0), functools.partial(Private, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def main() -> None:
    """Serve until killed; the port is written into a file."""
    folder, port_file = sys.argv[1:]
    Private.user, Private.password = os.environ["CHANNEL_USER"], os.environ["CHANNEL_PASSWORD"]
    Private.token = os.environ["CHANNEL_TOKEN"]
    with _Server(("127.0.0.1", 0), functools.partial(Private, directory=folder)) as server:
        Path(port_file).write_text(str(server.server_port))
        server.serve_forever()


if __name__ == "__main__":
    main()
