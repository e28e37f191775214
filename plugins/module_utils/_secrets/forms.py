# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find known secrets in bytes, in every way in which tools write them: as they are, escaped, as base64, in UTF-16.

A secret is looked for by an anchor, the longest run of characters that no way of escaping changes, and only
at that place by a pattern of all ways. So one fast search replaces one for each combination of ways.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote

CREDENTIAL = "a credential that this build used"
# A short password or a plain word, where chance may have put it. May be allowed, other than the one above.
WORD = "possibly a short password that this build used"
# Characters that URLs, JSON, HTML and shells never escape. Two base64 alphabets contain these.
_SAFE, _SAFE_BASE64 = re.compile(rb"[A-Za-z0-9._~-]+"), re.compile(rb"[A-Za-z0-9]+")
# Characters of an anchor that is rare enough; a secret without one is looked for in each of its forms.
_ANCHOR = 4
_WORD_CHAR = rb"[A-Za-z0-9_]"


# What belongs to the same base64, but for a slash: that parts folders in a path.
_AROUND = rb"[A-Za-z0-9+=_-]*"
# The two alphabets of base64, and one as addresses and JSON have it.
_BASE64 = {"+": r"(?:[+-]|%2[bB])", "/": r"(?:\\?[/]|_|%2[fF])"}


@dataclass(frozen=True)
class _Needle:
    """``anchor`` leads to where ``pattern`` may match; ``wide`` means that each byte is paired with a NUL."""

    anchor: bytes
    pattern: re.Pattern[bytes]
    reach: int
    wide: bool = False

    def is_in(self, block: bytes) -> bool:
        """Tell whether the secret is in ``block``."""
        start = block.find(self.anchor)
        while start >= 0:
            window = block[max(0, start - self.reach) : start + self.reach]
            if self.pattern.search(window.replace(b"\0", b"") if self.wide else window):
                return True
            start = block.find(self.anchor, start + 1)
        return False

    def widened(self) -> _Needle:
        """Return the needle of the same in UTF-16: what lies between two letters is a NUL, in either order."""
        anchor = b"\0".join(self.anchor[index : index + 1] for index in range(len(self.anchor)))
        return replace(self, anchor=anchor, reach=4 * self.reach, wide=True)


class Known:
    """The secrets that a build knows, to look for all of them in blocks of bytes."""

    def __init__(self, credentials: Iterable[str]) -> None:
        texts = sorted(set(credentials), key=len)
        weak, strong = [text for text in texts if is_weak(text)], [text for text in texts if not is_weak(text)]
        written = {text: re.compile(_written(text)) for text in texts}
        self._plain = [needle for text in strong for needle in _needles(text, written[text])]
        self._base64 = [needle for text in strong for needle in _base64_needles(text)]
        self._wide = [needle.widened() for needle in self._plain]
        # Without an anchor, the pattern itself is too slow for more than what no package brought.
        self._slow = [written[text] for text in strong if not _run(text.encode(), _SAFE)]
        self._credential = [n for text in weak for n in _needles(text, re.compile(_in_context(text)))]
        self._word = [n for text in weak if len(text) >= 4 for n in _needles(text, re.compile(_as_word(text)))]
        self._all = [written[text] for text in reversed(texts)]
        self._all += [re.compile(_AROUND + needle.pattern.pattern + _AROUND) for needle in self._base64]
        needles = [*self._plain, *self._base64, *self._wide, *self._credential]
        # Bytes that two blocks have to share for a secret that lies across both.
        self.overlap = max((needle.reach for needle in needles), default=1)

    def __bool__(self) -> bool:
        return bool(self._plain or self._credential)

    def kind_in(self, block: bytes, own: bool, plain_only: bool = False) -> str:
        """Return what kind of secret is in ``block``, empty for none; ``own`` when no package brought it.

        In a package, a short password is something else more often than not, with ``plain_only`` nothing is decoded.
        """
        if any(needle.is_in(block) for needle in self._plain):
            return CREDENTIAL
        if not plain_only and any(needle.is_in(block) for needle in self._base64):
            return CREDENTIAL
        if not plain_only and b"\0" in block and any(needle.is_in(block) for needle in self._wide):
            return CREDENTIAL
        if any(needle.is_in(block) for needle in self._credential):
            return CREDENTIAL if own else WORD
        if own and any(pattern.search(block) for pattern in self._slow):
            return CREDENTIAL
        return WORD if own and any(needle.is_in(block) for needle in self._word) else ""

    def mask(self, text: bytes) -> bytes:
        """Return ``text`` with ``***`` in place of each secret."""
        for pattern in self._all:
            text = pattern.sub(b"***", text)
        return text


def is_weak(text: str) -> bool:
    """Return whether a secret is so short or plain that it may occur in a file by chance."""
    return len(text) < 6 or (len(text) < 12 and (text.isalpha() or text.isdigit()))


def _needles(text: str, pattern: re.Pattern[bytes]) -> list[_Needle]:
    anchors = _anchors(text.encode(), _SAFE, {text, quote(text, safe=""), _lower(quote(text, safe="")), _json(text)})
    # A character takes twelve bytes at most, as in %2525; the text before it is shorter.
    return [_Needle(anchor, pattern, 12 * len(text) + 200) for anchor in anchors]


def _base64_needles(text: str) -> list[_Needle]:
    """Return the needles for base64 of a text that the secret is in."""
    found = []
    for core in _base64_cores(text.encode()):
        pattern = re.compile("".join(_BASE64.get(char, char) for char in core).encode())
        safe = quote(core, safe="")
        anchors = _anchors(
            core.encode(), _SAFE_BASE64, {core, core.replace("+", "-").replace("/", "_"), safe, _lower(safe)}
        )
        found += [_Needle(anchor, pattern, 6 * len(core)) for anchor in anchors]
    return found


def _base64_cores(data: bytes) -> set[str]:
    """Return the base64 of ``data`` within a longer text, whatever surrounds it: one of three."""
    cores = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + data).decode()
        cores.add(encoded[-(-8 * offset // 6) : 8 * (offset + len(data)) // 6])
    return cores


def _anchors(data: bytes, safe: re.Pattern[bytes], forms: Iterable[str]) -> list[bytes]:
    run = _run(data, safe)
    return [run] if run else sorted({form.encode() for form in forms})


def _run(data: bytes, safe: re.Pattern[bytes]) -> bytes:
    """Return the longest run of safe characters, empty if no run is rare enough."""
    longest: bytes = max(safe.findall(data), key=len, default=b"")
    return longest if len(longest) >= _ANCHOR else b""


def _written(text: str) -> bytes:
    """Return a pattern of a text in all ways of quoting: of addresses, JSON, YAML, HTML, shells and INI files."""
    return b"".join(_char(char) for char in text)


# As YAML and shells, INI files and units, and forms write them.
_DOUBLED = {"'": {rb"''", rb"'\\''"}, "%": {rb"%%"}, "$": {rb"\$\$"}, " ": {rb"\+"}, "\\": {rb"\\\\\\\\"}}


def _char(char: str) -> bytes:
    data = char.encode()
    if char.isascii() and char.isalnum():
        return data
    ways: set[bytes] = {
        re.escape(way) for way in (data, b"\\" + data, _json(char).encode(), html.escape(char).encode())
    }
    ways.add(rb"".join(rb"%%(?:25)?(?i:%02x)" % byte for byte in data))
    ways.add(rb"(?i:&#(?:0*%d|x0*%x);|\\x%02x|\\u%04x)" % (ord(char), ord(char), ord(char), ord(char)))
    if ord(char) < 256:
        ways.add(re.escape(char.encode("latin-1")))
    ways |= _DOUBLED.get(char, set())
    longest_first = sorted(ways, key=len, reverse=True)
    return rb"(?:" + b"|".join(longest_first) + rb")"


# What tells a password from the same word in a text: an address around it, or the name of a setting before it.
_CONTEXTS = (
    rb"(?<!mailto):%s@(?=[A-Za-z0-9\[])",
    rb"://%s@",
    rb"/t/%s/",
    rb"(?i:passw(?:or)?d|passphrase)\w*[\"']?[\s:=,]+[\"']?%s(?![A-Za-z0-9_])",
    rb"(?i:pwd|pass|secret|token|auth|api_?key|access_?key|secret_?key)[\"']?\s*[:=]\s*[\"']?%s(?![A-Za-z0-9_])",
)


def _in_context(text: str) -> bytes:
    return b"|".join(context.replace(b"%s", _written(text)) for context in _CONTEXTS)


def _as_word(text: str) -> bytes:
    return rb"(?<!%s)%s(?!%s)" % (_WORD_CHAR, _written(text), _WORD_CHAR)


def _lower(quoted: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]
