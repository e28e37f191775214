# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which key an ssh signature says it was made with (PROTOCOL.sshsig). That it was, ssh-keygen alone can tell."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

BEGIN, END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
# As in key.pub: the kind of key, and the key.
PUBLIC = re.compile(r"[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,4096}={0,2}")


def key_in(signature: bytes) -> str:
    """Return the public key in a signature, as in key.pub; raises ValueError for what is no signature."""
    before, begin, rest = signature.partition(BEGIN)
    armour, end, _after = rest.partition(END)
    if before.strip() or not begin or not end:
        raise ValueError("no ssh signature")
    try:
        blob = base64.b64decode(b"".join(armour.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"no ssh signature: {error}") from error
    if not blob.startswith(_MAGIC):
        raise ValueError("no ssh signature")
    key, _rest = _text(blob[len(_MAGIC) + 4 :])
    kind, _rest = _text(key)
    line = f"{kind.decode('ascii', 'replace')} {base64.b64encode(key).decode('ascii')}"
    if not PUBLIC.fullmatch(line):
        raise ValueError("an ssh signature without a key")
    return line


def has_more(signature: bytes) -> bool:
    """Tell whether anything but the end of the line follows a signature; of what is none, ssh-keygen can tell."""
    return signature.partition(END)[2] not in (b"", b"\n")


def fingerprint(key: str) -> str:
    """Return a public key as ssh-keygen -l shows it: ``SHA256:…``."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def fingerprint_in(signature: bytes) -> str:
    """Return the fingerprint of the key in a signature; empty for what is no signature."""
    try:
        return fingerprint(key_in(signature))
    except ValueError:
        return ""


def _text(blob: bytes) -> tuple[bytes, bytes]:
    """Return the first field of a blob, and what follows it."""
    size = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 + size:
        raise ValueError("an ssh signature that ends too early")
    return blob[4 : 4 + size], blob[4 + size :]
