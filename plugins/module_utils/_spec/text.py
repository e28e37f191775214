# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the text of a file that a spec is made of, whatever wrote it, and refuse credentials in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError, Faults

_USER_IN_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/\s?#]+|[^/\s:?#]*:[^/\s]*)@")
_USER_BEFORE_HOST = re.compile(
    r"""(?:^|(?<=[\s"'\[,(<]))(?P<user>[^\s/:@"'#(<]+):(?P<password>[^\s/@:]+)@[\w-]+\.[\w.-]+(?P<path>[:/]\S)?"""
)
# conda's token follows the host, or the path of an alias on it, and a channel follows the token. The
# /t/<topic>/<number> of a forum is not a token.
_TOKEN = re.compile(
    r"(?:https?://[^\s/]+(?P<alias>(?:/[^\s/]+){0,3}?)|(?<![\w/.-])[\w-]+(?:\.[\w-]+)+(?::\d+)?)"
    r"/t/(?P<token>[^/\s\"']+)/(?P<channel>[^/\s\"']+)"
)
_FORUM = re.compile(r"\d+(?:[?#].*)?\W*")
# Placeholders of secrets: a variable that pip expands, or a text for the reader to replace.
_PLACE = re.compile(r"\$\{?\w+\}?|<.*>|\{+.*\}+|\*+")
# Prefixes of mail addresses: mailto:, and how people write it in comments.
_LABEL = re.compile(
    r"(?:mailto|xmpp|sips?|acct|im|e-?mail|mail|contacts?|authors?|autor(?:en)?|kontakt|maintainers?|owners?|by|from|to"
    r"|cc|support|help|questions?|credits?)",
    re.IGNORECASE,
)


def read_text(path: Path) -> str:
    """Return the text of a file a spec is made of, which must be free of credentials.

    It may be in UTF-8, or in UTF-16 or UTF-32, as PowerShell's ``>`` writes it.
    """
    if not path.is_file():
        found = "a directory" if path.is_dir() else "a broken link" if os.path.lexists(path) else "no such file"
        raise _unreadable(path, found, "check the path and its spelling")
    try:
        with open(path, "rb") as stream:
            raw = stream.read(limits.DOCUMENT + 1)
    except OSError as error:
        raise _unreadable(path, str(error.strerror), "give the building user permission to read it") from error
    if len(raw) > limits.DOCUMENT:
        raise _unreadable(path, f"more than {limits.DOCUMENT} bytes", "make it shorter, or name the right file")
    text = _decoded(raw, path)
    faults = Faults()
    for number, line in enumerate(text.splitlines(), start=1):
        with faults.gathered():
            refuse_credentials(line, f"{path}:{number}")
    faults.tell(path.name)
    return text


def _decoded(raw: bytes, path: Path) -> str:
    encoding = json.detect_encoding(raw)  # by the byte order mark, or by where the NULs are
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        wide = not encoding.startswith("utf-8")
        raise AirgapError(
            f"The file is not {encoding.upper()}" if wide else "The file is not UTF-8",
            code="encoding",
            wanted="a text file in UTF-8",
            found=f"the byte 0x{raw[error.start]:02x}",
            where=f"{path}:{line}",
            remedy="write the file again: it begins as UTF-16 or UTF-32, but does not continue so"
            if wide
            else "save it as UTF-8; 'iconv -f WINDOWS-1252 -t UTF-8' converts files of older Windows versions",
        ) from error


def refuse_credentials(text: str, where: str) -> None:
    """Refuse a user name, password or token in an address; the error never repeats it, and ``where`` gets the column.

    A spec is copied into the depot and from there to every host, comments included.
    """
    for column, found in _credentials_in(text):
        raise AirgapError(
            "The release would carry credentials to every host",
            code="spec-credentials",
            wanted="URLs without credentials",
            found=found,
            where=f"{where}:{column}",
            remedy="remove them here, change them if the file was shared, and keep them in the bastion's "
            "own configuration (channel authentication of conda, pip.conf, .netrc)",
        )


def _credentials_in(text: str) -> Iterator[tuple[int, str]]:
    comment = _comment(text)
    for match in _USER_IN_URL.finditer(text):
        user, colon, password = match["user"].partition(":")
        # ssh and git servers have one user for everybody, who is not a secret.
        named = not colon and (match["scheme"].endswith("ssh") or user == "git")
        if not named and not (_PLACE.fullmatch(user) and (not colon or _PLACE.fullmatch(password))):
            yield match.start() + 1, "a user name or password in a URL"
    for match in _USER_BEFORE_HOST.finditer(text):
        # In a comment it is more likely the address of a person, unless the address of a server goes on.
        person = match.start() >= comment and not match["path"] and match["password"].replace(".", "").isalpha()
        if not person and not _LABEL.fullmatch(match["user"]) and not _PLACE.fullmatch(match["password"]):
            yield match.start() + 1, "a user name and password before a host"
    for match in _TOKEN.finditer(text):
        token = match["token"]
        # Behind a path, /t/ in a comment is a folder as often.
        folder = match["alias"] and match.start() >= comment and len(token) < 20 and not any(map(str.isdigit, token))
        if not folder and not _PLACE.fullmatch(token) and not _FORUM.fullmatch(match["channel"]):
            yield match.start() + 1, "an access token (/t/...) in a URL"


def _comment(text: str) -> int:
    """Return where the comment of a line begins, or the line's end."""
    match = re.search(r"(?:^|\s)#", text)
    return match.start() if match else len(text)


def _unreadable(path: Path, found: str, remedy: str) -> AirgapError:
    return AirgapError(
        f"{path.name} cannot be read",
        code="file-unreadable",
        wanted="a readable file",
        found=found,
        where=str(path),
        remedy=remedy,
    )
