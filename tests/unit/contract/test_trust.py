# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trusted core: each refusal once, each step that comes too early, and that it touches nothing but bytes."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault, Item
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import program
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry, write_files
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SIGNATURE,
    Manifest,
    Part,
    Payload,
    Requirements,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import (
    OtherContentError,
    OutOfOrderError,
    TrustedRelease,
)
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

FOLDER = "/depot/demo/1-00000001"
PART = b"a part of a payload"
LOCK = b"a document"
LIST = write_files([FileEntry("bin", "dir", 0o755), FileEntry("bin/l", "symlink", target="x")])
SIGNED = b"a signature"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


MADE = Manifest(
    env="demo",
    id="1-00000001",
    serial=1,
    prefix="/opt/demo/1-00000001",
    platform="linux-64",
    created="2026-01-01T00:00:00Z",
    inputs={},
    requirements=Requirements(),
    packages=(),
    payloads=(
        Payload("tar.zst", len(PART), sha256(PART), (Part("env.tar.zst.000", len(PART), sha256(PART)),)),
    ),
    bytes=1,
    files=2,
    files_sha256=sha256(LIST),
    documents={"conda.lock": sha256(LOCK)},
)  # fmt: skip
DATA = MADE.to_json().encode()
BODY = {"env.tar.zst.000": PART, FILES: LIST, "conda.lock": LOCK}


def somebody(data: bytes, signature: bytes) -> str:
    """Stand for ssh-keygen."""
    if (data, signature) != (DATA, SIGNED):
        raise AirgapError(
            "The signature is not accepted", code="signature-refused", wanted="w", found="f", where="x", remedy="r"
        )
    return "key@bastion"


def signed() -> TrustedRelease:
    release = TrustedRelease(FOLDER)
    release.signed(DATA, SIGNED, somebody)
    return release


def test_what_is_vouched_for_comes_out() -> None:
    release = signed()
    assert release.manifest == MADE
    assert (release.signer, release.manifest_sha256) == ("key@bastion", sha256(DATA))
    assert release.signature_sha256 == sha256(SIGNED)
    assert [content.name for content in release.contents()] == list(BODY)
    for name, data in BODY.items():
        release.accept(Item(name, len(data), sha256(data)))
    assert [entry.path for entry in release.entries(LIST)] == ["bin", "bin/l"]
    release.accept_bytes(MANIFEST, DATA)
    release.accept_bytes(SIGNATURE, SIGNED)
    release.require_whole()


def test_a_hash_or_a_folder_vouches_too_and_names_no_signer() -> None:
    told = TrustedRelease(FOLDER)
    assert told.hashed(DATA, sha256(DATA), sha256(SIGNED)) == MADE
    told.accept_bytes(SIGNATURE, SIGNED)
    own = TrustedRelease(FOLDER)
    assert own.recorded(DATA) == MADE
    assert (told.signer, own.signer) == ("", "")
    with pytest.raises(FileFault):  # nobody told of a signature
        own.accept_bytes(SIGNATURE, SIGNED)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [DATA + b" ", b"", b"{}"])
def test_another_manifest_than_the_signed_one_is_not_looked_at(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{TrustedRelease.__module__}.parse_manifest", lambda *_: pytest.fail("it was read"))
    release = TrustedRelease(FOLDER)
    with raised("signature-refused"):
        release.signed(data, SIGNED, somebody)
    with pytest.raises(OtherContentError):
        release.hashed(data, sha256(DATA))
    with pytest.raises(OutOfOrderError):
        release.manifest  # noqa: B018 - asked for, and refused


@pytest.mark.parametrize("signature", [b"", SIGNED + b"\n", DATA])
def test_another_signature_is_refused(signature: bytes) -> None:
    with raised("signature-refused"):
        TrustedRelease(FOLDER).signed(DATA, signature, somebody)


def test_a_verifier_that_names_nobody_vouches_for_nothing() -> None:
    release = TrustedRelease(FOLDER)
    with pytest.raises(OutOfOrderError):
        release.signed(DATA, SIGNED, lambda *_: "")
    with pytest.raises(OutOfOrderError):
        release.manifest  # noqa: B018 - asked for, and refused


def test_a_manifest_that_breaks_a_rule_vouches_for_nothing() -> None:
    release = TrustedRelease(FOLDER)
    for data in (replace(MADE, serial=2).to_json().encode(), DATA.replace(b"linux", b"l\xffnux"), b"[" * 10**5):
        with raised("manifest-unusable") as caught:
            release.signed(data, SIGNED, lambda *_: "key@bastion")
        assert caught.value.where == f"{FOLDER}/{MANIFEST}"
    assert release.recorded(DATA) == MADE
    assert release.signer == ""  # of those that were refused


def test_a_release_in_the_folder_of_another_is_refused() -> None:
    release = signed()
    release.require_name("demo", "1-00000001", "r")
    for name in (("other", "1-00000001"), ("demo", "2-00000001")):
        with raised("release-misplaced"):
            release.require_name(*name, "r")


@pytest.mark.parametrize("name", BODY)
def test_other_content_is_refused(name: str) -> None:
    release = signed()
    data = BODY[name]
    for other in (data[:-1] + b"\0", data + b"\0", b""):
        with pytest.raises(FileFault):
            release.accept_bytes(name, other)
    with pytest.raises(OtherContentError) as caught:
        release.accept(Item(name, len(data), sha256(b"")))
    assert caught.value.sha256 == sha256(b"")
    with pytest.raises(OutOfOrderError, match="not looked at"):
        release.require_whole()


def test_a_size_that_is_signed_counts_whatever_the_hash_is() -> None:
    with pytest.raises(FileFault, match="20 bytes instead of 19"):
        signed().accept(Item("env.tar.zst.000", len(PART) + 1, sha256(PART)))


def test_a_list_that_breaks_a_rule_is_refused_although_its_hash_is_right() -> None:
    evil = write_files([FileEntry("l", "symlink", target="/etc/passwd")])
    release = TrustedRelease(FOLDER)
    release.recorded(replace(MADE, files_sha256=sha256(evil)).to_json().encode())
    with raised("list-unusable") as caught:
        release.entries(evil)
    assert caught.value.where == f"{FOLDER}/{FILES}"


def test_what_the_manifest_does_not_name_is_refused() -> None:
    for name in ("env.tar.zst.001", "../manifest.json", "pip.lock", ""):
        with pytest.raises(FileFault, match="not a file of this release"):
            signed().accept_bytes(name, b"")


# --- the order -------------------------------------------------------------------------------------------------------

EARLY: dict[str, Callable[[TrustedRelease], Any]] = {
    "manifest": lambda release: release.manifest,
    "signer": lambda release: release.signer,
    "hash": lambda release: release.manifest_sha256,
    "hash of the signature": lambda release: release.signature_sha256,
    "name": lambda release: release.require_name("demo", "1-00000001", "r"),
    "contents": lambda release: release.contents(),
    "content": lambda release: release.content(FILES),
    "list": lambda release: release.entries(LIST),
    "part": lambda release: release.accept_bytes("env.tar.zst.000", PART),
    "whole": lambda release: release.require_whole(),
}


@pytest.mark.parametrize("step", EARLY)
def test_nothing_comes_before_the_manifest(step: str) -> None:
    with pytest.raises(OutOfOrderError):
        EARLY[step](TrustedRelease(FOLDER))


OTHER = replace(MADE, platform="noarch").to_json().encode()
AGAIN: dict[str, Callable[[TrustedRelease], Any]] = {
    "signed": lambda release: release.signed(OTHER, SIGNED, lambda *_: "key@bastion"),
    "hashed": lambda release: release.hashed(OTHER, sha256(OTHER)),
    "recorded": lambda release: release.recorded(OTHER),
}


@pytest.mark.parametrize("step", AGAIN)
def test_a_release_has_one_manifest(step: str) -> None:
    release = signed()
    with pytest.raises(OutOfOrderError, match="one manifest"):
        AGAIN[step](release)
    assert release.manifest == MADE


@pytest.mark.parametrize("name", BODY)
def test_a_release_is_whole_when_all_was_looked_at(name: str) -> None:
    release = signed()
    for other, data in BODY.items():
        if other != name:
            release.accept_bytes(other, data)
    with pytest.raises(OutOfOrderError, match=f"not looked at: {name}"):
        release.require_whole()


# --- bytes, and nothing else -----------------------------------------------------------------------------------------

# What it may import beside modules of the library that keep to the same: name -> what of it, None for all.
PURE: dict[str, Iterable[str] | None] = {
    **dict.fromkeys(("__future__", "collections.abc", "contextlib", "dataclasses", "functools", "typing")),
    **dict.fromkeys(("hashlib", "json", "math", "posixpath", "re", "zstandard")),
    "io": ("BytesIO",),
    "pathlib": ("PurePosixPath",),
}
DOES = {"open", "exec", "eval", "compile", "__import__", "print", "input", "breakpoint"}


def sources() -> dict[str, str]:
    """Return the modules that make up the core, as a host gets them: name -> source."""
    with zipfile.ZipFile(io.BytesIO(program("", "", TrustedRelease.__module__))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_it_imports_nothing_that_reads_writes_or_starts() -> None:
    for path, source in sources().items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= {name for name in PURE if PURE[name] is None}, path
            elif isinstance(node, ast.ImportFrom) and not str(node.module).startswith("ansible_collections."):
                allowed = PURE[str(node.module)]
                assert allowed is None or {alias.name for alias in node.names} <= set(allowed), path
            elif isinstance(node, ast.Name):
                assert node.id not in DOES, path


WATCHED = """\
import sys
import zstandard
from ansible_collections.airgap.conda.tests.unit.contract import test_trust
seen = []
sys.addaudithook(lambda event, _values: seen.append(event))
test_trust.test_what_is_vouched_for_comes_out()
test_trust.test_a_release_in_the_folder_of_another_is_refused()
sys.exit(", ".join(event for event in set(seen) if not event.startswith(("object.", "sys.", "compile", "exec"))) or 0)
"""


def test_it_opens_and_starts_nothing_when_it_runs() -> None:
    search = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], env={**os.environ, "PYTHONPATH": search}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_it_can_be_read_in_an_hour() -> None:
    """The two files that decide; docs/decisions/0035-trusted-core.md says what else there is to see."""
    lines = {name.rsplit("/", maxsplit=1)[-1]: len(source.splitlines()) for name, source in sources().items()}
    assert lines["trust.py"] + lines["rules.py"] <= 400
    assert sum(lines.values()) <= 950
