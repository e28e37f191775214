# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a static web server, which may be as hostile as a drive: all that it sends has an end, in bytes and in time.

What it sends is not believed here; whoever reads compares it with what was signed. A transfer that is cut off goes on
where it stopped. Proxies of the environment are not used: what is fetched is inside the network.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urljoin, urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import LINE, clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._source.address import origin, require_url, url_fault
from ansible_collections.airgap.conda.plugins.module_utils._source.paced import Pace, connect

# Bytes that must come within ``Patience.seconds``: the slowest link that is waited for has 4 KiB/s.
READ = 256 << 10
# Bytes after which a cut does not count with those before it.
PROGRESS = 4 << 20
REDIRECTS = 3
AGENT = "airgap-envs"
# What a server says when it has a bad moment.
BUSY = (429, 500, 502, 503, 504)
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,20})-([0-9]{1,20})/([0-9]{1,20}|\*)", re.ASCII)
# What may be sent back to the server that said it.
TAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,200}"')
DATE = re.compile(r"[A-Za-z0-9 ,:+-]{10,40}", re.ASCII)


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for: ``seconds`` for the next thing, ``tries`` with a longer ``pause`` each time."""

    seconds: float = 60.0
    tries: int = 4
    pause: float = 1.0


PATIENCE = Patience()


@dataclass(frozen=True)
class Answer:
    """A small file: ``data`` is None when it is as it was. ``tag`` and ``modified`` tell that the next time.

    ``date`` is when the server said so.
    """

    data: bytes | None
    tag: str = ""
    modified: str = ""
    date: str = ""


@dataclass
class _Transfer:
    """How far the transfer of a file is: ``done`` bytes were given out, of the ``version`` that a server named."""

    name: str
    limit: int
    size: int | None = None
    done: int = 0
    version: str = ""
    failed: int = 0
    before: int = 0


@dataclass
class Server:
    """What is below a URL of a server. ``ca`` is a file of authorities for https; empty for the system's."""

    url: str
    ca: str = ""
    patience: Patience = field(default_factory=lambda: PATIENCE)
    _connection: HTTPConnection | None = None

    def __post_init__(self) -> None:
        self._root = require_url(self.url)
        self.url = self._root.geturl()
        self._pace = Pace(self.patience.seconds)

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def named(self, name: str) -> str:
        """Return the URL of a file."""
        return f"{self.url}/{name}"

    def blocks(self, name: str, limit: int, size: int | None = None) -> Iterator[bytes]:
        """Yield a file of at most ``limit`` bytes, ``size`` if that is known.

        Raises FileFault when it is not there, too long or of another size, AirgapError when the server cannot be used.
        """
        transfer = _Transfer(name, limit, size)
        while True:
            try:
                yield from self._go_on(transfer)
            except (OSError, HTTPException) as error:
                self._failed(transfer, error)
            else:
                return

    def small(self, name: str, limit: int, known: Answer | None = None) -> Answer:
        """Return a file of at most ``limit`` bytes, and of ``known`` whether it still is that; raises as ``blocks``."""
        transfer = _Transfer(name, limit, None)
        headers = {}
        if known and known.tag:
            headers["If-None-Match"] = known.tag
        elif known and known.modified:
            headers["If-Modified-Since"] = known.modified
        while True:
            try:
                response = self._ask(name, headers)
                if response.status == 304 and headers:
                    response.read()
                    return Answer(None)
                self._require(response, transfer)
                data = b"".join(self._body(response, 0))
            except (OSError, HTTPException) as error:
                self._failed(transfer, error)
            else:
                return Answer(data, _tag(response), _date(response, "Last-Modified"), _date(response, "Date"))

    # --- one request ----------------------------------------------------------------------------------------------

    def _go_on(self, transfer: _Transfer) -> Iterator[bytes]:
        """Yield what is left of a file, by one request."""
        headers = {}
        if transfer.done:
            headers["Range"] = f"bytes={transfer.done}-"
            if transfer.version:
                headers["If-Range"] = transfer.version
        response = self._ask(transfer.name, headers)
        at = 0
        if headers and response.status == 416:
            self.close()
            raise FileFault(f"no more than {transfer.done} bytes")
        if headers and response.status == 206:
            self._require_rest(response, transfer)
            at = transfer.done
        else:  # it may know no ranges, or have another file by now, which the hash will tell
            self._require(response, transfer)
            transfer.version = _version(response)
        for block in self._body(response, at):
            new = block[max(0, transfer.done - at) :]
            at += len(block)
            if new:
                transfer.done += len(new)
                yield new

    def _ask(self, name: str, headers: Mapping[str, str]) -> HTTPResponse:
        """Return the head of the answer for a file; raises OSError and HTTPException."""
        url = self.named(name)
        for _hop in range(REDIRECTS + 1):
            response = self._get(url, headers)
            if response.status not in (301, 302, 303, 307, 308):
                return response
            found = urljoin(url, response.getheader("Location") or "")
            self.close()
            self._require_own(url, found)
            url = found
        raise self._unfit(url, f"more than {REDIRECTS} redirects", "server-redirects")

    def _get(self, url: str, headers: Mapping[str, str]) -> HTTPResponse:
        path = urlsplit(url).path or "/"
        if self._connection and self._connection.sock:
            with suppress(ConnectionError, HTTPException):  # a server may close what was open for a while
                return self._said(self._connection, path, headers)
        self.close()
        self._connection = connect(*origin(self._root), self.ca, self._pace)
        return self._said(self._connection, path, headers)

    def _said(self, connection: HTTPConnection, path: str, headers: Mapping[str, str]) -> HTTPResponse:
        self._pace.restart()
        # It comes as it lies there: http.client asks for the encoding "identity".
        connection.request("GET", path, headers={"User-Agent": AGENT, **headers})
        return connection.getresponse()

    def _body(self, response: HTTPResponse, at: int) -> Iterator[bytes]:
        """Yield the body of an answer, whose first byte is byte ``at`` of the file; OSError where it is cut off."""
        due = at + (response.length or 0)
        while at < due:
            self._pace.restart()
            block = response.read(min(READ, due - at))
            if not block:
                raise ConnectionError(f"cut off after {at} of {due} bytes")
            at += len(block)
            yield block
        response.read()  # nothing is left: the connection is free for the next request

    # --- what an answer must be -----------------------------------------------------------------------------------

    def _require(self, response: HTTPResponse, transfer: _Transfer) -> None:
        """Raise unless the answer is a file that can be the one that is wanted."""
        if response.status in BUSY:
            raise ConnectionError(f"the server says {response.status} {clean(response.reason, LINE)}")
        if response.status in (404, 410):
            self.close()
            raise FileFault("missing")
        if response.status != 200:
            said = f"{response.status} {clean(response.reason, LINE)}"
            raise self._unfit(self.named(transfer.name), said, "server-refuses")
        self._require_fit(response, transfer, 0)

    def _require_rest(self, response: HTTPResponse, transfer: _Transfer) -> None:
        """Raise unless the answer is what is left of a file."""
        told = response.getheader("Content-Range") or ""
        found = CONTENT_RANGE.fullmatch(told)
        if not found or int(found[1]) != transfer.done or found[3] not in ("*", str(int(found[2]) + 1)):
            said = f"not what follows byte {transfer.done}, but {clean(told, LINE) or 'nothing that says what'}"
            raise self._unfit(self.named(transfer.name), said, "server-range")
        self._require_fit(response, transfer, transfer.done)

    def _require_fit(self, response: HTTPResponse, transfer: _Transfer, at: int) -> None:
        """Raise unless the body has a length, one that fits, and no encoding: a body without an end is not begun."""
        coding = response.getheader("Content-Encoding") or "identity"
        if coding.lower() != "identity":
            raise self._unfit(self.named(transfer.name), f"content encoded as {clean(coding, LINE)}", "server-encodes")
        if response.length is None:
            raise self._unfit(self.named(transfer.name), "no Content-Length", "server-no-length")
        size = at + response.length
        if transfer.size not in (None, size) or size > transfer.limit:
            self.close()
            most = f"more than {transfer.limit}" if transfer.size is None else f"instead of {transfer.size}"
            raise FileFault(f"{size} bytes, {most}")

    def _require_own(self, url: str, found: str) -> None:
        """Let a redirect lead to another path of the same server only: it could lead to whom only this host reaches."""
        if url_fault(found) or origin(urlsplit(found)) != origin(self._root):
            raise self._unfit(url, f"a redirect to {clean(found, LINE)}", "server-redirects")

    def _failed(self, transfer: _Transfer, error: Exception) -> None:
        """Wait before the next try; raises AirgapError when there is none."""
        self.close()
        if transfer.done - transfer.before >= PROGRESS:
            transfer.failed = 0
        transfer.before = transfer.done
        transfer.failed += 1
        text = clean(str(error) or type(error).__name__, LINE)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            raise AirgapError(
                "The web server of the depot is not known to be the right one",
                wanted="a certificate for this name, by an authority that this host trusts",
                found=text,
                where=self.url,
                remedy="name the site's authority (--ca FILE, schedule_ca, deploy_ca), correct the name or the clock",
                code="server-untrusted",
            ) from error
        if transfer.failed >= self.patience.tries:
            raise AirgapError(
                "The web server of the depot does not give this file",
                wanted=f"an answer within {self.patience.seconds:g} s, and all of the file",
                found=f"{text}, {transfer.failed} times",
                where=self.named(transfer.name),
                remedy="see that the server runs and that this host reaches it; then run again: parts that arrived "
                "whole are not fetched again",
                code="server-lost",
            ) from error
        time.sleep(self.patience.pause * 2 ** (transfer.failed - 1))

    def _unfit(self, url: str, found: str, code: str) -> AirgapError:
        self.close()
        return AirgapError(
            "The web server of the depot does not serve its files as they are",
            wanted="the bytes of the file, by this server, without a login, redirects elsewhere and encodings",
            found=found,
            where=url,
            remedy="set the server to serve the folder as static files (nginx: root and gzip off), or correct the URL",
            code=code,
        )


def _tag(response: HTTPResponse) -> str:
    found = response.getheader("ETag") or ""
    return found if TAG.fullmatch(found) else ""


def _date(response: HTTPResponse, name: str) -> str:
    found = response.getheader(name) or ""
    return found if DATE.fullmatch(found) else ""


def _version(response: HTTPResponse) -> str:
    """Return what says in ``If-Range`` that a file is the same: a strong tag, or a date."""
    tag = _tag(response)
    return tag if tag and not tag.startswith("W/") else _date(response, "Last-Modified")
