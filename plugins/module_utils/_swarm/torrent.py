# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Torrents of the parts of a release: made on the controller in plain Python, and read on a host before it joins.

A torrent here says names, sizes and sha1 of pieces (BitTorrent v1), and nothing else: no tracker, no server, no node.
A host takes one only when its files are exactly those that it wants.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError

# The name of the folder that a torrent gives its files; where they lie on a host is for the host to say.
NAME = "parts"
# Bytes of a piece: at least what is asked for at once, at most what a host can hold back until it is whole.
LEAST_PIECE, MOST_PIECE = 16 << 10, 16 << 20
# Bytes of a torrent: 20 for a piece, some 50 for a file.
LIMIT = 16 << 20
_READ = 1 << 20
_DEPTH = 8


def encode(value: Any) -> bytes:
    """Return a value of numbers, bytes, texts, lists and dictionaries in bencode, which has one form for each."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, Mapping):
        keyed = sorted((key.encode() if isinstance(key, str) else key, item) for key, item in value.items())
        return b"d" + b"".join(encode(key) + encode(item) for key, item in keyed) + b"e"
    return b"l" + b"".join(map(encode, value)) + b"e"


def make(folder: Path, names: Sequence[str], length: int) -> bytes:
    """Return the torrent of files in ``folder``, with pieces of ``length`` bytes; raises OSError.

    The files are read once: the work is that of one sha1 of them.
    """
    sizes, pieces, piece, room = [], [], hashlib.sha1(usedforsecurity=False), length
    for name in names:
        size = 0
        with open(folder / name, "rb") as stream:
            while block := stream.read(min(_READ, room)):
                piece.update(block)
                size += len(block)
                room -= len(block)
                if not room:
                    pieces.append(piece.digest())
                    piece, room = hashlib.sha1(usedforsecurity=False), length
        sizes.append(size)
    if room < length:
        pieces.append(piece.digest())
    return encode({"info": _info(names, sizes, length, b"".join(pieces))})


def require(torrent: bytes, files: Mapping[str, int], where: str) -> str:
    """Return the hash that names a torrent of exactly these ``files``, sizes by name; raises AirgapError for others.

    What is compared is the only form that such a torrent has: another key, a path, a name or a size is another text.
    """
    length, pieces = _pieces(torrent)
    plain = not any(name in ("", ".", "..") or "/" in name for name in files)
    count = -(-sum(files.values()) // length) if length else 0
    info = _info(list(files), list(files.values()), length, pieces)
    if not plain or not length or not count or len(pieces) != 20 * count or torrent != encode({"info": info}):
        raise AirgapError(
            "This torrent is not of the parts that this host wants",
            code="torrent-refused",
            wanted=f"{len(files)} files with {sum(files.values())} bytes: their names, sizes and hashes, and no more",
            found=f"{len(torrent)} bytes of a torrent that says something else",
            where=where,
            remedy="find out who sends torrents in place of the controller; the release comes by another way",
        )
    return hashlib.sha1(encode(info), usedforsecurity=False).hexdigest()


def _info(names: Sequence[str], sizes: Sequence[int], length: int, pieces: bytes) -> dict[str, Any]:
    files = [{"length": size, "path": [name]} for name, size in zip(names, sizes)]
    return {"files": files, "name": NAME, "piece length": length, "pieces": pieces, "private": 1}


def _pieces(torrent: bytes) -> tuple[int, bytes]:
    """Return the length of the pieces and their hashes; 0 and nothing for what is no torrent of ours."""
    try:
        info = decode(torrent)[b"info"]
        length, pieces = info[b"piece length"], info[b"pieces"]
    except (ValueError, TypeError, KeyError, IndexError):
        return 0, b""
    fits = isinstance(length, int) and LEAST_PIECE <= length <= MOST_PIECE and not length & (length - 1)
    return (length, pieces) if fits and isinstance(pieces, bytes) else (0, b"")


def decode(data: bytes) -> Any:
    """Return what bencode says; raises ValueError for what is too long, too deep, or no bencode."""
    if len(data) > LIMIT:
        raise ValueError("too long")
    value, end = _decode(data, 0, 0)
    if end != len(data):
        raise ValueError("more than one value")
    return value


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    kind = data[at : at + 1]
    if depth > _DEPTH:
        raise ValueError("too deep")
    if kind == b"i":
        end = data.index(b"e", at, at + 24)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        items, at = [], at + 1
        while data[at : at + 1] != b"e":
            item, at = _decode(data, at, depth + 1)
            items.append(item)
        return (items if kind == b"l" else _dictionary(items)), at + 1
    end = data.index(b":", at, at + 12)
    size = int(data[at:end])
    if size < 0 or end + 1 + size > len(data):
        raise ValueError("cut off")
    return data[end + 1 : end + 1 + size], end + 1 + size


def _dictionary(items: Sequence[Any]) -> dict[Any, Any]:
    keys: Iterable[Any] = items[::2]
    if len(items) % 2 or not all(isinstance(key, bytes) for key in keys):
        raise ValueError("no dictionary")
    return dict(zip(items[::2], items[1::2]))
