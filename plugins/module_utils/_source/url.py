# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A depot that a web server has: listed by its index, read over http or https."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import Rings
from ansible_collections.airgap.conda.plugins.module_utils._source.index import INDEX, Index
from ansible_collections.airgap.conda.plugins.module_utils._source.memory import Memory
from ansible_collections.airgap.conda.plugins.module_utils._source.place import Place
from ansible_collections.airgap.conda.plugins.module_utils._source.server import Answer, Server
from ansible_collections.airgap.conda.plugins.module_utils._source.source import Source, Verified


@dataclass(frozen=True)
class There(Place):
    """The files of a release below ``path`` of a server. ``sums`` are hashes by which some may be remembered."""

    server: Server
    path: str
    sums: dict[str, str] = field(default_factory=dict)
    memory: Memory | None = None

    @property
    def where(self) -> str:  # type: ignore[override]
        """The URL."""
        return self.server.named(self.path)

    def small(self, name: str, limit: int) -> bytes:
        """Return the content of a file, from the memory if it is the one that the index names."""
        known = self.memory.get(self.sums.get(name, ""), limit) if self.memory else None
        if known is not None:
            return known
        data = self.server.small(f"{self.path}/{name}", limit).data or b""
        if self.memory and name in self.sums:
            self.memory.put(data)
        return data

    def blocks(self, name: str, limit: int, size: int | None = None) -> Iterator[bytes]:
        """Yield a file."""
        return self.server.blocks(f"{self.path}/{name}", limit, size)

    def another(self) -> There:
        """Return the same place over a connection of its own."""
        return replace(self, server=Server(self.server.url, self.server.ca, self.server.patience))


@dataclass(frozen=True)
class Url(Source):
    """A depot on a server, as its index lists it."""

    server: Server
    index: Index
    memory: Memory | None = None

    @property
    def where(self) -> str:  # type: ignore[override]
        """The URL."""
        return self.server.url

    def names(self) -> list[str]:
        """Return the environments."""
        return sorted(self.index.envs)

    def releases(self, env: str) -> list[str]:
        """Return the ids of the releases of ``env``, oldest first."""
        listed = self.index.envs.get(env)
        return list(listed.releases) if listed else []

    def place(self, env: str, release: str) -> There:
        """Return where the files of one release are."""
        listed, sums = self.index.envs.get(env), {}
        if listed and release == listed.releases[-1]:
            sums = {MANIFEST: listed.manifest, SIGNATURE: listed.signature}
        return There(self.server, f"{env}/{release}", sums, self.memory)

    def signed(
        self, env: str, release: str, allowed_signers: Path, keygens: Sequence[str] = signature.KEYGENS
    ) -> Verified:
        """Verify the signature of a release; one that is refused as it is remembered is looked at on the server."""
        try:
            return super().signed(env, release, allowed_signers, keygens)
        except AirgapError:
            if self.memory is None:
                raise
            return replace(self, memory=None).signed(env, release, allowed_signers, keygens)

    def rings(self) -> Rings:
        """Return what the rings have said."""
        return self.index.rings


def open_url(text: str, ca: str = "", memory: Memory | None = None) -> Url:
    """Return the depot at a URL; raises AirgapError when there is none, or when it has no index.

    With ``memory``, an index that is as it was is not sent again.
    """
    server = Server(text, ca)
    head = memory.head(server.url) if memory else {}
    known = memory.get(head.get("sha256", ""), limits.INDEX) if memory else None
    asked = Answer(known, head["tag"], head["modified"]) if known is not None else None
    try:
        answer = server.small(INDEX, limits.INDEX, asked)
    except FileFault as fault:
        raise AirgapError(
            "There is no index of releases at this URL",
            wanted=f"the URL of a depot, with {INDEX} of at most {limits.INDEX} bytes",
            found=str(fault),
            where=server.named(INDEX),
            remedy="correct the URL; a depot of an earlier version gets its index by airgap.conda.report where it is",
            code="no-index",
        ) from fault
    data = known if answer.data is None else answer.data
    index = Index.from_json(data or b"", server.named(INDEX))
    if memory and answer.data is not None:
        wanted = [text for listed in index.envs.values() for text in (listed.manifest, listed.signature)]
        tag, modified = (answer.tag, answer.modified) if _is_settled(answer) else ("", "")
        memory.begin(server.url, tag, modified, memory.put(answer.data), wanted)
    return Url(server, index, memory)


def _is_settled(answer: Answer) -> bool:
    """Tell whether a later change would show: many servers make their tags of a time in whole seconds."""
    try:
        return (parsedate_to_datetime(answer.date) - parsedate_to_datetime(answer.modified)).total_seconds() >= 2
    except (ValueError, TypeError, IndexError):
        return not answer.modified
