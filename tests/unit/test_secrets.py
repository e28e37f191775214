# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets: what tools leave is taken out, what is left is found, and the secret itself is in no message."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils import _secrets
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._secrets import (
    CREDENTIAL,
    SECRET,
    SHORTEST,
    Leak,
    credentials_of,
    find_in_documents,
    find_in_names,
    find_leaks,
    require_none,
    scrub,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

SITE = "lib/python3.11/site-packages"
CANARY = "canary-7f3a9c"
# Each is put together here, so that no scanner of this repository takes it for real.
KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n"
EXAMPLES = {
    "a password in an address": "https://me:" + "pa55word@host.example/simple",
    "a token in the address of a channel": "https://host.example/t/" + "ab-1234/private",
    "a private key": KEY,
    "an AWS access key": "AKIA" + "Z2J4QK7MXTRVN3PD",
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a PyPI token": "pypi-Ag" + "EIcHlwaS5vcmcCJ" * 3,
    "an Anaconda token": "ab-" + "01234567-89ab-cdef-0123-456789abcdef",
    "a Hugging Face token": "hf_" + "aB" * 17,
}


def leaks(tree: Path, *credentials: str, records: Any = ()) -> list[Leak]:
    paths = sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return find_leaks(tree, paths, records, credentials)


def test_every_kind_has_an_example() -> None:
    assert list(EXAMPLES) == list(_secrets.SHAPES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_shape_of_a_secret_is_found_where_no_package_put_it(tmp_path: Path, kind: str) -> None:
    write_tree(tmp_path, {"etc/own.cfg": f"setting = {EXAMPLES[kind]}\n", "etc/plain": "nothing"})
    assert leaks(tmp_path) == [Leak("etc/own.cfg", kind)]
    assert leaks(tmp_path, records=[{"files": ["etc/own.cfg"]}]) == []  # a package's test key is no secret of ours
    assert find_in_documents(tmp_path, ["etc/own.cfg", "etc/plain"], ()) == [Leak("etc/own.cfg", kind)]


@pytest.mark.parametrize(
    "text",
    [
        "https://user:${PASSWORD}@host/simple",
        "https://user:<password>@host/simple",
        "https://user:***@host/simple",
        "https://host/t/<TOKEN>/channel",
        "https://host/t/{token}/channel",
        "https://host.example/simple/",
        "git+ssh://git@host/repository",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN PUBLIC KEY-----",
        "ghp_short",
        "a@b.example: c",
    ],
)
def test_a_place_for_a_secret_is_none(tmp_path: Path, text: str) -> None:
    write_tree(tmp_path, {"etc/own.cfg": text})
    assert leaks(tmp_path) == []


@pytest.mark.parametrize("name", [".netrc", "etc/_netrc"])
def test_a_netrc_has_passwords(tmp_path: Path, name: str) -> None:
    write_tree(tmp_path, {name: "machine host login me password geheim\n", "etc/text": "the password is\n"})
    assert leaks(tmp_path) == [Leak(name, "a password for netrc")]


def test_what_pip_installed_is_owned_but_for_what_was_written_here(tmp_path: Path) -> None:
    info = f"{SITE}/tool-1.0.dist-info"
    secret = EXAMPLES["a password in an address"]
    listed = (
        'tool/key.py,sha256=x,3\r\n../../../bin/tool,,\r\n"tool/a,b.py",,\r\ntool-1.0.dist-info/direct_url.json,,\r\n'
    )
    tree = {
        f"{info}/RECORD": listed,
        f"{info}/direct_url.json": json.dumps({"url": secret}),
        f"{SITE}/tool/key.py": KEY,
        f"{SITE}/tool/a,b.py": KEY,
        f"{SITE}/tool/mine.py": KEY,
        "bin/tool": KEY,
        f"{SITE}/tool/__pycache__/mine.cpython-311.pyc": KEY,
    }
    write_tree(tmp_path, tree)
    assert leaks(tmp_path) == [
        Leak(f"{info}/direct_url.json", "a password in an address"),
        Leak(f"{SITE}/tool/mine.py", "a private key"),
    ]


# --- the build's own credentials -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["bin/tool", "lib/data.bin", "conda-meta/state", f"{SITE}/a/b.pyc", ".hidden"])
def test_a_credential_of_the_build_is_found_in_every_file(tmp_path: Path, place: str) -> None:
    write_tree(tmp_path, {place: b"\x00\xff" + CANARY.encode() + b"\x00", "empty": ""})
    assert leaks(tmp_path, CANARY, records=[{"files": [place]}]) == [Leak(place, CREDENTIAL)]
    assert leaks(tmp_path, "another-one", records=[{"files": [place]}]) == []


@pytest.mark.parametrize("offset", [-20, -13, -7, -1, 0, 1])
def test_a_credential_across_two_blocks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: int) -> None:
    monkeypatch.setattr(_secrets, "BLOCK", 64)
    write_tree(tmp_path, {"data": b"x" * (128 + offset) + CANARY.encode() + b"x" * 100})
    assert leaks(tmp_path, CANARY, "z" * 40) == [Leak("data", CREDENTIAL)]


def test_a_credential_is_found_in_names_and_not_repeated(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a/token-pa%40ss/file": "x", "a/pa@ss": None, "link": Path("/home/pa@ss"), "plain": "pa@ss"})
    paths = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    shown = ["a/***", "a/token-***", "a/token-***/file", "link"]
    assert find_in_names(tmp_path, paths, ["pa@ss"]) == [Leak(path, CREDENTIAL) for path in shown]
    assert find_in_names(tmp_path, paths, []) == find_in_names(tmp_path, paths, ["another"]) == []


def test_a_credential_is_found_as_addresses_have_it(tmp_path: Path) -> None:
    write_tree(tmp_path, {"data": "x pa%40ss%2Fword x"})
    assert leaks(tmp_path, "pa@ss/word") == [Leak("data", CREDENTIAL)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with an empty home and none of the variables."""
    for name in (*_secrets.ADDRESSES, *_secrets.NAMED, "NETRC", "RATTLER_AUTH_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(_secrets, "CONFIGURATIONS", [name for name in _secrets.CONFIGURATIONS if name[0] == "~"])
    return tmp_path / "home"


def test_credentials_come_from_the_file(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "from-environment")
    data = {
        "a.example": {"BasicHTTP": {"username": "somebody-special", "password": "from/file"}},
        "b.example": {"BearerToken": "${TOKEN}"},
        "c.example": {"CondaToken": "short"},
    }
    assert not home.exists()
    (tmp_path / "auth.json").write_text(json.dumps(data), encoding="ascii")
    (tmp_path / "auth.json").chmod(0o600)
    found = set(credentials_of(str(tmp_path / "auth.json")))
    assert {"from/file", "from-environment"} <= found
    assert not {"somebody-special", "short"} & found
    assert len("short") < SHORTEST
    (tmp_path / "auth.json").write_text("{", encoding="ascii")
    with pytest.raises(AirgapError, match="cannot be used"):
        credentials_of(str(tmp_path / "auth.json"))


def test_credentials_come_from_what_conda_and_pip_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert credentials_of(None) == ()
    tree = {
        ".condarc": "channels:\n  - https://conda.example/t/from-condarc/main\n",
        ".config/pip/pip.conf": "[global]\nindex-url = https://me:from-pip%2Fconf@pip.example/simple\n",
        ".netrc": "machine a.example\n  login me\n  password from-netrc\n",
        "named": "https://me:from-named@pip.example/",
    }
    write_tree(home, tree)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://me:from-variable@pip.example/simple https://pip.example/x")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(home / "named"))
    assert credentials_of(None) == ("from-condarc", "from-named", "from-netrc", "from-pip/conf", "from-variable")


# --- scrubbing -------------------------------------------------------------------------------------------------------


def test_tools_records_lose_their_credentials_and_nothing_else(tmp_path: Path) -> None:
    address = "https://me:" + "geheim@host.example/t/" + "tok-123/main/linux-64/a-1.conda"
    plain = "https://host.example/main/linux-64/a-1.conda"
    places = [
        "conda-meta/a-1-0.json", "conda-meta/history", "conda-meta/state", ".condarc", "pip.conf",
        f"{SITE}/a-1.dist-info/direct_url.json",
    ]  # fmt: skip
    text = '{{"url": "{0}", "other": "{0}", "mail": "a@b.example"}}\n'
    write_tree(tmp_path, {name: text.format(address) for name in places} | {f"{SITE}/a/doc.py": address})
    (tmp_path / "conda-meta/binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "conda-meta/a-1-0.json").chmod(0o600)
    (tmp_path / "cached").hardlink_to(tmp_path / "pip.conf")
    scrub(tmp_path)
    for name in places:
        assert (tmp_path / name).read_text(encoding="ascii") == text.format(plain), name
    assert (tmp_path / f"{SITE}/a/doc.py").read_text(encoding="ascii") == address  # what a package says is its own
    assert (tmp_path / "conda-meta/binary").read_bytes() == b"\xff\xfe\x00"
    assert (tmp_path / "conda-meta/a-1-0.json").stat().st_mode & 0o777 == 0o600
    assert "geheim" in (tmp_path / "cached").read_text(
        encoding="ascii"
    )  # the tree is made of links: replaced, not written
    assert leaks(tmp_path, "geheim", records=[{"files": [f"{SITE}/a/doc.py", "cached"]}])[0].path == "cached"


def test_a_link_is_not_followed_out_of_the_tree(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("https://me:geheim@host/", encoding="ascii")
    write_tree(tmp_path / "tree", {"conda-meta": None})
    os.symlink(outside, tmp_path / "tree/conda-meta/history")
    scrub(tmp_path / "tree")
    assert "geheim" in outside.read_text(encoding="ascii")
    assert (tmp_path / "tree/conda-meta/history").is_symlink()


# --- the refusal -----------------------------------------------------------------------------------------------------


def test_a_release_with_secrets_is_refused_without_repeating_them() -> None:
    found = [Leak("etc/a", "a private key"), Leak("etc/b", CREDENTIAL)]
    with pytest.raises(AirgapError, match="demo 1 would carry secrets") as caught:
        require_none(found, "demo 1", "the tree", {})
    assert caught.value.found == "etc/a (a private key), etc/b (a credential that this build used)"
    assert caught.value.where == "the tree"
    assert "allow" not in caught.value.remedy  # not for a credential of the build


def test_what_is_no_credential_of_the_build_is_allowed_with_a_reason() -> None:
    key, credential = Leak("etc/a", "a private key"), Leak("etc/b", CREDENTIAL)
    with pytest.raises(AirgapError) as caught:
        require_none([key], "demo 1", "the tree", {"other": "x"})
    assert f"allow: {{{SECRET}: the reason}}" in caught.value.remedy
    (finding,) = require_none([key], "demo 1", "the tree", {SECRET: "only for tests"})
    assert (finding.name, finding.level, finding.allowed) == (SECRET, "error", "only for tests")
    assert finding.what == "a private key in etc/a"
    with pytest.raises(AirgapError) as caught:
        require_none([key, credential], "demo 1", "the tree", {SECRET: "only for tests"})
    assert caught.value.found == "etc/b (a credential that this build used)"
    assert require_none([], "demo 1", "the tree", {}) == []


def test_of_many_files_the_first_ten_are_named() -> None:
    with pytest.raises(AirgapError) as caught:
        require_none([Leak(f"f{n}", "a private key") for n in range(13)], "demo 1", "the tree", {})
    assert caught.value.found.count("private key") == 10
    assert caught.value.found.endswith("and 3 more")
