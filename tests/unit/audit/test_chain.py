# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Audit chains: what a changed line, a lost one, a cut one and a full disk look like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import FIRST, Deed, add, read, require_ready
from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS

DEED = Deed("removed", "demo", "1-00000001")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a chain of four lines."""
    file = tmp_path / "state" / "audit.jsonl"
    file.parent.mkdir()
    for serial in (1, 2, 3, 4):
        add(file, [Deed("installed", "demo", f"{serial}-0000000{serial}", "a" * 64, "SHA256:x")])
    return file


def lines(path: Path) -> list[bytes]:
    """Return the lines of a file, with their ends."""
    return path.read_bytes().splitlines(keepends=True)


def test_each_line_has_the_hash_of_the_one_before(path: Path) -> None:
    found = read(path)
    assert found.verdict == "whole"
    assert [entry.n for entry in found.entries] == [1, 2, 3, 4]
    assert found.entries[0].prev == FIRST
    assert found.entries[3].release == "4-00000004"
    assert found.entries[0].who.endswith(f"({os.geteuid()})") or "for" in found.entries[0].who
    assert path.stat().st_mode & 0o777 == 0o644


def test_who_called_sudo_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ada\x1b[2J")
    add(path, [Deed("removed", "demo", "1-00000001")])
    assert read(path).entries[-1].who.endswith("for ada [2J")


def test_a_chain_that_is_not_there_is_whole_and_empty(tmp_path: Path) -> None:
    assert (read(tmp_path / "none").verdict, read(tmp_path / "none").entries) == ("whole", ())


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("word", ["demo", "installed", "SHA256:x", "00000"])
def test_a_changed_line_breaks_it(number: int, word: str, path: Path) -> None:
    text = lines(path)
    text[number] = text[number].replace(word.encode(), b"removed" if word == "installed" else word.upper().encode(), 1)
    if word == "00000":
        text[number] = text[number].replace(b'"2026', b'"2025').replace(b'"when": "20', b'"when": "19', 1)
    path.write_bytes(b"".join(text))
    found = read(path)
    assert found.verdict == "broken"
    assert found.error().code == "chain-broken"


@pytest.mark.parametrize("change", ["left out", "moved", "twice", "first left out", "garbage"])
def test_lines_that_go_or_come_break_it(change: str, path: Path) -> None:
    one, two, three, four = lines(path)
    kinds = {
        "left out": [one, three, four],
        "moved": [one, three, two, four],
        "twice": [one, two, two, three, four],
        "first left out": [two, three, four],
        "garbage": [one, b"garbage\n", three, four],
    }
    path.write_bytes(b"".join(kinds[change]))
    assert read(path).verdict == "broken"


def test_a_line_that_was_made_again_breaks_it(path: Path) -> None:
    text = lines(path)
    entry = {**json.loads(text[1]), "release": "9-00000009"}
    text[1] = json.dumps(entry, sort_keys=True).encode() + b"\n"
    path.write_bytes(b"".join(text))
    assert "line 3" in read(path).broken[0]


@pytest.mark.parametrize("left", [1, 40, -1])
def test_a_cut_last_line_is_told_from_a_broken_chain(left: int, path: Path) -> None:
    text = lines(path)
    path.write_bytes(b"".join(text[:3]) + text[3][:left])
    found = read(path)
    assert (found.verdict, len(found.entries)) == ("cut", 3)
    add(path, [Deed("switched", "demo", "4-00000004")])
    after = read(path)
    assert after.verdict == ("whole" if left == -1 else "cut")
    assert after.entries[-1].what == "switched"
    assert path.read_bytes().startswith(b"".join(text[:3]) + text[3][:left])
    text = lines(path)
    path.write_bytes(b"".join([*text[:3], b"x" + text[3], *text[4:]]))
    assert read(path).verdict == "broken"


def test_a_last_line_that_is_none_breaks_it(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"{}\n")
    chain = read(path)
    assert (len(chain.broken), chain.cut) == (1, ())


def test_lines_lost_at_the_end_are_not_seen(path: Path) -> None:
    """What a chain cannot show; the page of security says so."""
    path.write_bytes(b"".join(lines(path)[:2]))
    assert read(path).verdict == "whole"


def test_a_full_disk_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = path.read_bytes(), os.write

    def full(handle: int, text: bytes) -> int:
        if text.startswith(b'{"env"'):
            real(handle, text[:10])
            raise OSError(28, "No space left on device")
        return real(handle, text)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(AirgapError):
        add(path, [Deed("removed", "demo", "1-00000001")])
    assert path.read_bytes() == before


def test_a_line_is_on_disk_when_the_step_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _handle: flushed.append(path.read_bytes()))
    add(path, [DEED])
    assert flushed == [path.read_bytes()]


def test_a_chain_has_an_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AUDIT", 100)
    before = path.read_bytes()
    steps: list[Callable[[], object]] = [lambda: add(path, [DEED]), lambda: require_ready(path)]
    for step in steps:
        with pytest.raises(AirgapError) as caught:
            step()
        assert caught.value.code == "audit-full"
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_not_written(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    if kind == "link":
        path.symlink_to(tmp_path / "victim")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    steps: list[Callable[[], object]] = [lambda: add(path, [DEED]), lambda: require_ready(path), lambda: read(path)]
    for step in steps:
        with pytest.raises(AirgapError):
            step()
    assert not (tmp_path / "victim").exists()


def test_every_line_of_runs_at_once_is_there(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import Deed, add\n"
        "for number in range(5): add(Path(sys.argv[2]), [Deed('switched', 'demo', '1-00000001')])"
    )
    command = [sys.executable, "-c", program, str(COLLECTIONS), str(tmp_path / "audit.jsonl")]
    runs = [subprocess.Popen(command) for _run in range(3)]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    found = read(tmp_path / "audit.jsonl")
    assert (found.verdict, len(found.entries)) == ("whole", 15)
