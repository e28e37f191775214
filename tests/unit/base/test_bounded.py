# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nobody vouches for has an end: files, folders, JSON and the messages about them."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names, measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._base.plain_json import parse_json
from ansible_collections.airgap.conda.plugins.module_utils._spec.text import read_text
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

PAGE = Path(__file__).parents[3] / "docs/guide/limits.md"


def forbid(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let no call of these functions of os pass."""
    for name in names:
        monkeypatch.setattr(os, name, lambda *_args, _name=name: pytest.fail(f"os.{_name}"))


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link", "folder"])
def test_only_a_regular_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = tmp_path / "x"
    (tmp_path / "target").touch()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(tmp_path)  # the path of a socket is short
        socket.socket(socket.AF_UNIX).bind("x")
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "link":
        path.symlink_to("target")
    else:
        path.mkdir()
    forbid(monkeypatch, "open", "read")
    for read in (lambda: measure(path), lambda: measure(path, 0), lambda: read_small(path, 9)):
        with pytest.raises(FileFault, match="Not a regular file"):
            read()


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").touch()
    real = os.open

    def swap(path: Path, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return real(path, flags)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(FileFault, match="Not a regular file"):
        measure(tmp_path / "x")


def test_a_sparse_file_is_refused_by_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / "x", "wb") as stream:
        stream.truncate(4 << 40)
    forbid(monkeypatch, "open", "read")
    with pytest.raises(FileFault, match="4398046511104 bytes instead of 41"):
        measure(tmp_path / "x", 41)
    with pytest.raises(FileFault, match=f"more than {limits.DOCUMENT}"):
        measure(tmp_path / "x", limit=limits.DOCUMENT)
    with pytest.raises(FileFault, match="more than 9"):
        read_small(tmp_path / "x", 9)


def test_a_file_that_grows_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"data")
    grown = iter([b"data"] * 1000)
    monkeypatch.setattr(os, "read", lambda _handle, _size: next(grown, b""))
    for read in (lambda: measure(tmp_path / "x", 4), lambda: read_small(tmp_path / "x", 100)):
        with pytest.raises(FileFault, match="more than"):
            read()


def test_a_spec_or_a_lock_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conda.lock").write_text("@EXPLICIT\n", encoding="ascii")
    assert read_text(tmp_path / "conda.lock") == "@EXPLICIT\n"
    monkeypatch.setattr(limits, "DOCUMENT", 9)
    with raised("file-unreadable", found="more than 9 bytes"):
        read_text(tmp_path / "conda.lock")


def test_a_folder_has_an_end(tmp_path: Path) -> None:
    for name in "cab":
        (tmp_path / name).touch()
    assert list_names(tmp_path, 3) == ["a", "b", "c"]
    assert list_names(tmp_path / "a") == list_names(tmp_path / "nowhere") == []
    with raised("too-many-entries") as caught:
        list_names(tmp_path, 2)
    assert (caught.value.wanted, caught.value.where) == ("at most 2 names", str(tmp_path))


TWICE = ['{"a": 1, "a": 2}', '[{"a": {"b": 1, "b": 1}}]']
NUMBERS = ["NaN", "[Infinity]", "-Infinity", "1e999", "1" * 21, '{"a": -' + "9" * 10**6 + "}"]
DEEP = ["[" * 10**5, "[" * 10**5 + "]" * 10**5]


@pytest.mark.parametrize("text", [*TWICE, *NUMBERS, *DEEP, "", "{"])
def test_json_is_plain(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_json(text)
    assert len(str(caught.value)) < 200


def test_json_is_read() -> None:
    found: Any = parse_json('{"a": [1, -9223372036854775808, 1.5, null, true, "x"], "b": {"a": {}}}')
    assert found == {"a": [1, -(2**63), 1.5, None, True, "x"], "b": {"a": {}}}


def test_a_message_is_for_a_person() -> None:
    long = "x" * 7_600_000
    error = AirgapError(long, code="too-long", wanted=long, found=long, where=long, remedy=long)
    assert len(str(error)) < 6 * limits.MESSAGE
    assert error.found.endswith("… and 7592000 characters more")
    assert all(len(text) < 2 * limits.MESSAGE for text in error.fields().values())


def test_the_page_has_each_limit() -> None:
    rows = dict(
        re.findall(r"^\| `([A-Z_]+)` \| .* \| ([\d,]+(?: [KMGT]iB)?) \|", PAGE.read_text(encoding="utf-8"), re.M)
    )
    units = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
    told = {}
    for name, text in rows.items():
        number, _space, unit = text.replace(",", "").partition(" ")
        told[name] = int(number) << units.get(unit, 0)
    assert told == {name: value for name, value in vars(limits).items() if name.isupper()}
