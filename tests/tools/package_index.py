# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Serve a site's package index: over TLS, with a certificate that only the site's own authority vouches for.

It hands on what this machine's index answers. All links lead back to it, so a client needs no other server.
"""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ADDRESS = "127.0.0.1"
# What a package index answers in: its pages have links, all else is handed on as it is.
PAGES = re.compile(r"text/html|application/vnd\.pypi\.simple\.")
TIMEOUT = 180
# What pip asks where nobody says otherwise.
PYPI = "pypi.org/simple"


@dataclass(frozen=True)
class Index:
    """Where the index is, and the file with the certificate of the authority that vouches for it."""

    url: str
    authority: Path


class HandsOn(BaseHTTPRequestHandler):
    """Answers the path /HOST/PATH with what https://HOST/PATH is."""

    def do_GET(self) -> None:
        """Hand on one page or file."""
        host = self.path.split("/")[1]
        asked = urllib.request.Request(f"https:/{self.path}", headers={"Accept": self.headers.get("Accept", "*/*")})  # noqa: S310
        try:
            answer = urllib.request.urlopen(asked, timeout=TIMEOUT)  # noqa: S310 - https, as just written
        except urllib.error.HTTPError as error:
            self.send_error(error.code)
            return
        with answer:
            kind = answer.headers.get("Content-Type", "application/octet-stream")
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            if PAGES.match(kind):
                self.wfile.write(_led_back(answer.read(), host.encode("ascii")))
            else:
                shutil.copyfileobj(answer, self.wfile, 1 << 20)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def _led_back(page: bytes, host: bytes) -> bytes:
    """Return a page of HTML or JSON whose links have a path of ours in place of a server."""
    return re.sub(rb'(?<=")https:/(?=/)', b"", re.sub(rb'(?<=")/(?!/)', b"/" + host + b"/", page))


@contextmanager
def site_index(folder: Path) -> Iterator[Index]:
    """Serve the index while the block runs; what it needs is made in ``folder``."""
    authority, server = folder / "authority.pem", folder / "server.pem"
    _certify(authority, "-subj", "/CN=an authority of the site")
    of_server = ["-subj", "/CN=index", "-addext", f"subjectAltName=IP:{ADDRESS}"]
    _certify(server, "-CA", str(authority), "-CAkey", f"{authority}.key", *of_server)
    with ThreadingHTTPServer((ADDRESS, 0), HandsOn) as web:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server, f"{server}.key")
        web.socket = context.wrap_socket(web.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        try:
            yield Index(f"https://{ADDRESS}:{web.server_port}/{_upstream()}", authority)
        finally:
            web.shutdown()


def _certify(path: Path, *options: str) -> None:
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    subprocess.run([*words, *options, "-keyout", f"{path}.key", "-out", str(path)], check=True, capture_output=True)


def _upstream() -> str:
    """Return host and path of the index that pip asks on this machine."""
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    known = re.search(r"^\S+\.index-url='https://(.*?)/?'$", told.stdout, re.MULTILINE)
    return known[1] if known else PYPI
