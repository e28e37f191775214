# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trusted core: bytes in, a typed and verified release out. It opens nothing, writes nothing and starts nothing.

The chain of trust runs downwards: something vouches for manifest.json, the manifest holds the hash of files.json.zst,
of every document and of every part of every payload, files.json holds the hash of every file. A ``TrustedRelease``
takes the bytes in that order, and gives out only what it has taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault, Item
from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import (
    FILES,
    MANIFEST,
    SIGNATURE,
    Manifest,
)
from ansible_collections.airgap.conda.plugins.module_utils._contract.rules import parse_manifest, read_files

# Takes the bytes of a manifest and of its signature; returns who signed, and raises AirgapError unless that one may.
Verify = Callable[[bytes, bytes], str]


class OutOfOrderError(RuntimeError):
    """A step before the one that vouches for it, or one that is taken twice: the program is wrong, not the release."""


class OtherContentError(FileFault):
    """A file that has another hash than the one that is vouched for; ``sha256`` is what it has."""

    def __init__(self, sha256: str) -> None:
        super().__init__("other content")
        self.sha256 = sha256


@dataclass(frozen=True)
class Content:
    """A file of a release as its manifest has it: ``size`` in bytes, None for any, ``limit`` the most to be read."""

    name: str
    sha256: str
    size: int | None
    limit: int

    def require(self, item: Item) -> None:
        """Raise FileFault when what was read is not this content."""
        if self.size not in (None, item.size):
            raise FileFault(f"{item.size} bytes instead of {self.size}")
        if item.sha256 != self.sha256:
            raise OtherContentError(item.sha256)


class TrustedRelease:
    """A release in the folder ``where``, which only messages name.

    First, and once, its manifest: ``signed``, ``hashed`` or ``recorded``. Then, in any order, what the manifest names:
    ``accept`` for what was measured, ``accept_bytes`` and ``entries`` for what was read. ``require_whole`` at the end.
    Each raises FileFault for what is not vouched for, AirgapError for what breaks the rules of a release, and
    OutOfOrderError for a step that comes too early.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._manifest: Manifest | None = None
        self._named: tuple[Content, ...] = ()
        self._contents: dict[str, Content] = {}
        self._accepted: set[str] = set()
        self._signer = ""

    def signed(self, data: bytes, signature: bytes, verify: Verify) -> Manifest:
        """Take a manifest for whose very bytes ``verify`` finds an allowed signer; nothing of it is read before."""
        self._require_first()
        signer = verify(data, signature)
        if not signer:
            raise OutOfOrderError("nobody signed, and that was not refused")
        return self._take(data, _sum(signature), signer)

    def hashed(self, data: bytes, sha256: str, signature_sha256: str = "") -> Manifest:
        """Take a manifest with the hash that somebody tells who verified it; the signature is a file like others."""
        self._require_first()
        Content(MANIFEST, sha256, None, limits.MANIFEST).require(Item(MANIFEST, len(data), _sum(data)))
        return self._take(data, signature_sha256)

    def recorded(self, data: bytes) -> Manifest:
        """Take a manifest for which nothing vouches but who may write in its folder; ``signer`` stays empty."""
        self._require_first()
        return self._take(data, "")

    def _require_first(self) -> None:
        if self._manifest is not None:
            raise OutOfOrderError("a release has one manifest")

    def _take(self, data: bytes, signature_sha256: str, signer: str = "") -> Manifest:
        manifest = parse_manifest(data, f"{self._where}/{MANIFEST}")
        self._named = (
            *(Content(p.name, p.sha256, p.size, limits.PART) for payload in manifest.payloads for p in payload.parts),
            Content(FILES, manifest.files_sha256, None, limits.FILES_PACKED),
            *(Content(name, sha256, None, limits.DOCUMENT) for name, sha256 in sorted(manifest.documents.items())),
        )
        itself = Content(MANIFEST, _sum(data), len(data), limits.MANIFEST)
        signature = Content(SIGNATURE, signature_sha256, None, limits.SIGNATURE)
        others = (itself, signature) if signature_sha256 else (itself,)
        self._contents = {content.name: content for content in (*self._named, *others)}
        self._manifest, self._signer = manifest, signer
        return manifest

    @property
    def manifest(self) -> Manifest:
        """The manifest that was taken."""
        if self._manifest is None:
            raise OutOfOrderError("nothing vouches for this release yet")
        return self._manifest

    @property
    def signer(self) -> str:
        """Who signed, as far as that was verified here; empty where a hash or a folder vouches."""
        return self._signer if self.manifest else ""

    @property
    def manifest_sha256(self) -> str:
        """The hash of the manifest that was taken."""
        return self.content(MANIFEST).sha256

    @property
    def signature_sha256(self) -> str:
        """The hash of the signature that was verified here, or elsewhere by whoever told it."""
        return self.content(SIGNATURE).sha256

    def require_name(self, env: str, release: str, remedy: str) -> None:
        """Raise AirgapError when this is another release than the one that its folder is named after."""
        if (self.manifest.env, self.manifest.id) != (env, release):
            raise AirgapError(
                "A release is in the folder of another release",
                code="release-misplaced",
                wanted=f"{env} {release}",
                found=f"{self.manifest.env} {self.manifest.id}",
                where=f"{self._where}/{MANIFEST}",
                remedy=remedy,
            )

    def contents(self) -> tuple[Content, ...]:
        """Return what the manifest names, parts first; a release is these files, its manifest and its signature."""
        return self._named if self.manifest else ()

    def content(self, name: str) -> Content:
        """Return what is vouched for under a name; FileFault where that is nothing."""
        if self.manifest and name not in self._contents:
            raise FileFault("not a file of this release")
        return self._contents[name]

    def accept(self, item: Item) -> None:
        """Take a file that was measured."""
        self.content(item.name).require(item)
        self._accepted.add(item.name)

    def accept_bytes(self, name: str, data: bytes) -> None:
        """Take a file that was read."""
        self.accept(Item(name, len(data), _sum(data)))

    def entries(self, data: bytes) -> list[FileEntry]:
        """Take files.json.zst and return what it lists."""
        self.accept_bytes(FILES, data)
        return read_files(data, f"{self._where}/{FILES}")

    def require_whole(self) -> None:
        """Raise OutOfOrderError unless all that the manifest names was taken."""
        missing = [content.name for content in self.contents() if content.name not in self._accepted]
        if missing:
            raise OutOfOrderError(f"not looked at: {', '.join(missing)}")


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
