# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a web server: whole or one clear error, whatever the server sends, and never without an end."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._source import server as _server
from ansible_collections.airgap.conda.plugins.module_utils._source.address import require_url
from ansible_collections.airgap.conda.plugins.module_utils._source.server import Answer, Patience, Server
from ansible_collections.airgap.conda.tests.unit.tiny_web import Handler, Web, served

PART = bytes(range(256)) * 4000
QUICK = Patience(seconds=0.5, tries=3, pause=0.01)
LIMIT = 2 * len(PART)
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    (folder / "part").write_bytes(PART)
    return folder


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Web]:
    with served(folder) as web:
        yield web


@pytest.fixture
def web(shared: Web) -> Iterator[Web]:
    yield shared
    shared.answers, shared.is_plain = lambda _handler: False, False
    shared.asked.clear()


def get(web: Web, size: int | None = len(PART), patience: Patience = QUICK) -> bytes:
    return b"".join(Server(web.url, patience=patience).blocks("part", LIMIT, size))


@pytest.mark.parametrize("is_plain", [False, True])
def test_a_file_comes_whole_over_one_connection(web: Web, is_plain: bool) -> None:
    web.is_plain = is_plain
    server = Server(web.url)
    for _time in range(2):
        assert b"".join(server.blocks("part", LIMIT)) == PART
    assert web.paths() == ["/part", "/part"]
    with pytest.raises(FileFault, match="missing"):
        list(server.blocks("other", LIMIT))


def cut(times: int, at: int = 300_000) -> Callable[[Handler], bool]:
    """Return what cuts off the first answers after ``at`` bytes."""
    left = [times]

    def answer(handler: Handler) -> bool:
        if not left[0]:
            return False
        left[0] -= 1
        begin = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
        tag = 'ETag: "1"\r\n'
        if begin:
            head = f"HTTP/1.1 206 Part\r\nContent-Range: bytes {begin}-{len(PART) - 1}/{len(PART)}\r\n"
        else:
            head = "HTTP/1.1 200 OK\r\n"
        length = f"Content-Length: {len(PART) - begin}\r\n\r\n"
        handler.raw((head + tag + length).encode(), PART[begin : begin + at])
        return True

    return answer


@pytest.mark.parametrize("is_plain", [False, True])
def test_a_transfer_that_is_cut_off_goes_on_where_it_stopped(web: Web, is_plain: bool) -> None:
    web.is_plain, web.answers = is_plain, cut(2)
    assert get(web) == PART
    asked = [headers.get("range") for _path, headers in web.asked]
    assert asked == [None, "bytes=300000-", "bytes=600000-"]
    assert web.asked[1][1]["if-range"] == '"1"'


def test_a_server_that_is_down_for_good_is_told_so_after_some_tries(web: Web) -> None:
    web.answers = cut(9, at=0)
    with pytest.raises(AirgapError) as caught:
        get(web)
    assert (caught.value.code, caught.value.where) == ("server-lost", f"{web.url}/part")
    assert len(web.asked) == 3


def test_nobody_at_the_other_end(folder: Path) -> None:
    with served(folder) as web:
        pass
    with pytest.raises(AirgapError) as caught:
        get(web)
    assert caught.value.code == "server-lost"
    assert "refused" in caught.value.found


def busy(handler: Handler) -> bool:
    if len(handler.web.asked) > 2:
        return False
    handler.say(503, b"")
    return True


def test_a_server_with_a_bad_moment_is_asked_again(web: Web) -> None:
    web.answers = busy
    assert get(web) == PART


def drip(*pieces: bytes, forever: bytes = b"") -> Callable[[Handler], bool]:
    """Return what sends pieces, then one byte after another, slowly and without an end."""

    def answer(handler: Handler) -> bool:
        handler.raw(*pieces)
        end = time.monotonic() + 300
        while forever and time.monotonic() < end:
            handler.wfile.write(forever)
            time.sleep(0.05)
        return True

    return answer


def say(status: int, body: bytes = PART, **headers: str) -> Callable[[Handler], bool]:
    def answer(handler: Handler) -> bool:
        handler.say(status, body, {name.replace("_", "-"): text for name, text in headers.items()})
        return True

    return answer


HOSTILE = {
    "head without an end": (drip(HEAD, forever=b"X: y\r\n"), "server-lost"),
    "head of continues without an end": (drip(forever=b"HTTP/1.1 100 Continue\r\n\r\n"), "server-lost"),
    "head byte by byte": (drip(b"H", forever=b"T"), "server-lost"),
    "many heads": (drip(HEAD, *[b"A: b\r\n"] * 200), "server-lost"),
    "long head": (drip(HEAD, b"A: ", b"b" * 70_000), "server-lost"),
    "no http": (drip(b"SSH-2.0-OpenSSH_9.2\r\n"), "server-lost"),
    "body byte by byte": (drip(HEAD, f"Content-Length: {len(PART)}\r\n\r\n".encode(), forever=b"x"), "server-lost"),
    "body without a length": (drip(HEAD, b"\r\n", PART), "server-no-length"),
    "chunks": (drip(HEAD, b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", PART), "server-no-length"),
    "length that is none": (drip(HEAD, b"Content-Length: -1\r\n\r\n"), "server-no-length"),
    "packed": (say(200, Content_Encoding="gzip"), "server-encodes"),
    "login": (say(401), "server-refuses"),
    "forbidden": (say(403), "server-refuses"),
    "a part of a whole": (say(206, Content_Range=f"bytes 0-{len(PART) - 1}/{len(PART)}"), "server-refuses"),
    "nothing new to who knows nothing": (say(304, b""), "server-refuses"),
    "redirect to somebody else": (say(302, b"", Location="http://169.254.169.254/part"), "server-redirects"),
    "redirect to another port": (say(302, b"", Location="http://127.0.0.1:1/part"), "server-redirects"),
    "redirect to a file": (say(302, b"", Location="file:///etc/passwd"), "server-redirects"),
    "redirect to nowhere": (say(302, b""), "server-redirects"),
    "redirect with control characters": (say(302, b"", Location="/a\x01b"), "server-redirects"),
    "redirect in a circle": (say(301, b"", Location="/part"), "server-redirects"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_server_is_one_clear_error_and_soon(web: Web, name: str) -> None:
    web.answers, code = HOSTILE[name]
    began = time.monotonic()
    with pytest.raises(AirgapError) as caught:
        get(web, patience=Patience(seconds=0.3, tries=1))
    assert caught.value.code == code, caught.value
    assert time.monotonic() - began < 100
    assert all(len(text) < 1000 and "\x01" not in text for text in caught.value.fields().values())


@pytest.mark.parametrize("length", [len(PART) - 1, len(PART) + 1, 10**15])
def test_a_file_of_another_size_is_not_begun(web: Web, length: int) -> None:
    web.answers = drip(HEAD, f"Content-Length: {length}\r\n\r\n".encode(), PART)
    with pytest.raises(FileFault, match=f"{length} bytes"):
        get(web)
    with pytest.raises(FileFault, match="more than"):
        list(Server(web.url).blocks("part", 10, None))


def test_a_redirect_on_the_same_server_is_followed(web: Web) -> None:
    def answer(handler: Handler) -> bool:
        return handler.path == "/part" and say(302, b"", Location="/moved/part")(handler)

    (web.folder / "moved").mkdir()
    shutil.copy(web.folder / "part", web.folder / "moved/part")
    web.answers = answer
    assert get(web) == PART


def test_a_redirect_elsewhere_is_told_and_not_asked_of_this_server(web: Web) -> None:
    def answer(handler: Handler) -> bool:
        return handler.path == "/part" and say(302, b"", Location="https://127.0.0.1:1/part?again")(handler)

    web.answers = answer
    with pytest.raises(AirgapError) as caught:
        get(web)
    assert caught.value.code == "server-redirects"
    web.answers = lambda handler: handler.path == "/part" and say(302, b"", Location="//127.0.0.1:1/other")(handler)
    with pytest.raises(AirgapError) as caught:
        get(web)
    assert [path for path, _headers in web.asked] == ["/part", "/part"]


@pytest.mark.parametrize("told", ["bytes 0-9/10", "", "bytes 5-", "bytes 300000-300009/99", "x" * 5000])
def test_a_rest_that_is_another_one_is_refused(web: Web, told: str) -> None:
    first = cut(1)

    def answer(handler: Handler) -> bool:
        return first(handler) or say(206, PART[300_000:], Content_Range=told)(handler)

    web.answers = answer
    with pytest.raises(AirgapError) as caught:
        get(web)
    assert caught.value.code == "server-range"


def test_a_file_that_became_shorter_meanwhile(web: Web) -> None:
    first = cut(1)
    web.answers = lambda handler: first(handler) or say(416, b"")(handler)
    with pytest.raises(FileFault, match="no more than 300000"):
        get(web)


def test_a_cut_while_what_is_known_is_passed_over_loses_nothing(web: Web) -> None:
    """A server without ranges sends all again; it may be cut off before it comes to what is new."""
    ends = iter([500_000, 200_000, 700_000, len(PART)])

    def answer(handler: Handler) -> bool:
        handler.raw(HEAD, f"Content-Length: {len(PART)}\r\n\r\n".encode(), PART[: next(ends)])
        return True

    web.answers = answer
    assert get(web, patience=Patience(0.5, 4, 0.01)) == PART


def test_one_that_is_cut_again_and_again_goes_on_while_there_is_progress(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.answers = cut(9, at=100_000)
    monkeypatch.setattr(_server, "PROGRESS", 100_000)
    assert get(web) == PART


def test_a_small_file_that_is_as_it_was_is_not_sent_again(web: Web) -> None:
    server = Server(web.url)
    first = server.small("part", LIMIT)
    assert (first.data, bool(first.tag)) == (PART, True)
    assert server.small("part", LIMIT, first).data is None
    assert server.small("part", LIMIT, Answer(PART, '"other"')).data == PART
    web.is_plain = True
    plain = server.small("part", LIMIT)
    assert (plain.tag, bool(plain.modified)) == ("", True)
    assert server.small("part", LIMIT, plain).data is None


def test_what_a_server_names_a_file_is_not_sent_back_unless_it_is_plain(web: Web) -> None:
    web.answers = say(200, ETag='"a\x01b"', Last_Modified="x" * 5000)
    found = Server(web.url).small("part", LIMIT)
    assert (found.tag, found.modified) == ("", "")


@pytest.mark.parametrize(
    "text",
    ["http://u:secret@h/d", "http://h:99999/d", "http:///d", "http://h/d?token=secret", "http://h/d#x", "http://h/ d"],
)
def test_an_address_has_no_secrets_and_is_one(text: str) -> None:
    with pytest.raises(AirgapError) as caught:
        require_url(text)
    assert caught.value.code == "url-unusable"
    assert not any("u:secret" in found for found in caught.value.fields().values())


def test_no_proxy_of_the_environment_is_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert get(web) == PART


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Path:
    """A site's authority, which is its only certificate too; its key is in the same file."""
    path = folder.parent / "site.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-subj", "/CN=site", "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(path)]
    words += ["-keyout", f"{path}.key"]
    subprocess.run(words, check=True, capture_output=True)
    both = folder.parent / "both.pem"
    both.write_bytes(path.read_bytes() + Path(f"{path}.key").read_bytes())
    return path


def test_a_server_is_known_by_the_sites_authority(folder: Path, certificate: Path) -> None:
    with served(folder, certificate=certificate.with_name("both.pem")) as web:
        for ca, code in ((str(certificate), ""), ("", "server-untrusted"), (str(folder / "part"), "ca-unusable")):
            server = Server(web.url, ca, QUICK)
            try:
                found: Any = b"".join(server.blocks("part", LIMIT)) == PART and ""
            except AirgapError as error:
                found = error.code
            assert found == code
            server.close()
