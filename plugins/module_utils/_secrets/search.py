# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep secrets out of what is signed: scrub the files in which tools write them, look for those that are left.

Two looks. The credentials that this build was given are looked for as they are, in every byte of every file. What only
has the shape of a secret is looked for where no package put it: in 604 MiB of 32 public packages, 24 files had the
shape of a key or token and 134 that of a password or token in an address. What anyone can download is not a secret.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.unshared import write_anew
from ansible_collections.airgap.conda.plugins.module_utils._base.urls import without_credentials
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import BLOCK
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import ERROR, Finding
from ansible_collections.airgap.conda.plugins.module_utils._contract.site import site_folders
from ansible_collections.airgap.conda.plugins.module_utils._secrets import members
from ansible_collections.airgap.conda.plugins.module_utils._secrets import shapes as _secret_shapes
from ansible_collections.airgap.conda.plugins.module_utils._secrets.forms import CREDENTIAL, Known
from ansible_collections.airgap.conda.plugins.module_utils._secrets.runs import text_of
from ansible_collections.airgap.conda.plugins.module_utils._secrets.unfolded import unfolded

# The name of the finding, for allow in release.yml.
SECRET = "secret-in-release"  # noqa: S105 - the name of a finding
# What is packed deeper, or unpacks to more, than is searched.
UNSEARCHED = "more packed data than the search limit"
# Where conda, pip and people write addresses with credentials, relative to a prefix.
SCRUBBED = ("conda-meta/*", ".condarc", "condarc", "condarc.d/*", ".mambarc", "pip.conf")
# An address, up to where texts and configurations end it.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>\\]+")
# Files that may hold a secret wherever they come from: what is in them was written on this machine.
_ALWAYS = re.compile(
    r"(?:^|/)(?:[._]netrc|\.condarc|\.mambarc|\.pypirc|\.npmrc|\.git-credentials|\.git/config|pip\.conf|direct_url\.json"
    r"|conda-meta/(?:state|history))$"
)
_ELF = b"\x7fELF"


@dataclass(frozen=True)
class Leak:
    """A secret in a file: ``path`` relative to the tree or the release, ``kind`` in words. The secret is nowhere."""

    path: str
    kind: str


def scrub(tree: Path) -> None:
    """Take users, passwords and tokens out of the addresses in the files in which conda and pip write them."""
    found = [path for pattern in SCRUBBED for path in tree.glob(pattern)]
    found += [path for site in site_folders(tree) for path in site.glob("*.dist-info/direct_url.json")]
    for path in sorted(found):
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        if b"@" not in data and b"/t/" not in data:
            continue
        clean = _ADDRESS.sub(lambda match: without_credentials(match[0]), data.decode("utf-8", "surrogateescape"))
        new = clean.encode("utf-8", "surrogateescape")
        if new != data:
            write_anew(path, new, path.stat().st_mode & 0o777)


def find_leaks(
    tree: Path, paths: Sequence[str], records: Iterable[Mapping[str, Any]], credentials: Sequence[str]
) -> list[Leak]:
    """Return the secrets in the regular files ``paths`` of a tree; ``records`` are those of its conda packages.

    Reads what packages brought only when there are credentials to look for: 450 MB in 0.3 s of one core for each.
    """
    owned, known, present = _owned(tree, records), Known(credentials), set(paths)
    leaks = []
    for path in paths:
        own = path not in owned or bool(_ALWAYS.search(path))
        if own or known:
            # Byte code has no shape that its source has not.
            shapes = own and not (path.endswith(".pyc") and _source_of(path) in present)
            leaks += _search(tree, path, known, own, shapes)
    return leaks


def find_in_names(tree: Path, paths: Iterable[str], credentials: Sequence[str]) -> list[Leak]:
    """Return those of ``paths`` that have a credential of the build in their name, or where they lead as a link."""
    known, leaks = Known(credentials), []
    for path in paths if known else ():
        target = os.readlink(f"{tree}/{path}") if os.path.islink(f"{tree}/{path}") else ""
        kind = known.kind_in(os.fsencode(f"{path}\n{target}"), own=True)
        if kind:
            leaks.append(Leak(_masked(path, known), kind))
    return leaks


def find_in_documents(folder: Path, names: Iterable[str], credentials: Sequence[str]) -> list[Leak]:
    """Return the secrets in the documents of a release, which people and tools wrote here."""
    known = Known(credentials)
    return [leak for name in sorted(names) for leak in _search(folder, name, known, own=True, shapes=True)]


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
            f"{name} would carry secrets to every host", code="secrets-found",
            wanted="no password, token or private key in a signed release",
            found=", ".join(listed[:10]) + more,
            where=where,
            remedy="remove them from these files, and change them if anyone has seen the environment"
            + ("" if any(leak.kind == CREDENTIAL for leak in refused) else
               f"; to allow keys that only tests use, write allow: {{{SECRET}: the reason}} in release.yml"),
        )  # fmt: skip
    return [Finding(SECRET, ERROR, f"{leak.kind} in {leak.path}", allowed=reason) for leak in leaks]


class _Look:
    """Looks at one file, or one member of a packed one, piece by piece; what is found joins ``kinds``."""

    def __init__(self, known: Known, own: bool, shapes: bool, name: str, kinds: dict[str, str]) -> None:
        self._known, self._own, self._shapes, self._name, self._kinds = known, own, shapes, name, kinds
        self._overlap = max(known.overlap, _secret_shapes.OVERLAP if shapes else 0)
        self._tail = b""
        self._plain_only: bool | None = None

    def __call__(self, data: bytes) -> None:
        if self._plain_only is None:
            # Nobody compiles base64 or UTF-16 of a bastion's password into a library, and these are most of a tree.
            self._plain_only = not self._own and data.startswith(_ELF)
        block = self._tail + data if self._tail else data
        self._tail = block[max(0, len(block) - self._overlap) :]
        texts = [block]
        if self._own:
            texts = [text_of(block)]
            texts += filter(None, [_secret_shapes.narrowed(block)])
            texts += [more for text in texts for more in unfolded(text)]
        found = [kind for text in texts for kind in _secret_shapes.shapes_in(text, self._name)] if self._shapes else []
        if self._known:
            # The first text is what the block has of text; a credential may have bytes that are none.
            found += [self._known.kind_in(text, self._own, self._plain_only) for text in (block, *texts[1:])]
        for kind in filter(None, found):
            self._kinds.setdefault(kind, self._name)


def _search(folder: Path, path: str, known: Known, own: bool, shapes: bool) -> list[Leak]:
    kinds: dict[str, str] = {}

    def look_at(member: str) -> _Look:
        look = _Look(known, own, shapes, f"{path}:{member}" if member else path, kinds)
        if member:
            look(member.encode("utf-8", "surrogateescape") + b"\n")
        return look

    with open(f"{folder}/{path}", "rb", buffering=0) as stream:
        if not own:
            # Most files of a tree are small and plain: one look, without what the others need.
            data = stream.read(min(BLOCK, os.fstat(stream.fileno()).st_size + 1))
            if len(data) < BLOCK and not members.kind_of(data):
                kind = known.kind_in(data, own, data.startswith(_ELF))
                return [Leak(_masked(path, known), kind)] if kind else []
            stream.seek(0)
        try:
            members.search(stream, look_at, zip_at_end=own)
        except members.TooMuch:
            if own:
                kinds[UNSEARCHED] = path
    return [Leak(_masked(name, known), kind) for kind, name in kinds.items()]


def _masked(path: str, known: Known) -> str:
    return os.fsdecode(known.mask(path.encode("utf-8", "surrogateescape")))


def _source_of(path: str) -> str:
    folder, _slash, name = path.rpartition("/__pycache__/")
    return f"{folder}/{name.partition('.')[0]}.py"


def _owned(tree: Path, records: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the paths that a package brought: what conda lists, and what pip lists for the packages it installed."""
    owned = {str(path) for record in records for path in record.get("files") or ()}
    for listing in (path for site in site_folders(tree) for path in site.glob("*.dist-info/RECORD")):
        if str(listing.relative_to(tree)) in owned:
            continue
        base = listing.parent.parent.relative_to(tree)
        with open(listing, encoding="utf-8", errors="replace", newline="") as stream:
            owned |= {os.path.normpath(base / row[0]) for row in csv.reader(stream) if row}
    return owned
