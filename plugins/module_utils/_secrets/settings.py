# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell a password by the name that it is given: in configurations, in a program's text, and in what a shell runs.

In a configuration, any value of such a name counts. In other files, these names occur near many words, so there only a
value with letters and digits counts that is quoted or in the place where a shell has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# How the name of a setting or variable ends that is a secret.
NAME = (
    r"(?:passw(?:or)?[dt]|pswd|pass_?phrase|(?<![A-Za-z])(?:pass|auth)|(?<=[_.-])(?:pwd|pw|pat)|secret|token|jwt"
    r"|auth[_-]?ident|(?:api|secret|private|encryption|signing|fernet|account|shared_?access|storage|artifactory)"
    r"[_-]?(?:access[_-]?)?key|access_?key(?![_-]?id))"
)
# One of these is in every text that has such a name, in lower case.
_WORDS = (
    b"pass",
    b"pswd",
    b"pwd",
    b"_pat",
    b"-pat",
    b"secret",
    b"token",
    b"jwt",
    b"auth",
    b"key",
    b"psk",
    b"cookie",
    b"curl",
    b"x-",
    b"_pw",
    b"-pw",
)
# Bytes before and behind such a word that are looked at.
_BEFORE, _BEHIND = 80, 400
_Q = rb"\\*[\"']"
# Of these, a configuration says much else.
_LOOSE = rb"(?:" + NAME.replace(r"(?<![A-Za-z])(?:pass|auth)", r"_auth|(?<![a-z])(?:pass|pwd|psk)").encode() + rb")"
_NO_VALUE = (
    # No value, a version (tiktoken=0.5.1), or an example.
    rb"(?!(?:none|null|true|false|optional|required|[0-9]{1,5})\b|[=<>~^]|!=|[0-9]+(?:\.[0-9a-z*]+)+"
    rb"|[\w/+=-]*example|[$#{%&|>\[])"
)
_CONFIGURED = re.compile(
    _LOOSE + rb"(?:" + _Q + rb")?\s*[:=]\s*(?:[>|][+-]?[ \t]*\r?\n[ \t]+)?"
    rb"(?:(?P<quote>" + _Q + rb")" + _NO_VALUE + rb"[^\s\"'<*\\]{4,}(?P=quote)"
    rb"|(?:" + _Q + rb")?" + _NO_VALUE + rb"[^\s\"',;(){}\[\]<*\\]{4,}(?:" + _Q + rb")?\s*(?:[,;#}\r\n]|$))"
    rb"|" + _LOOSE + rb">" + _NO_VALUE + rb"[^\s<]{4,}</"
    rb"|" + _LOOSE + _Q + rb"\s+value\s*=\s*" + _Q + _NO_VALUE + rb"[^\s\"'<]{4,}"
)
_FILE = re.compile(
    r"(?:^|/)(?:[^/]*\.(?:ini|cfg|conf|cnf|config|toml|properties|env|ya?ml|json|hcl|tf|tfvars|tfstate|tfrc|xml|dcf"
    r"|service|nmconnection)|\.[^/]*rc|\.?(?:pypirc|npmrc|curlrc|wgetrc|condarc|mambarc|envrc)|\.env(?:\.[^/]*)?"
    r"|\.git-credentials|\.[a-z0-9]*credentials|credentials|conda-meta/state|(?:\.[^/]+/)?config|kubeconfig|envvars"
    r"|\.?Renviron(?:\.site)?|\.s3cfg|\.boto|\.databrickscfg|[^/]*\.d/[^/]*\.sh)$"
)
# host:port:database:user:password
_PGPASS = re.compile(rb"(?m)^(?!#)(?:[^:\\\n]|\\.)*(?::(?:[^:\\\n]|\\.)*){3}:[^\s:$<]{3,}$")
_TEXT = rb"[^\s\"'<>{}$%()\[\]\\*,;]{8,}"
_IN_PROGRAMS = (
    # password = "...", environ["PASSWORD"] = "...", {"password": "..."}
    re.compile(NAME.encode() + rb"(?:" + _Q + rb")?\]?\s*(?::=|=>|[:=])\s*[bur]?" + _Q + rb"(" + _TEXT + rb")" + _Q),
    # PASSWORD=... before a command, export and env; setenv of csh, set -gx of fish
    re.compile(
        rb"(?:^|[\s;&?\"'=])(?:[a-z][a-z0-9_]*)?(?:"
        + NAME.encode()
        + rb"|pass|pwd|_key)=(?:"
        + _Q
        + rb")?("
        + _TEXT
        + rb")",
        re.MULTILINE,
    ),
    re.compile(
        rb"(?:setenv|set\s+-\w*x\w*)\s+\w*(?:"
        + NAME.encode()
        + rb"|pass|pwd|_key)\s+(?:"
        + _Q
        + rb")?("
        + _TEXT
        + rb")"
    ),
    # an option, a header, programs that take user:password
    re.compile(rb"--?[a-z-]*" + NAME.encode() + rb"[=\s]\s*(?:" + _Q + rb")?(" + _TEXT + rb")"),
    re.compile(
        rb"\b(?:x-[a-z-]*(?:key|token|api)|private-token|job-token|api-key|cookie)(?:" + _Q + rb")?\s*:\s*"
        rb"(?:" + _Q + rb")?(?:\w+=)?([\w.~+/-]{16,})"
    ),
    re.compile(rb"\b(?:curl|wget|http)\b[^\n|;]*\s(?:-u|--user)[=\s]?\s*[\"']?[^\s:\"'/$]+:(" + _TEXT + rb")"),
    re.compile(rb"\bsshpass\s+-p\s*[\"']?(" + _TEXT + rb")"),
)
_EXAMPLE = re.compile(
    rb"example|change|your|xxx|dummy|sample|placeholder|test|fake|foo|invalid|default|abc123|12345|^[a-z_.-]+\d?$"
    rb"|^https?:|^/|^\w+\(|^[\w.]+\.\w+$|^0x|^sha\d|^\d+(?:\.\d+)+"
)
_DIGIT, _LETTER = re.compile(rb"[0-9]"), re.compile(rb"[a-z]")


def has_setting(lower: bytes, name: str) -> bool:
    """Tell whether a block of the file ``name``, in lower case, gives a value to what is called a secret."""
    if name.endswith("pgpass") and _PGPASS.search(lower):
        return True
    text = _near_words(lower)
    if _FILE.search(name) and _CONFIGURED.search(text):
        return True
    return any(_is_value(match[1]) for pattern in _IN_PROGRAMS for match in pattern.finditer(text))


def _near_words(lower: bytes) -> bytes:
    """Return the text around the words: searching for them is faster than searching for their context."""
    spans: list[tuple[int, int]] = []
    for at in sorted(at for word in _WORDS for at in _places(lower, word)):
        begin = max(0, at - _BEFORE)
        if spans and begin <= spans[-1][1]:
            begin = spans.pop()[0]
        spans.append((begin, at + _BEHIND))
    return b"\n".join(lower[begin:end] for begin, end in spans)


def _places(lower: bytes, word: bytes) -> Iterator[int]:
    at = lower.find(word)
    while at >= 0:
        yield at
        at = lower.find(word, at + 1)


def _is_value(text: bytes) -> bool:
    return bool(_DIGIT.search(text) and _LETTER.search(text)) and not _EXAMPLE.search(text)
