# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who hears of a refresh that is not complete, as users run it.

The module that mails is community.general's where TEST_COLLECTIONS names a folder of collections that has it; else a
stand-in with its options, which sends by Python's smtplib as that one does. The server that takes the mail is real.
"""

from __future__ import annotations

import email
import email.policy
import http.server
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit import tiny_host
from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
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


class _Mails(socketserver.StreamRequestHandler):
    """A mail server for one mail: keeps to whom it was sent, and its text."""

    heard: ClassVar[list[tuple[list[str], str]]] = []

    def handle(self) -> None:
        """Do what RFC 5321 wants of a server at least."""
        to: list[str] = []
        self.say(220)
        for line in iter(self.rfile.readline, b""):
            word, _space, rest = line.decode().strip().partition(" ")
            if word.upper() == "DATA":
                self.say(354)
                text = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                self.heard.append((to, text))
            elif rest.upper().startswith("TO:"):
                to.append(rest[3:].strip("<>"))
            self.say(221 if word.upper() == "QUIT" else 250)

    def say(self, code: int) -> None:
        """Answer."""
        self.wfile.write(f"{code} mail.example\r\n".encode())


MAIL = """\
#!/usr/bin/python
DOCUMENTATION = "module: mail\\nshort_description: stand-in\\noptions: {}"
import smtplib
from email.message import EmailMessage
from ansible.module_utils.basic import AnsibleModule

def main():
    texts = {name: dict(type="str") for name in ("host", "sender", "subject", "body")}
    spec = dict(texts, port=dict(type="int"), timeout=dict(type="int"), to=dict(type="list", elements="str"))
    module = AnsibleModule(argument_spec=spec)
    mail = EmailMessage()
    mail["From"], mail["To"] = module.params["sender"], ", ".join(module.params["to"])
    mail["Subject"] = module.params["subject"]
    mail.set_content(module.params["body"])
    with smtplib.SMTP(module.params["host"], module.params["port"], timeout=module.params["timeout"]) as server:
        server.send_message(mail)
    module.exit_json()

main()
"""


@pytest.fixture
def mail_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return the port of a mail server on this machine; Ansible finds a module that mails."""
    _Mails.heard.clear()
    folder = os.environ.get("TEST_COLLECTIONS", str(tmp_path / "collections"))
    if "TEST_COLLECTIONS" not in os.environ:
        module = tmp_path / "collections/ansible_collections/community/general/plugins/modules/mail.py"
        module.parent.mkdir(parents=True)
        module.write_text(MAIL, encoding="ascii")
    monkeypatch.setattr(tiny_host, "COLLECTIONS", f"{COLLECTIONS}:{folder}")
    with socketserver.TCPServer(("127.0.0.1", 0), _Mails) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def failing(host: Host) -> dict[str, Any]:
    """Return the settings of a refresh that cannot build."""
    settings = host.signed(host.make(1))
    settings |= {"build_depot": str(host.folder / "b"), "build_signing_key": str(host.folder / "key")}
    return settings | {"refresh_side": "bastion", "build_envs": ["demo"], "build_python": "/nonexistent"}


def test_a_refresh_that_fails_tells_a_web_address_and_a_mailbox(host: Host, address: str, mail_port: int) -> None:
    runtime = host.make(1, env="runtime", tree=RUNTIME, formats=("tar.gz",))
    settings = {**host.signed(runtime, host.make(1, glibc="99.9")), "refresh_side": "controller"}
    mail = {"refresh_notify_mail_to": "ops@site.example", "refresh_notify_mail_port": mail_port}
    mail |= {"refresh_notify_mail_host": "127.0.0.1", "refresh_notify_mail_from": "conda@site.example"}
    done = host.play("airgap.conda.refresh", "-v", **settings, **mail, refresh_notify_url=address)
    assert done.returncode == 2
    assert "The refresh is not complete. " in done.output
    (body,) = _Heard.bodies
    assert body["side"] == "controller"
    assert body["found"][0].startswith("ws1: ")
    assert body["text"].startswith("The refresh is not complete. ")
    assert "s3cret" not in done.output
    ((to, text),) = _Mails.heard
    found = email.message_from_string(text, policy=email.policy.default)
    part = found.get_body()
    assert part is not None
    lines = part.get_content().splitlines()
    assert (to, found["From"], found["Subject"]) == (
        ["ops@site.example"],
        "conda@site.example",
        "The refresh is not complete",
    )
    # What is wrong with each host, where to look, what to do.
    assert [line for line in lines if line.startswith("- ws1: demo 1-00000001 does not run")]
    assert [line for line in lines if line.startswith("Where: ") and "report" in line]
    assert [line for line in lines if line.startswith("Remedy: ") and len(line) > 20]


def test_who_cannot_be_told_keeps_nothing_back(host: Host) -> None:
    unheard = {"refresh_notify_url": "http://127.0.0.1:1/", "refresh_notify_mail_to": "root"}
    unheard |= {"refresh_notify_mail_port": "1"}
    done = host.play("airgap.conda.refresh", **failing(host), **unheard)
    assert done.returncode == 2
    assert "The refresh is not complete. " in done.output
    assert "The mail was not sent. " in done.output
