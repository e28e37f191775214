# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The address of a depot that a web server has."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import mask_credentials

SCHEMES = ("http", "https")
WANTED = "https://SERVER/PATH or http://SERVER/PATH, without a user, a password, ? and #"
# What may stand in a URL; anything else is written as %XX.
PLAIN = re.compile(r"[A-Za-z0-9._~:/\[\]!$&'()*+,;=%@-]+")
LONGEST = 2_000


def is_url(text: str) -> bool:
    """Tell whether a text is meant as an address, and not as a path."""
    return text.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def without_secrets(text: str) -> str:
    """Return what was given in place of an address, without user and password, for a message."""
    return clean(mask_credentials(text))


def url_fault(text: str) -> str:
    """Tell why a text is no address of a depot; empty if it is one. Nothing secret in it is repeated."""
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError as error:
        return without_secrets(str(error))
    if "@" in split.netloc:
        # Command lines, units, receipts and logs are read by others.
        return "a user or a password in it"
    if not is_url(text) or not split.hostname or port == 0:
        return without_secrets(text)
    if split.query or split.fragment or len(text) > LONGEST or not PLAIN.fullmatch(text):
        return without_secrets(text)
    return ""


def require_url(text: str, where: str = "the command line") -> SplitResult:
    """Return the parts of an address; raises AirgapError for what is none, or has a password in it."""
    fault = url_fault(text)
    if fault:
        raise AirgapError(
            "This is no address of a depot",
            wanted=WANTED,
            found=fault,
            where=where,
            remedy="correct it; a depot needs no login, because releases are signed and have no secrets in them",
            code="url-unusable",
        )
    return urlsplit(text.rstrip("/"))


def origin(split: SplitResult) -> tuple[str, str, int]:
    """Return scheme, host and port of an address."""
    scheme = split.scheme.lower()
    return scheme, split.hostname or "", split.port or (443 if scheme == "https" else 80)
