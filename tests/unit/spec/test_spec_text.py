# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text of a spec's files: how it is encoded, and what in it is a secret or only looks like one."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._spec.spec import load_spec
from ansible_collections.airgap.conda.plugins.module_utils._spec.text import read_text, refuse_credentials
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

TEXT = "# Größe\nchannels: [c]\r\ndependencies: [python]\n"

ENCODED = {
    "utf-8": TEXT.encode(),
    "utf-8 with a mark": codecs.BOM_UTF8 + TEXT.encode(),
    "PowerShell": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "utf-16, the other order": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "utf-32": codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
    "utf-16 without a mark": TEXT.encode("utf-16-le"),
    "nothing": b"",
}


@pytest.mark.parametrize("raw", ENCODED.values(), ids=ENCODED.keys())
def test_encodings(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "f").write_bytes(raw)
    assert read_text(tmp_path / "f") == (TEXT if raw else "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_a_spec_means_the_same_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "demo").mkdir()
    path = tmp_path / "demo/environment.yml"
    path.write_bytes(TEXT.encode())
    plain = load_spec(tmp_path / "demo")
    path.write_bytes(TEXT.encode(encoding))
    assert load_spec(tmp_path / "demo") == plain


@pytest.mark.parametrize(
    ("raw", "found", "remedy"),
    [
        (TEXT.encode("latin-1"), "the byte 0xf6", "iconv -f WINDOWS-1252 -t UTF-8"),
        (codecs.BOM_UTF16_LE + b"a", "the byte 0x61", "UTF-16"),
    ],
)
def test_what_is_no_text(tmp_path: Path, raw: bytes, found: str, remedy: str) -> None:
    (tmp_path / "f").write_bytes(raw)
    with raised("encoding") as caught:
        read_text(tmp_path / "f")
    assert (caught.value.found, caught.value.where) == (found, f"{tmp_path}/f:1")
    assert remedy in caught.value.remedy


def test_credentials_in_utf_16_are_found(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes("# https://me:S3cr3t@h.org\n".encode("utf-16"))
    with raised("spec-credentials"):
        read_text(tmp_path / "f")


def test_all_lines_with_credentials_are_told(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("# https://me:S3cr3t@h.org\nx\n  - https://h.org/t/S3cr3t/c\n", encoding="utf-8")
    with raised("spec-credentials") as caught:
        read_text(tmp_path / "f")
    assert caught.value.where == f"(1) {tmp_path}/f:1:3; (2) {tmp_path}/f:3:5"
    assert "S3cr3t" not in str(caught.value)


HARMLESS = [
    "# see https://forum.example.org/t/topic/12",
    "# see https://forum.example.org/t/topic/12.",
    "# (https://forum.example.org/t/how-to-use-conda-4-8/12345/3?u=me)",
    "# https://forum.example.org/t/topic",
    "# https://forum.example.org/t/1234",
    "# https://forum.example.org/forum/t/topic/12#post_3",
    "# forum.example.org/t/topic/12",
    "  FORUM: https://forum.example.org/t/topic/12",
    "# https://git.example.org/a/b/tree/t/data/x.yml",
    "# https://git.example.org/a/b/-/blob/main/t/x/y.c",
    "# mailto:me@example.org",
    "# <mailto:me@example.org>",
    "  MAIL: mailto:me@example.org",
    "# Author:jane.doe@example.org",
    "# Contact:jane2@example.org",
    "# Hans:hans@example.org",
    "# ask me@example.org, or you@example.org",
    "# https://blog.example.org/@me/post",
    "# git@github.com:org/repo.git",
    "# https://<user>:<password>@h.org/simple",
    "  - --index-url https://${NAME}:${TOKEN}@h.org/simple",
    "  - --index-url https://${TOKEN}@h.org/simple",
    "  - git+https://git@github.com/org/repo.git",
    "  - git+ssh://git@github.com/org/repo.git",
    "# https://h.org/t/<TOKEN>/channel",
    "# xmpp:me@example.org sip:me@example.org",
]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_only_looks_like_a_secret(line: str) -> None:
    refuse_credentials(line, "f:1")


SECRET = "S3cr3t"  # noqa: S105 - what the tests look for in messages
SECRETS = [
    "# https://h.org/t/{}/conda-forge",
    "# https://h.org:8443/t/{}/conda-forge",
    "# https://h.org/artifactory/api/conda/t/{}/main",
    "  - https://h.org/t/{}/c",
    "  - https://h.org/conda/t/{}/c",
    "  - h.org/t/{}/c::a",
    "# https://me:{}@h.org/c",
    "# was me:{}@h.org/c",
    "# was me:{}@h.org:8080",
    "# me:{}@h.org",
    "  - me:{}@h.org/c",
    "  A: 'me:{}@h.org'",
    "  - https://{}@h.org/c",
    "  - https://me:p@{}@h.org/c",
    "  - git+https://{}@github.com/org/repo",
    "  - git+ssh://git:{}@h.org/a",
    "  - --index-url https://${{NAME}}:{}@h.org/simple",
]


@pytest.mark.parametrize("line", SECRETS)
def test_what_is_a_secret(line: str) -> None:
    with raised("spec-credentials") as caught:
        refuse_credentials(line.format(SECRET), "f:1")
    assert SECRET not in str(caught.value)
