# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Undo the ways in which a text is written with other characters: base64, hex, escapes of addresses, JSON and HTML."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

# One in the other: base64 of base64 of an escaped text.
DEEPEST = 3
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{32,}(?:\\?[\r\n]+[ \t]*[A-Za-z0-9+/_-]+)*={0,2}")
_HEX = re.compile(rb"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{2}){8,}(?![0-9A-Za-z])")
_ESCAPED = re.compile(rb"\\u00([2-7][0-9a-fA-F])|\\x([2-7][0-9a-fA-F])|&#[xX]0*([2-7][0-9a-fA-F]);")
_PERCENT = re.compile(rb"%[2-7][0-9a-fA-F]")
_BREAKS = re.compile(rb"[\s\\]+")
_URLSAFE = bytes.maketrans(b"-_", b"+/")
_TEXT = re.compile(rb"[\t\n\r -~]*")
# Bytes that tell whether what was decoded is a text: one of random bytes in 10,000 looks like it.
_SEEN = 24


def unfolded(block: bytes, deepest: int = DEEPEST) -> list[bytes]:
    """Return what a block says otherwise; of what is none, nothing. ``deepest`` is how many ways in each other."""
    found = [text for text in _ways(block) if text and text != block]
    return found + [more for text in found if deepest > 1 for more in unfolded(text, deepest - 1)]


def _ways(block: bytes) -> Iterable[bytes]:
    if _PERCENT.search(block):
        yield unquote_to_bytes(block)
    if _ESCAPED.search(block):
        yield _ESCAPED.sub(lambda match: bytes([int(match[1] or match[2] or match[3], 16)]), block)
    yield b"\n".join(filter(None, (_hex(match[0]) for match in _HEX.finditer(block))))
    yield b"\n".join(filter(None, (_base64(match[0], match.start() == 0) for match in _BASE64.finditer(block))))


def _hex(run: bytes) -> bytes:
    return binascii.unhexlify(run) if _is_text(binascii.unhexlify(run[: 2 * _SEEN])) else b""


def _base64(run: bytes, cut: bool) -> bytes:
    """Return what a run is base64 of, if that is a text. One that is ``cut`` may begin within a group of four."""
    text = _BREAKS.sub(b"", run).rstrip(b"=").translate(_URLSAFE)
    for begin in range(4 if cut else 1):
        whole = text[begin : begin + (len(text) - begin) // 4 * 4]
        if whole and _is_text(base64.b64decode(whole[: _SEEN // 3 * 4])):
            rest = text[begin + len(whole) :]
            tail = base64.b64decode(rest + b"=" * (-len(rest) % 4)) if len(rest) > 1 else b""
            return base64.b64decode(whole) + tail
    return b""


def _is_text(data: bytes) -> bool:
    return bool(_TEXT.fullmatch(data))
