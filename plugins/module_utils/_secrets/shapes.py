# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell what has the shape of a password, a token or a private key, in text of eight or sixteen bits a character."""

from __future__ import annotations

import re

from ansible_collections.airgap.conda.plugins.module_utils._secrets.settings import has_setting

# Not a secret but a place for one: ${TOKEN}, <token>, {token}, ***.
_PLACE = rb"(?![<${*])"
# Bytes that two blocks of a file share, so that what lies across both is seen: no shape is longer.
OVERLAP = 8 << 10
_RANDOM = rb"[A-Za-z0-9_-]"
# Kind -> how its tokens begin, where no word goes on, and what follows. A fixed beginning is found fast.
_TOKENS: dict[str, dict[bytes, bytes]] = {
    # Those with EXAMPLE are in Amazon's own documents.
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
        **dict.fromkeys((b"xox", b"xapp"), rb"[abeoprs]?-[A-Za-z0-9-]{10,}"),  # Slack
        b"hooks.slack.com/": rb"(?:services|workflows|triggers)/T\w+/\w+/\w+",
        b"webhook.office.com/webhookb2/": rb"[0-9a-f-]{36}@[0-9a-f-]{36}/\w+/[0-9a-f]{32}",
        b"discord": rb"(?:app)?\.com/api/webhooks/[0-9]{15,}/[\w-]{60,}",
        **dict.fromkeys((b"sk_live_", b"rk_live_"), rb"[A-Za-z0-9]{16,}"),  # Stripe
        b"AIza": rb"[A-Za-z0-9_-]{35}",  # Google
        b"GOCSPX-": rb"[A-Za-z0-9_-]{28}",
        b"ya29.": rb"[A-Za-z0-9_-]{20,}",
        b"SG.": rb"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",  # SendGrid
        b"dop_v1_": rb"[0-9a-f]{64}",  # DigitalOcean
        **dict.fromkeys((b"dckr_pat_", b"dckr_oat_"), rb"[A-Za-z0-9_-]{20,}"),  # Docker
        # AI services
        b"sk-": rb"(?:(?:ant|proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{48}\b|[0-9a-f]{32}\b)",
        **dict.fromkeys((b"pplx-", b"xai-", b"nvapi-", b"tvly-", b"gsk_", b"pcsk_"), _RANDOM + rb"{28,}"),
        b"r8_": rb"[A-Za-z0-9]{37}\b",
        **dict.fromkeys((b"lsv2_pt_", b"lsv2_sk_"), rb"[0-9a-f]{32}_"),
        b"dapi": rb"[0-9a-f]{32}\b",  # Databricks
        **dict.fromkeys((b"hvs.", b"hvb."), rb"[A-Za-z0-9_-]{24,}"),  # Vault
        **dict.fromkeys((b"ATATT3", b"ATCTT3"), rb"[A-Za-z0-9_=-]{50,}"),  # Atlassian
        b"ATBB": _RANDOM + rb"{28}",
        b"pfx_": rb"[A-Za-z0-9]{20,}",  # prefix.dev
        **dict.fromkeys((b"glsa_", b"glc_eyJ"), rb"[A-Za-z0-9]{32}"),  # Grafana
        **dict.fromkeys((b"shpat_", b"shpss_", b"shpca_", b"shppa_"), rb"[0-9a-f]{32}"),  # Shopify
        **dict.fromkeys((b"doo_v1_", b"dor_v1_", b"sntryu_"), rb"[0-9a-f]{64}"),  # DigitalOcean, Sentry
        **dict.fromkeys((b"sntrys_eyJ", b"ops_eyJ"), rb"[A-Za-z0-9+/=_-]{50,}"),  # Sentry, 1Password
        **dict.fromkeys((b"lin_api_", b"figd_", b"ntn_", b"whsec_", b"sq0atp-"), _RANDOM + rb"{20,}"),
        b"rubygems_": rb"[0-9a-f]{48}",
        b"NRAK-": rb"[0-9A-Z]{27}",  # New Relic
        b"HRKU-": rb"[\w-]{36,}",  # Heroku
        b"AKCp": _RANDOM + rb"{60,}",  # Artifactory
        b"LTAI": _RANDOM + rb"{20}\b",  # Alibaba
        b"dp.": rb"(?:pt|st|ct|scim|audit)\.[A-Za-z0-9.]{40,}",  # Doppler
        b"key-": rb"[0-9a-f]{32}\b",  # Mailgun
        b"pat": rb"[A-Za-z0-9]{14}\.[0-9a-f]{64}",  # Airtable
        b"atlasv1.": _RANDOM + rb"{60,}",  # Terraform
        b"refresh_token": rb"[\"']?\s*[:=]\s*[\"']?[\w/.-]{30,}",
        b"eyJ": rb"[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",  # JSON Web Token
        # Azure
        **dict.fromkeys((b"AccountKey=", b"SharedAccessKey="), rb"[A-Za-z0-9/+]{43,86}={1,2}"),
    },
    "a URL with a signature": {
        b"sig=": rb"(?:[A-Za-z0-9/+]|%2[BbFf]){43}(?:=|%3[Dd])",
        **dict.fromkeys((b"X-Amz-Signature=", b"X-Goog-Signature="), rb"[0-9a-f]{64}"),
    },
}
_HEADER = (
    rb"authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token)\s+[a-z0-9+/=_.~-]{8,}"
    rb"|[\"']auth[\"']\s*:\s*[\"'][a-z0-9+/]{8,}={0,2}[\"']"
)
_ARMOR = rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY"
# Kind -> one of these words is in a text that has it, in lower case, and the shape: a word is found faster.
_SHAPES: dict[str, tuple[tuple[bytes, ...], bytes]] = {
    "a password in a URL": ((b"://",), rb"://[^/\s:@'\"]*:" + _PLACE + rb"[^/\s@'\"]+@"),
    # A user alone may be a name: a token is long, or has digits too.
    "a token in a URL": (
        (b"://",),
        rb"https?://(?:(?=[^\s/@:]*[0-9])(?=[^\s/@:]*[A-Za-z])[\w.~%+-]{8,}|[\w.~+-]{20,})@[A-Za-z0-9\[]",
    ),
    # A forum's /t/<topic>/<number> is not a token.
    "a token in the URL of a channel": (
        (b"/t/",),
        rb"://[^\s/'\"]+/t/" + _PLACE + rb"[^/\s'\"]+/(?!\d+(?:[^\w-]|$))",
    ),
    "a private key": (
        (
            b"private key",
            b"putty-user-key-file",
            b"age-secret-key-1",
            b"secret key",
            b"private-key",
            b"privatekey",
            b'"d"',
        ),
        _ARMOR + rb"|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1[0-9A-Z]{20}"
        rb"|untrusted comment: (?:minisign encrypted|signify) secret key\r?\n|\((?:\d+:)?(?:protected-)?private-key ?\("
        rb"|PrivateKey\s*=\s*[A-Za-z0-9+/]{43}=|\"kty\"[^{}]*\"d\"\s*:\s*\"[\w-]{40,}\"",
    ),
    "an npm token": (
        (b"npm_", b":_"),
        rb"npm_(?<!\wnpm_)[A-Za-z0-9]{36}\b|:_(?:authToken|auth|password)\s*=\s*[\"']?" + _PLACE + rb"[^\s\"']{8,}",
    ),
    "an Anaconda token": ((b"-",), rb"-(?<=\b[a-z]{2}-)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    "a hashed password": (
        (b"$",),
        rb"\$(?:[156y]|apr1|2[abxy]|argon2(?:id?|d))\$[^\s:'\"]*[./A-Za-z0-9]{22,}(?<![A-Za-z0-9+/]\$)",
    ),
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
# A token says what it is for: some letters, and then many at random.
TOKEN = "a string shaped like a token"  # noqa: S105 - the name of a kind
_PREFIXED = re.compile(rb"[_-](?=[a-z0-9]*[A-Z])(?=[A-Z0-9]*[a-z])([A-Za-z0-9]{30,})(?![\w/+=-])")
_PREFIX = re.compile(rb"(?:^|[^\w/+=.-])[a-z][a-z0-9]{1,11}(?:[_-][a-z0-9]{1,8}){0,3}$")
_NETRC = re.compile(rb"\bpassword\s+" + _PLACE + rb"\S")
_NETRC_FILE = re.compile(r"(?:^|/)[._]netrc$")
# Letters with one to three NULs around each, after the first: UTF-16 and UTF-32, either order. A NUL is found fast.
_WIDE = re.compile(rb"\0(?:[\t\n\r -~]\0(?:\0\0)?){6,}[\t\n\r -~]?")


def _compiled(words: tuple[bytes, ...], shape: bytes) -> tuple[tuple[bytes, ...], re.Pattern[bytes]]:
    return words, re.compile(shape)


def _token(begin: bytes, rest: bytes) -> tuple[bytes, re.Pattern[bytes]]:
    return begin, re.compile(re.escape(begin) + rb"(?<!\w" + re.escape(begin) + rb")" + rest)


_FIND_TOKENS = {kind: [_token(*token) for token in tokens.items()] for kind, tokens in _TOKENS.items()}
_FIND_SHAPES = {kind: _compiled(*shape) for kind, shape in _SHAPES.items()}
_FIND_ANY_CASE = {kind: _compiled(*shape) for kind, shape in _ANY_CASE.items()}
KINDS = (*_TOKENS, *_SHAPES, *_ANY_CASE)


def shapes_in(block: bytes, name: str) -> list[str]:
    """Return the kinds of secrets whose shape is in a block of the file ``name``."""
    lower = block.lower()

    def has(text: bytes, words: tuple[bytes, ...], shape: re.Pattern[bytes]) -> bool:
        return any(word in lower for word in words) and bool(shape.search(text))

    kinds = [
        kind
        for kind, tokens in _FIND_TOKENS.items()
        if any(begin in block and token.search(block) for begin, token in tokens)
    ]
    kinds += [kind for kind, shape in _FIND_SHAPES.items() if has(block, *shape)]
    kinds += [kind for kind, shape in _FIND_ANY_CASE.items() if has(lower, *shape)]
    if _NETRC_FILE.search(name) and "a password for netrc" not in kinds and _NETRC.search(block):
        kinds.append("a password for netrc")
    if not kinds and any(map(_is_prefixed, _PREFIXED.finditer(block))):
        kinds.append(TOKEN)
    if has_setting(lower, name):
        kinds.append(SETTING)
    return kinds


def _is_prefixed(match: re.Match[bytes]) -> bool:
    digits = sum(char in b"0123456789" for char in match[1])
    return digits >= 3 and bool(_PREFIX.search(match.string, max(0, match.start() - 60), match.start()))


def narrowed(block: bytes) -> bytes:
    """Return what a block has of text in UTF-16 or UTF-32, as text of eight bits."""
    runs = (block[max(0, run.start() - 1) : run.end()] for run in _WIDE.finditer(block))
    return b"\n".join(run.replace(b"\0", b"") for run in runs)
