# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell what has the shape of a password, a token or a private key, in text of eight or sixteen bits a character."""

from __future__ import annotations

import re

# Not a secret but a place for one: ${TOKEN}, <token>, {token}, ***.
_PLACE = rb"(?![<${*])"
# Bytes that two blocks of a file share, so that what lies across both is seen: no shape is longer.
OVERLAP = 8 << 10
# Kind -> how its tokens begin, where no word goes on, and what follows. A fixed beginning is found fast.
_TOKENS: dict[str, dict[bytes, bytes]] = {
    # Those with EXAMPLE stand in Amazon's own documents.
    "an AWS access key": dict.fromkeys((b"AKIA", b"ASIA"), rb"(?![0-9A-Z]*EXAMPLE)[0-9A-Z]{16}\b"),
    "a GitHub token": {
        **dict.fromkeys((b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"[A-Za-z0-9]{36}"),
        b"github_pat_": rb"[A-Za-z0-9_]{60,}",
    },
    "a GitLab token": {
        b"gl": rb"(?:pat|dt|rt|rtr|ptt|soat|cbt|agent|ft|imt|oas|ffct|wt)-[A-Za-z0-9_-]{20,}",
        b"GR1348941": rb"[A-Za-z0-9_-]{20}",
    },
    "a PyPI token": {b"pypi-Ag": rb"[A-Za-z0-9_-]{32,}"},
    "a Hugging Face token": dict.fromkeys((b"hf_", b"api_org_"), rb"[A-Za-z0-9]{34}\b"),
    "a token of a service": {
        b"xox": rb"[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
        b"hooks.slack.com/services/T": rb"\w+/B\w+/\w+",
        **dict.fromkeys((b"sk_live_", b"rk_live_"), rb"[A-Za-z0-9]{16,}"),  # Stripe
        b"AIza": rb"[A-Za-z0-9_-]{35}",  # Google
        b"GOCSPX-": rb"[A-Za-z0-9_-]{28}",
        b"ya29.": rb"[A-Za-z0-9_-]{20,}",
        b"SG.": rb"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",  # SendGrid
        b"dop_v1_": rb"[0-9a-f]{64}",  # DigitalOcean
        **dict.fromkeys((b"dckr_pat_", b"dckr_oat_"), rb"[A-Za-z0-9_-]{20,}"),  # Docker
        b"sk-": rb"(?:(?:ant|proj|svcacct)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})",  # AI services
        b"dapi": rb"[0-9a-f]{32}\b",  # Databricks
        **dict.fromkeys((b"hvs.", b"hvb."), rb"[A-Za-z0-9_-]{24,}"),  # Vault
        b"ATATT3": rb"[A-Za-z0-9_=-]{50,}",  # Atlassian
        b"pfx_": rb"[A-Za-z0-9]{20,}",  # prefix.dev
        b"glsa_": rb"[A-Za-z0-9]{32}_",  # Grafana
        b"eyJ": rb"[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",  # JSON Web Token
        b"AccountKey=": rb"[A-Za-z0-9/+]{86}==",  # Azure
    },
}
_HEADER = (
    rb"authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token)\s+[a-z0-9+/=_.~-]{8,}"
    rb"|[\"']auth[\"']\s*:\s*[\"'][a-z0-9+/]{8,}={0,2}[\"']"
)
_VALUE = (
    rb"(?:passw(?:or)?d|passphrase|secret|token|api_?key|secret_?(?:access_?)?key|_auth)[\"']?\s*[:=]\s*[\"']?"
    # No value, a version (tiktoken=0.5.1), or an example.
    rb"(?!(?:none|null|true|false|optional|required|[0-9]{1,5})\b|[=<>~!^]|[0-9]+(?:\.[0-9a-z*]+)+|[\w/+=-]*example)"
    rb"[^\s\"'#,;(){}\[\]$<*]{4,}[\"']?\s*(?:[,;#}\r\n]|$)"
)
_ARMOR = rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY"
# Kind -> one of these words is in a text that has it, in lower case, and the shape: a word is found faster.
_SHAPES: dict[str, tuple[tuple[bytes, ...], bytes]] = {
    "a password in an address": ((b"://",), rb"://[^/\s:@'\"]*:" + _PLACE + rb"[^/\s@'\"]+@"),
    # A user alone may be a name: a token is long, or has digits too.
    "a token in an address": (
        (b"://",),
        rb"https?://(?:(?=[^\s/@:]*[0-9])(?=[^\s/@:]*[A-Za-z])[\w.~%+-]{8,}|[\w.~+-]{20,})@[A-Za-z0-9\[]",
    ),
    # A forum's /t/<topic>/<number> is none.
    "a token in the address of a channel": (
        (b"/t/",),
        rb"://[^\s/'\"]+/t/" + _PLACE + rb"[^/\s'\"]+/(?!\d+(?:[^\w-]|$))",
    ),
    "a private key": (
        (b"private key", b"putty-user-key-file", b"age-secret-key-1"),
        _ARMOR + rb"|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1[0-9A-Z]{20}",
    ),
    "an npm token": (
        (b"npm_", b":_"),
        rb"npm_(?<!\wnpm_)[A-Za-z0-9]{36}\b|:_(?:authToken|auth|password)\s*=\s*[\"']?" + _PLACE + rb"[^\s\"']{8,}",
    ),
    "an Anaconda token": ((b"-",), rb"-(?<=\b[a-z]{2}-)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    "a password for netrc": (
        (b"password",),
        rb"\b(?:machine\s+\S+|default)\s+(?:(?:login|account)\s+\S+\s+)*password\s+" + _PLACE + rb"\S",
    ),
}
# The same of what is written in any case: looked for in lower case.
_ANY_CASE: dict[str, tuple[tuple[bytes, ...], bytes]] = {
    "an AWS secret key": (
        (b"secretaccesskey", b"secret_access_key", b"sessiontoken", b"session_token"),
        rb"(?:secret_?access_?key|session_?token)[\"']?\s*[:=]\s*[\"']?(?![\w/+]*example)[a-z0-9/+]{30,}",
    ),
    "the authorization of a request": ((b"authorization", b'auth"', b"auth'"), _HEADER),
}
# Only in files of settings: in programs, such a name has another name behind it.
SETTING = "a password in a configuration"
_SETTING = (
    (b"passw", b"passphrase", b"secret", b"token", b"api_key", b"apikey", b"access_key", b"_auth"),
    _VALUE,
)
_SETTINGS_FILE = re.compile(
    r"(?:^|/)(?:[^/]*\.(?:ini|cfg|conf|toml|properties|env|ya?ml|json)|\.(?:pypirc|npmrc|env|curlrc|wgetrc|condarc|"
    r"mambarc|git-credentials)|\.?credentials|conda-meta/state|(?:\.git/)?config|envvars|[^/]*\.d/[^/]*\.sh)$"
)
_NETRC = re.compile(rb"\bpassword\s+" + _PLACE + rb"\S")
_NETRC_FILE = re.compile(r"(?:^|/)[._]netrc$")
# Letters with one to three NULs beside each, after the first: UTF-16 and UTF-32, in either order. A NUL is found fast.
_WIDE = re.compile(rb"\0(?:[\t\n\r -~]\0(?:\0\0)?){6,}[\t\n\r -~]?")


def _compiled(words: tuple[bytes, ...], shape: bytes) -> tuple[tuple[bytes, ...], re.Pattern[bytes]]:
    return words, re.compile(shape)


def _token(begin: bytes, rest: bytes) -> re.Pattern[bytes]:
    return re.compile(re.escape(begin) + rb"(?<!\w" + re.escape(begin) + rb")" + rest)


_FIND_TOKENS = {kind: [_token(*token) for token in tokens.items()] for kind, tokens in _TOKENS.items()}
_FIND_SHAPES = {kind: _compiled(*shape) for kind, shape in _SHAPES.items()}
_FIND_ANY_CASE = {kind: _compiled(*shape) for kind, shape in _ANY_CASE.items()}
_FIND_SETTING = _compiled(*_SETTING)
KINDS = (*_TOKENS, *_SHAPES, *_ANY_CASE)


def shapes_in(block: bytes, name: str) -> list[str]:
    """Return the kinds of secrets whose shape is in a block of the file ``name``."""
    lower = block.lower()

    def has(text: bytes, words: tuple[bytes, ...], shape: re.Pattern[bytes]) -> bool:
        return any(word in lower for word in words) and bool(shape.search(text))

    kinds = [kind for kind, tokens in _FIND_TOKENS.items() if any(token.search(block) for token in tokens)]
    kinds += [kind for kind, shape in _FIND_SHAPES.items() if has(block, *shape)]
    kinds += [kind for kind, shape in _FIND_ANY_CASE.items() if has(lower, *shape)]
    if _NETRC_FILE.search(name) and "a password for netrc" not in kinds and _NETRC.search(block):
        kinds.append("a password for netrc")
    if _SETTINGS_FILE.search(name) and has(lower, *_FIND_SETTING):
        kinds.append(SETTING)
    return kinds


def narrowed(block: bytes) -> bytes:
    """Return what a block has of text in UTF-16 or UTF-32, as text of eight bits."""
    runs = (block[max(0, run.start() - 1) : run.end()] for run in _WIDE.finditer(block))
    return b"\n".join(run.replace(b"\0", b"") for run in runs)
