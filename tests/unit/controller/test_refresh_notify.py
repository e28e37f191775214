# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who hears of a refresh that is not complete, as users run it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_host import Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import skip_flushes


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return a host without anything."""
    skip_flushes(monkeypatch)
    return Host(tmp_path)


class _Heard(http.server.BaseHTTPRequestHandler):
    """Stand-in for a chat's address: keeps what was sent."""

    bodies: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        """Keep the body."""
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """Return an address that keeps what is sent to it."""
    _Heard.bodies.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), _Heard) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook/s3cret"
        server.shutdown()


def failing(host: Host) -> dict[str, Any]:
    """Return the settings of a refresh that cannot build."""
    settings = host.signed(host.make(1))
    settings |= {"build_depot": str(host.folder / "b"), "build_signing_key": str(host.folder / "key")}
    return settings | {"refresh_side": "bastion", "build_envs": ["demo"], "build_python": "/nonexistent"}


def test_a_refresh_that_fails_tells_a_web_address(host: Host, address: str) -> None:
    done = host.play("airgap.conda.refresh", "-v", **failing(host), refresh_notify_url=address)
    assert done.returncode == 2
    assert "The refresh is not complete. " in done.output
    (body,) = _Heard.bodies
    assert body["side"] == "bastion"
    assert body["found"][0].startswith("build: demo: ")
    assert body["text"].startswith("The refresh is not complete. ")
    assert "s3cret" not in done.output


def test_who_cannot_be_told_keeps_nothing_back(host: Host) -> None:
    unheard = {"refresh_notify_url": "http://127.0.0.1:1/", "refresh_notify_mail_to": "root"}
    unheard |= {"refresh_notify_mail_port": "1"}
    done = host.play("airgap.conda.refresh", **failing(host), **unheard)
    assert done.returncode == 2
    assert "The refresh is not complete. " in done.output
    assert "The mail was not sent. " in done.output
