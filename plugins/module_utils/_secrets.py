# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep secrets out of what is signed: scrub the files in which tools write them, look for those that are left.

Two looks. The credentials that this build was given are looked for as they are, in every byte of every file. What only
has the shape of a secret is looked for where no package put it: in 604 MiB of 32 public packages, 24 files had the
shape of a key or token and 134 that of a password or token in an address. What anyone can download is no secret.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ansible_collections.airgap.conda.plugins.module_utils._auth import known_secrets
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._files import BLOCK
from ansible_collections.airgap.conda.plugins.module_utils._prefix import write_anew
from ansible_collections.airgap.conda.plugins.module_utils._release import ERROR, Finding
from ansible_collections.airgap.conda.plugins.module_utils._urls import without_credentials

# The name of the finding, for allow in release.yml.
SECRET = "secret-in-release"  # noqa: S105 - the name of a finding
CREDENTIAL = "a credential that this build used"
# Where conda, pip and people write addresses with credentials, relative to a prefix.
SCRUBBED = (
    "conda-meta/*", ".condarc", "condarc", "condarc.d/*", ".mambarc", "pip.conf",
    "lib/python3*/site-packages/*.dist-info/direct_url.json",
)  # fmt: skip
# An address, up to where texts and configurations end it.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>\\]+")
# Not a secret but a place for one: ${TOKEN}, <token>, {token}, ***.
_PLACE = rb"(?![<${*])"
SHAPES = {
    "a password in an address": re.compile(rb"://[^/\s:@'\"]+:" + _PLACE + rb"[^/\s@'\"]+@"),
    "a token in the address of a channel": re.compile(rb"://[^\s/'\"]+/t/" + _PLACE + rb"[^/\s'\"]+/"),
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    # Those that end in EXAMPLE stand in Amazon's own documents.
    "an AWS access key": re.compile(rb"\b(?:AKIA|ASIA)(?![0-9A-Z]*EXAMPLE)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})"),
    "a PyPI token": re.compile(rb"\bpypi-Ag[A-Za-z0-9_-]{32,}"),
    "an Anaconda token": re.compile(rb"\b[a-z]{2}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    "a Hugging Face token": re.compile(rb"\bhf_[A-Za-z0-9]{34}\b"),
}
_NETRC = re.compile(rb"\bpassword\s+" + _PLACE + rb"\S+")
_NETRC_NAMES = (".netrc", "_netrc")
# Files that may hold a secret wherever they come from: what is in them was written on this machine.
_ALWAYS = (*_NETRC_NAMES, ".condarc", ".mambarc", ".pypirc", "pip.conf", "direct_url.json")
# Bytes of a file that are searched for shapes. Text that people write is shorter.
_LIMIT = 8 << 20
# Where conda and pip find addresses, with credentials maybe: variables that hold them, and that name a file of them.
ADDRESSES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "CONDA_CHANNELS", "CONDA_CHANNEL_ALIAS")
NAMED = ("PIP_CONFIG_FILE", "CONDARC", "MAMBARC")
CONFIGURATIONS = ("~/.condarc", "~/.mambarc", "~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/pip.conf")
_IN_ADDRESS = re.compile(r"://[^/\s:@'\"]*:([^/\s@'\"]+)@|://[^\s/'\"]+/t/([^/\s'\"]+)/")
# Characters that a credential must have to be looked for in every file: shorter ones stand everywhere by chance.
SHORTEST = 6


@dataclass(frozen=True)
class Leak:
    """A secret in a file: ``path`` relative to the tree or the release, ``kind`` in words. The secret is nowhere."""

    path: str
    kind: str


def scrub(tree: Path) -> None:
    """Take users, passwords and tokens out of the addresses in the files in which conda and pip write them."""
    for pattern in SCRUBBED:
        for path in sorted(tree.glob(pattern)):
            if path.is_symlink() or not path.is_file():
                continue
            data = path.read_bytes()
            if b"@" not in data and b"/t/" not in data:
                continue
            clean = _ADDRESS.sub(lambda match: without_credentials(match[0]), data.decode("utf-8", "surrogateescape"))
            new = clean.encode("utf-8", "surrogateescape")
            if new != data:
                write_anew(path, new, path.stat().st_mode & 0o777)


def credentials_of(file: str | None) -> tuple[str, ...]:
    """Return the passwords and tokens that this build may have used: of the file of credentials, and of this machine.

    Those are what conda, pip and rattler take by themselves: addresses in their configurations, and a netrc.
    """
    found = known_secrets(file)
    texts = [os.environ.get(name, "") for name in ADDRESSES]
    texts += [_text(name) for name in (*CONFIGURATIONS, *(os.environ.get(name, "") for name in NAMED)) if name]
    for text in texts:
        found |= {unquote(part) for match in _IN_ADDRESS.finditer(text) for part in match.groups() if part}
    for name in (os.environ.get("NETRC"), "~/.netrc"):
        found |= {match[1] for match in re.finditer(r"\bpassword\s+(\S+)", _text(name or ""))}
    return tuple(sorted(text for text in found if len(text) >= SHORTEST))


def _text(name: str) -> str:
    try:
        return Path(name).expanduser().read_text(encoding="utf-8", errors="replace") if name else ""
    except OSError:
        return ""


def find_leaks(
    tree: Path, paths: Sequence[str], records: Iterable[Mapping[str, Any]], credentials: Sequence[str]
) -> list[Leak]:
    """Return the secrets in the regular files ``paths`` of a tree; ``records`` are those of its conda packages.

    Reads every byte only when there are credentials to look for: 407 MB in 0.7 s of one core, from the kernel's memory.
    """
    owned = _owned(tree, records)
    own = [path for path in paths if path not in owned or path.endswith(_ALWAYS)]
    shaped = [leak for path in own if not path.endswith(".pyc") for leak in _shapes(tree, path)]
    return [*_known(tree, paths, credentials), *shaped]


def find_in_names(tree: Path, paths: Iterable[str], credentials: Sequence[str]) -> list[Leak]:
    """Return those of ``paths`` that have a credential of the build in their name, or where they lead as a link."""
    wanted, leaks = _forms(credentials), []
    for path in paths if wanted else ():
        target = os.readlink(f"{tree}/{path}") if os.path.islink(f"{tree}/{path}") else ""
        if any(text in os.fsencode(name) for name in (path, target) for text in wanted):
            shown = re.sub(b"|".join(map(re.escape, wanted)), b"***", os.fsencode(path))
            leaks.append(Leak(os.fsdecode(shown), CREDENTIAL))
    return leaks


def find_in_documents(folder: Path, names: Iterable[str], credentials: Sequence[str]) -> list[Leak]:
    """Return the secrets in the documents of a release, which people and tools wrote here."""
    names = sorted(names)
    return [*_known(folder, names, credentials), *(leak for name in names for leak in _shapes(folder, name))]


def require_none(leaks: Sequence[Leak], name: str, where: str, allow: Mapping[str, str]) -> list[Finding]:
    """Refuse to go on with secrets in a release; returns a finding for those that release.yml allows with a reason.

    A credential of the build itself is never allowed. ``name`` is that of the release.
    """
    reason = allow.get(SECRET, "")
    refused = [leak for leak in leaks if not reason or leak.kind == CREDENTIAL]
    if refused:
        listed = [f"{leak.path} ({leak.kind})" for leak in refused]
        more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
        raise AirgapError(
            f"{name} would carry secrets to every host",
            wanted="no password, token or private key in what is signed",
            found=", ".join(listed[:10]) + more,
            where=where,
            remedy="take them out of these files, and change them if the environment was shown to anyone"
            + ("" if any(leak.kind == CREDENTIAL for leak in refused) else
               f"; keys for tests only are allowed by allow: {{{SECRET}: the reason}} in release.yml"),
        )  # fmt: skip
    return [Finding(SECRET, ERROR, f"{leak.kind} in {leak.path}", allowed=reason) for leak in leaks]


def _known(folder: Path, paths: Iterable[str], credentials: Sequence[str]) -> Iterator[Leak]:
    wanted = _forms(credentials)
    overlap = max(map(len, wanted), default=1) - 1
    for path in paths if wanted else ():
        if any(block.find(text) >= 0 for block in _blocks(f"{folder}/{path}", overlap) for text in wanted):
            yield Leak(path, CREDENTIAL)


def _forms(credentials: Iterable[str]) -> set[bytes]:
    # In an address, a password has its special characters as %40.
    return {form.encode() for text in credentials for form in (text, quote(text, safe=""))}


def _blocks(path: str, overlap: int) -> Iterator[bytes]:
    """Yield a file in blocks that begin with the end of the one before: a secret may lie across two."""
    with open(path, "rb", buffering=0) as stream:
        tail = b""
        while block := stream.read(BLOCK):
            yield tail + block
            tail = block[max(0, len(block) - overlap) :]


def _shapes(folder: Path, path: str) -> Iterator[Leak]:
    with open(f"{folder}/{path}", "rb") as stream:
        content = stream.read(_LIMIT)
    for kind, shape in SHAPES.items():
        if shape.search(content):
            yield Leak(path, kind)
    if path.endswith(_NETRC_NAMES) and _NETRC.search(content):
        yield Leak(path, "a password for netrc")


def _owned(tree: Path, records: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the paths that a package brought: what conda lists, and what pip lists for the packages it installed."""
    owned = {str(path) for record in records for path in record.get("files") or ()}
    for listing in tree.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        if str(listing.relative_to(tree)) in owned:
            continue
        base = listing.parent.parent.relative_to(tree)
        with open(listing, encoding="utf-8", errors="replace", newline="") as stream:
            owned |= {os.path.normpath(base / row[0]) for row in csv.reader(stream) if row}
    return owned
