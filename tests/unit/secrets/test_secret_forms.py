# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Known secrets are found however tools write them, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import random
import re
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._secrets.forms import CREDENTIAL, WORD, Known, is_weak

WAYS: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda text: text.encode(),
    "in an address": lambda text: quote(text, safe="").encode(),
    "in an address, lower case": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, safe="")).encode(),
    "in an address, in part": lambda text: quote(text, safe="@+:=&$").encode(),
    "in an address, twice": lambda text: quote(quote(text, safe=""), safe="").encode(),
    "in a form": lambda text: quote_plus(text).encode(),
    "in JSON": lambda text: json.dumps(text).encode(),
    "in JSON, slash escaped": lambda text: json.dumps(text).replace("/", "\\/").encode(),
    "in JSON, as it is": lambda text: json.dumps(text, ensure_ascii=False).encode(),
    "in YAML, single quotes": lambda text: text.replace("'", "''").encode(),
    "in HTML": lambda text: html.escape(text).encode(),
    "in a shell": lambda text: ("'" + text.replace("'", "'\\''") + "'").encode(),
    "in a shell, backslashes": lambda text: re.sub(r"([^A-Za-z0-9._~-])", r"\\\1", text).encode(),
    "in an INI file": lambda text: text.replace("%", "%%").encode(),
    "UTF-16, little end": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end": lambda text: text.encode("utf-16-be"),
    "UTF-16, in an address": lambda text: quote(text, safe="").encode("utf-16-le"),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one before": lambda text: base64.b64encode(f"u{text}".encode()),
    "base64, user before": lambda text: base64.b64encode(f"me:{text}".encode()),
    "base64, user and more": lambda text: base64.b64encode(f"someone:{text}@host".encode()),
    "base64 of addresses": lambda text: base64.urlsafe_b64encode(f"a:{text}:b".encode()),
    "base64 in an address": lambda text: quote(base64.b64encode(f"ab:{text}".encode()), safe="").encode(),
}
SECRETS = [
    "canary-7f3a9c", "pa@ss/w0rd+x", "a!b@c#d$e%f", "%2b+&'\"\\1a", "p\u00e4ssw\u00f6rt1", "geheim wort 1",
    "abcdefghijkl", "x+/y" * 20, "1qaz@WSX", "~" * 12 + "a", "??>>??>>ab",
]  # fmt: skip


SHORT_RUNS = {"a!b@c#d$e%f", "%2b+&'\"\\1a", "p\u00e4ssw\u00f6rt1", "x+/y" * 20, "~" * 12 + "a", "??>>??>>ab"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_found_in_every_way_of_writing_it(secret: str, way: str) -> None:
    if way.startswith("UTF-16") and not secret.isascii():
        pytest.skip("known by its other forms")
    block = b"\n" * 500 + b"\x00\xff= " + WAYS[way](secret) + b" \x00\xff" + b"x" * 500
    # One without a run of letters and digits is found in a package's file as it is and in an address.
    own = secret in SHORT_RUNS
    assert Known([secret, "another-0ne"]).kind_in(block, own) == CREDENTIAL
    assert Known(["another-0ne"]).kind_in(block, own=True) == ""


@pytest.mark.parametrize("way", WAYS)
def test_random_secrets_are_found_too(way: str) -> None:
    numbers = random.Random(7)  # noqa: S311 - the same secrets every time
    for _round in range(40):
        alphabet = string.ascii_letters + string.digits + string.punctuation
        secret = "".join(numbers.choices(alphabet, k=numbers.randint(6, 40)))
        if is_weak(secret):
            continue
        assert Known([secret]).kind_in(b"= " + WAYS[way](secret) + b" ", own=True) == CREDENTIAL, secret


def test_what_is_alike_is_no_secret() -> None:
    known = Known(["pa@ss/w0rd", "canary-7f3a9c"])
    for text in (b"pa-ss/w0rd", b"pa%41ss%2Fw0rd", b"canary_7f3a9c", b"canary-7F3A9C", b"w0rd" * 50):
        assert known.kind_in(text, own=True) == ""


@pytest.mark.parametrize("text", ["conda", "x", "geh3m", "geheim", "12345678", "password"])
def test_short_and_plain_ones_are_weak(text: str) -> None:
    assert is_weak(text)
    block = b"https://repo.ana%s.org and %sing to b%s" % ((text.encode(),) * 3)
    assert Known([text]).kind_in(block, own=True) in ("", WORD)
    assert Known([text]).kind_in(block, own=False) == ""


def test_masking_leaves_nothing_of_it() -> None:
    known = Known(["pa@ss1", "pa@ss1-longer"])
    assert known.mask(b"a/pa%40ss1-longer/pa@ss1") == b"a/***/***"
    name = b"a/" + base64.b64encode(b"me:pa@ss1-longer") + b"/file"
    assert known.mask(name) == b"a/***/file"
    assert not Known([])
    assert Known([]).mask(b"x") == b"x"
