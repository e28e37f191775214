# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials of channels: they open private channels on a real web server, and stand nowhere afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import without_credentials
from ansible_collections.airgap.conda.plugins.module_utils._environment.make import Outcome, Request, make
from ansible_collections.airgap.conda.plugins.module_utils._solve.backend import RattlerBackend
from ansible_collections.airgap.conda.plugins.module_utils._solve.channels import Channels
from ansible_collections.airgap.conda.plugins.module_utils._solve.credentials import (
    VARIABLE,
    authenticated,
    refuse_in_url,
)
from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.tests.unit.tiny_channel import TinyChannel, write_spec
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_server import PASSWORD, TOKEN, USER, served

pytest.importorskip("rattler")

BASIC = {"BasicHTTP": {"username": USER, "password": PASSWORD}}
CANARIES = (PASSWORD.encode(), TOKEN.encode(), b"canary")


class Private:
    """A private channel on a web server, at two addresses: 127.0.0.1 wants a password, localhost a token."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.prefix = folder, folder / "prefix"
        self.basic, self.token = f"http://127.0.0.1:{port}/basic", f"http://localhost:{port}/token"
        TinyChannel(folder / "server").add("tool", "1.0")
        self.credentials({"127.0.0.1": BASIC, "localhost": {"CondaToken": TOKEN}})

    def credentials(self, content: Any, mode: int = 0o600) -> Path:
        path = self.folder / "credentials.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        return path

    def make(self, channel: str, credentials: bool = True) -> Outcome:
        spec = load_spec(write_spec(self.folder / "demo", f"channels: ['{channel}']\ndependencies: [tool]\n"))
        channels = Channels(spec.channels, "https://channels.invalid", "here")
        cache = self.folder / "cache"
        request = Request(self.prefix, spec, channels, spec.release.target, cache, RattlerBackend(cache))
        with authenticated(str(self.folder / "credentials.json") if credentials else None, "rattler", set()):
            return make(request)

    def refused(self, channel: str, credentials: bool = True) -> AirgapError:
        with pytest.raises(AirgapError) as caught:
            self.make(channel, credentials)
        return caught.value


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Private]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "server").mkdir()
    with served(tmp_path / "server") as port:
        yield Private(tmp_path, port)


def assert_clean(folder: Path, *texts: str) -> None:
    """Look for the canaries in every file but the one with the credentials."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "credentials.json":
            assert not any(canary in path.read_bytes() for canary in CANARIES), path
    for text in texts:
        assert not any(canary.decode() in text for canary in CANARIES), text


@pytest.mark.parametrize("kind", ["basic", "token"])
def test_a_private_channel(private: Private, kind: str) -> None:
    outcome = private.make(getattr(private, kind))
    assert (private.prefix / "share/tool").read_text() == "tool 1.0\n"
    assert f"{getattr(private, kind)}/noarch/tool-1.0-0.tar.bz2#sha256:" in outcome.environment.conda_lock
    assert VARIABLE not in os.environ
    assert_clean(private.folder, outcome.environment.to_text())


@pytest.mark.parametrize("kind", ["basic", "token"])
def test_a_private_channel_from_a_lock(private: Private, kind: str) -> None:
    first = private.make(getattr(private, kind)).environment
    (private.folder / "demo/conda.lock").write_text(first.conda_lock)
    private.prefix = private.folder / "elsewhere"
    (private.folder / "cache").rename(private.folder / "old-cache")
    assert private.make(getattr(private, kind)).environment.inputs_sha256 == first.inputs_sha256
    assert_clean(private.folder)


@pytest.mark.parametrize("kind", ["basic", "token"])
def test_without_credentials_the_channel_is_named(private: Private, kind: str) -> None:
    error = private.refused(getattr(private, kind), credentials=False)
    assert error.code == "channel-unreadable"
    assert str(getattr(private, kind)) in error.problem
    assert "401" in error.found or "403" in error.found
    assert "credentials" in error.remedy


def test_wrong_credentials_are_not_repeated(private: Private) -> None:
    private.credentials({"localhost": {"CondaToken": "canary-wrong"}})
    error = private.refused(private.token)
    assert "403" in error.found
    assert_clean(private.folder, str(error))


def test_netrc(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = private.folder / "credentials.json"  # skipped by the search for canaries
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert private.make(private.basic, credentials=False).changed
    assert_clean(private.folder)


def test_from_the_environment(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    path = private.credentials({"127.0.0.1": {"BasicHTTP": {"username": USER, "password": "${CHANNEL_PASSWORD}"}}})
    monkeypatch.setenv("CHANNEL_PASSWORD", PASSWORD)
    assert private.make(private.basic).changed
    secrets: set[str] = set()
    with authenticated(str(path), "rattler", secrets):
        resolved = Path(os.environ[VARIABLE])
        assert resolved.stat().st_mode & 0o777 == 0o600 or resolved.parent.stat().st_mode & 0o777 == 0o700
    assert not resolved.exists()
    assert PASSWORD in secrets
    monkeypatch.delenv("CHANNEL_PASSWORD")
    error = private.refused(private.basic)
    assert (error.code, error.where) == ("credential-missing", str(path))
    assert "CHANNEL_PASSWORD" in error.wanted


def test_secrets_are_told_in_every_form_they_take(private: Private) -> None:
    secrets: set[str] = set()
    with authenticated(str(private.folder / "credentials.json"), "rattler", secrets):
        pass
    assert secrets >= {PASSWORD, TOKEN, "canary-Pa55%2Fword", "YmFzdGlvbjpjYW5hcnktUGE1NS93b3Jk"}
    assert USER not in secrets


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"h": {"CondaToken": "canary"', "invalid JSON at line 1"),
        ('["canary"]', "another value at the top"),
        ({"h": "canary"}, "another value at h"),
        ({"h": {"Token": "canary"}}, "another value at h"),
        ({"h": {"CondaToken": ""}}, "another value at h"),
        ({"h": {"BasicHTTP": {"username": "canary"}}}, "another value at h"),
        ({"h": {"CondaToken": "a", "BearerToken": "canary"}}, "another value at h"),
    ],
)
def test_a_file_that_cannot_be_used(private: Private, content: Any, found: str) -> None:
    path = private.credentials(content)
    error = private.refused(private.basic)
    assert (error.code, error.found) == ("credentials-unusable", found)
    assert error.where == str(path)
    assert "canary" not in str(error)


def test_a_file_that_others_can_read(private: Private) -> None:
    path = private.credentials({"127.0.0.1": BASIC}, mode=0o640)
    error = private.refused(private.basic)
    assert (error.found, error.remedy) == ("a file that others can read", f"chmod 600 {path}")


def test_a_file_that_is_not_there(private: Private) -> None:
    (private.folder / "credentials.json").unlink()
    assert private.refused(private.basic).found == "No such file or directory"


def test_another_backend_has_its_own(private: Private) -> None:
    path = str(private.folder / "credentials.json")
    with (
        raised("credentials-unused", problem="conda"),
        authenticated(path, "conda", set()),
    ):
        pass


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://me:canary@h/c", {"me:canary", "canary"}),
        ("https://canary@h/c", {"canary"}),
        ("https://h/t/canary/c", {"canary"}),
        ("https://me:can/ary@h/c", {"me:can/ary", "can/ary"}),
        ("https://me:can@ary@h/c", {"me:can@ary", "can@ary"}),
    ],
)
def test_credentials_in_an_address_are_refused(url: str, secrets: set[str]) -> None:
    found: set[str] = set()
    with raised("url-credentials") as caught:
        refuse_in_url(["https://h/c", url], "channels", found)
    assert found == secrets
    assert "ary" not in caught.value.found
    assert caught.value.where == "the parameter channels"


def test_addresses_without_credentials_are_fine() -> None:
    fine = ["conda-forge", "/srv/t/x/y", "https://h/c", "file:///srv/t/x/c", "https://h:8080/c@1", "https://h/c@1"]
    refuse_in_url(fine, "channels", set())
    assert [without_credentials(url) for url in fine] == fine
