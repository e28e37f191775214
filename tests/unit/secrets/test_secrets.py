# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets: what tools leave is taken out, what is left is found, and the secret itself is in no message."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._secrets import members
from ansible_collections.airgap.conda.plugins.module_utils._secrets.forms import CREDENTIAL, WORD
from ansible_collections.airgap.conda.plugins.module_utils._secrets.search import (
    SECRET,
    UNSEARCHED,
    Leak,
    find_in_names,
    find_leaks,
    require_none,
    scrub,
)
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

SITE = "lib/python3.11/site-packages"
CANARY = "canary-7f3a9c"
# Each is put together here, so that no scanner of this repository takes it for real.
KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n"


def leaks(tree: Path, *credentials: str, records: Any = ()) -> list[Leak]:
    paths = sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return find_leaks(tree, paths, records, credentials)


@pytest.mark.parametrize("name", [".netrc", "etc/_netrc"])
def test_a_netrc_has_passwords(tmp_path: Path, name: str) -> None:
    write_tree(tmp_path, {name: "machine host login me password geheim\n", "etc/text": "the password is\n"})
    assert leaks(tmp_path) == [Leak(name, "a password for netrc")]


def test_what_pip_installed_is_owned_but_for_what_was_written_here(tmp_path: Path) -> None:
    info = f"{SITE}/tool-1.0.dist-info"
    secret = "https://me:" + "pa55word@host.example/simple"
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
        Leak(f"{info}/direct_url.json", "a password in a URL"),
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
    monkeypatch.setattr(members, "BLOCK", 64)
    write_tree(tmp_path, {"data": b"x" * (128 + offset) + CANARY.encode() + b"x" * 100})
    assert leaks(tmp_path, CANARY, "z" * 40) == [Leak("data", CREDENTIAL)]


def test_a_credential_is_found_in_names_and_not_repeated(tmp_path: Path) -> None:
    tree = {"a/token-pa%40ss1/file": "x", "a/pa@ss1": None, "link": Path("/home/pa@ss1"), "plain": "pa@ss1"}
    write_tree(tmp_path, tree)
    paths = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    shown = ["a/***", "a/token-***", "a/token-***/file", "link"]
    assert find_in_names(tmp_path, paths, ["pa@ss1"]) == [Leak(path, CREDENTIAL) for path in shown]
    assert find_in_names(tmp_path, paths, []) == find_in_names(tmp_path, paths, ["another"]) == []


def test_a_credential_is_found_as_addresses_have_it(tmp_path: Path) -> None:
    write_tree(tmp_path, {"data": "x pa%40ss%2Fword x"})
    assert leaks(tmp_path, "pa@ss/word") == [Leak("data", CREDENTIAL)]


def test_a_credential_is_found_as_addresses_have_it_in_a_file_of_a_package(tmp_path: Path) -> None:
    write_tree(tmp_path, {"data": "x pa%40ss%2Fword x"})
    assert leaks(tmp_path, "pa@ss/word", records=[{"files": ["data"]}]) == [Leak("data", CREDENTIAL)]


def test_a_credential_is_masked_in_the_name_of_the_file_that_has_it(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"etc/{CANARY}.txt": f"x={CANARY}"})
    assert leaks(tmp_path, CANARY) == [Leak("etc/***.txt", CREDENTIAL)]


@pytest.mark.parametrize("password", ["geh3m", "hello", "abc", "1234"])
@pytest.mark.parametrize(
    "text",
    [
        "https://me:{}@host.example/simple", "proxy = me:{}@proxy.example:3128", "password = {}\n", "PASSWD='{}'",
        '{{"password": "{}"}}', "machine a login me password {}", '_authToken: "{}"', "https://host.example/t/{}/main",
        "https://{}@host.example/simple",
    ],
)  # fmt: skip
def test_a_short_password_is_found_where_passwords_stand(tmp_path: Path, text: str, password: str) -> None:
    write_tree(tmp_path, {"share/state": text.format(password)})
    assert Leak("share/state", CREDENTIAL) in leaks(tmp_path, password)
    # A package may have the same example in its documents: that may be allowed.
    assert leaks(tmp_path, password, records=[{"files": ["share/state"]}]) == [Leak("share/state", WORD)]


def test_a_short_password_is_a_word_elsewhere_and_may_be_allowed(tmp_path: Path) -> None:
    write_tree(tmp_path, {"own": "say hello, friend", "package": "say hello, friend", "part": "othello", "h": "ello"})
    found = leaks(tmp_path, "hello", "h", records=[{"files": ["package"]}])
    assert found == [Leak("own", WORD)]
    assert require_none(found, "demo 1", "the tree", {SECRET: "an ordinary word"})[0].allowed == "an ordinary word"
    with raised("secrets-found"):
        require_none(found, "demo 1", "the tree", {})


def test_the_shape_of_a_secret_is_found_in_text_of_sixteen_bits(tmp_path: Path) -> None:
    write_tree(tmp_path, {"own": KEY.encode("utf-16"), "package": KEY.encode("utf-16")})
    assert leaks(tmp_path, records=[{"files": ["package"]}]) == [Leak("own", "a private key")]


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64 twice": lambda data: base64.b64encode(base64.b64encode(data)),
    "base64 in lines": lambda data: base64.encodebytes(b"x" * 60 + b"\n" + data),
    "base64 for addresses": base64.urlsafe_b64encode,
    "hex": lambda data: data.hex().encode(),
    "an address": lambda data: quote(data, safe="").encode(),
    "an address, every character": lambda data: b"".join(b"%%%02x" % byte for byte in data),
    "JSON": lambda data: b"".join(b"\\u%04x" % byte for byte in data),
    "a string of C": lambda data: b"".join(b"\\x%02x" % byte for byte in data),
    "HTML": lambda data: b"".join(b"&#x%x;" % byte for byte in data),
    "UTF-16 of base64": lambda data: base64.b64encode(data).decode().encode("utf-16-be"),
    "base64 in gzip": lambda data: gzip.compress(base64.b64encode(data)),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_secrets_are_found_in_whatever_way_a_text_is_written(tmp_path: Path, encoding: str) -> None:
    encode = ENCODINGS[encoding]
    tree = {"key": encode(KEY.encode() + b"\nMIIE"), "own": encode(b'x = "geheim-' + CANARY.encode() + b'"\n')}
    write_tree(tmp_path, tree)
    assert {leak.path for leak in leaks(tmp_path, CANARY)} >= {"key", "own"}
    assert {leak.kind for leak in leaks(tmp_path, CANARY)} == {"a private key", CREDENTIAL}


def test_a_long_text_in_base64_is_read_across_blocks(tmp_path: Path) -> None:
    text = b"nothing here\n" * 200_000 + KEY.encode() + b"\n"
    for cut in range(4):
        write_tree(tmp_path, {f"own{cut}": base64.b64encode(b"x" * cut + text)})
    assert leaks(tmp_path) == [Leak(f"own{cut}", "a private key") for cut in range(4)]


def test_byte_code_is_looked_at_when_its_source_is_not_there(tmp_path: Path) -> None:
    tree = {f"a/__pycache__/{name}.cpython-311.pyc": KEY for name in ("with", "without")}
    write_tree(tmp_path, tree | {"a/with.py": ""})
    assert leaks(tmp_path) == [Leak("a/__pycache__/without.cpython-311.pyc", "a private key")]


@pytest.mark.parametrize("form", ["as it is", "base64", "UTF-16", "gzip"])
def test_a_library_of_a_package_is_searched_for_credentials_as_they_are(tmp_path: Path, form: str) -> None:
    content = {
        "as it is": CANARY.encode(),
        "base64": base64.b64encode(CANARY.encode()),
        "UTF-16": CANARY.encode("utf-16-le"),
        "gzip": gzip.compress(CANARY.encode()),
    }[form]
    files = {"lib/a.so": b"\x7fELF" + content, "lib/a.dat": b"x" + content, "lib/own.so": b"\x7fELF" + content}
    write_tree(tmp_path, files)
    found = {leak.path for leak in leaks(tmp_path, CANARY, records=[{"files": ["lib/a.so", "lib/a.dat"]}])}
    wanted = {"as it is": set(files), "gzip": set()}.get(form, {"lib/a.dat", "lib/own.so"})
    assert found == wanted


# --- packed files ----------------------------------------------------------------------------------------------------


def test_what_is_packed_in_a_file_is_searched_for_all(tmp_path: Path) -> None:
    tree = {"own.gz": gzip.compress(KEY.encode()), "package.gz": gzip.compress(f"x {CANARY}".encode())}
    write_tree(tmp_path, tree)
    assert leaks(tmp_path, CANARY, records=[{"files": ["package.gz"]}]) == [
        Leak("own.gz", "a private key"),
        Leak("package.gz", CREDENTIAL),
    ]


def test_what_is_too_much_to_search_is_told_of_files_that_no_package_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "LARGEST", 100_000)
    write_tree(tmp_path, {name: gzip.compress(bytes(200_000)) + CANARY.encode() for name in ("own", "package")})
    found = leaks(tmp_path, CANARY, records=[{"files": ["package"]}])
    assert found == [Leak("own", CREDENTIAL), Leak("own", UNSEARCHED), Leak("package", CREDENTIAL)]


def test_a_key_behind_megabytes_is_found(tmp_path: Path) -> None:
    write_tree(tmp_path, {"own": b"x" * (9 << 20) + KEY.encode()})
    assert leaks(tmp_path) == [Leak("own", "a private key")]


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
    with raised("secrets-found", problem="demo 1") as caught:
        require_none(found, "demo 1", "the tree", {})
    assert caught.value.found == "etc/a (a private key), etc/b (a credential that this build used)"
    assert caught.value.where == "the tree"
    assert "allow" not in caught.value.remedy  # not for a credential of the build


def test_what_is_no_credential_of_the_build_is_allowed_with_a_reason() -> None:
    key, credential = Leak("etc/a", "a private key"), Leak("etc/b", CREDENTIAL)
    with raised("secrets-found") as caught:
        require_none([key], "demo 1", "the tree", {"other": "x"})
    assert f"allow: {{{SECRET}: the reason}}" in caught.value.remedy
    (finding,) = require_none([key], "demo 1", "the tree", {SECRET: "only for tests"})
    assert (finding.name, finding.level, finding.allowed) == (SECRET, "error", "only for tests")
    assert finding.what == "a private key in etc/a"
    with raised("secrets-found") as caught:
        require_none([key, credential], "demo 1", "the tree", {SECRET: "only for tests"})
    assert caught.value.found == "etc/b (a credential that this build used)"
    assert require_none([], "demo 1", "the tree", {}) == []


def test_of_many_files_the_first_ten_are_named() -> None:
    with raised("secrets-found") as caught:
        require_none([Leak(f"f{n}", "a private key") for n in range(13)], "demo 1", "the tree", {})
    assert caught.value.found.count("private key") == 10
    assert caught.value.found.endswith("and 3 more")
