# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Torrents: what is made is what a host takes, and nothing else is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._swarm.torrent import LIMIT, decode, encode, make, require

SIZES = {"manifest.json": 70, "env.tar.zst.001": 40_000, "env.tar.zst.002": 20_001}
PIECE = 32 << 10


@pytest.fixture(name="torrent")
def _torrent(tmp_path: Path) -> bytes:
    for name, size in SIZES.items():
        (tmp_path / name).write_bytes(name.encode() * size)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:size])
    return make(tmp_path, list(SIZES), PIECE)


def test_pieces_run_through_all_files(torrent: bytes, tmp_path: Path) -> None:
    whole = b"".join((tmp_path / name).read_bytes() for name in SIZES)
    pieces = [whole[at : at + PIECE] for at in range(0, len(whole), PIECE)]
    info = decode(torrent)[b"info"]
    assert info[b"pieces"] == b"".join(hashlib.sha1(piece, usedforsecurity=False).digest() for piece in pieces)
    assert require(torrent, SIZES, "here") == hashlib.sha1(encode(info), usedforsecurity=False).hexdigest()
    assert encode(decode(torrent)) == torrent


def _changed(torrent: bytes, **values: Any) -> bytes:
    told = decode(torrent)
    info = {**told[b"info"], **{name.replace("_", " ").encode(): value for name, value in values.items()}}
    return encode({**told, b"info": {key: value for key, value in info.items() if value is not None}})


def _files(*paths: list[str]) -> list[Any]:
    return [{"length": size, "path": path} for size, path in zip(SIZES.values(), paths, strict=False)]


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "a path upwards": lambda t: _changed(t, files=_files(["..", "x"], ["env.tar.zst.001"], ["env.tar.zst.002"])),
    "an absolute path": lambda t: _changed(t, files=_files(["/etc/passwd"], ["env.tar.zst.001"], ["env.tar.zst.002"])),
    "another name": lambda t: _changed(t, files=_files(["manifest.json"], ["env.tar.zst.001"], ["env.tar.zst.003"])),
    "one file less": lambda t: _changed(t, files=_files(["manifest.json"], ["env.tar.zst.001"])),
    "another folder": lambda t: _changed(t, name="../x"),
    "not private": lambda t: _changed(t, private=None),
    "a piece more": lambda t: _changed(t, pieces=b"x" * 60),
    "pieces of 3 bytes": lambda t: _changed(t, piece_length=3, pieces=b"x" * 20 * 20_024),
    "a huge piece": lambda t: _changed(t, piece_length=1 << 40, pieces=b"x" * 20),
    "pieces that are a number": lambda t: _changed(t, pieces=3),
    "a tracker": lambda t: encode({**decode(t), b"announce": "http://192.0.2.1/"}),
    "a web seed": lambda t: encode({**decode(t), b"url-list": ["http://192.0.2.1/"]}),
    "nodes": lambda t: encode({**decode(t), b"nodes": [["192.0.2.1", 1]]}),
    "something after it": lambda t: t + b"i0e",
    "another form of a number": lambda t: t.replace(b"i1e", b"i01e"),
    "cut off": lambda t: t[:-5],
    "a text longer than all": lambda _t: b"d4:info99999999:x",
    "a number below zero": lambda _t: b"d4:info-5:x",
    "huge": lambda _t: b"l" * (LIMIT + 1),
    "deep": lambda _t: b"l" * 5000,
    "nothing": lambda _t: b"",
    "no end": lambda _t: b"d4:infod",
    "a list": lambda _t: b"le",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_host_refuses_a_torrent_of_anything_else(kind: str, torrent: bytes) -> None:
    with pytest.raises(AirgapError) as caught:
        require(HOSTILE[kind](torrent), SIZES, "here")
    assert caught.value.code == "torrent-refused"


def test_names_with_a_path_are_no_files_of_a_release(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_bytes(b"x")
    for name in ("d/x", "../" + tmp_path.name + "/d/x"):
        with pytest.raises(AirgapError):
            require(make(tmp_path, [name], PIECE), {name: 1}, "here")
