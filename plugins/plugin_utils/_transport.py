# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a transport is: how what a host is missing gets into the folder of its store where releases arrive.

It may push from the controller, or have the host fetch from wherever the files are: from a server, from neighbours.
What arrived is not believed: the host hashes all of it before it uses any.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import MESSAGE, clean
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction

# Environment, release and name of a file.
Key = tuple[str, str, str]


@dataclass(frozen=True)
class File:
    """A file that a host is missing: its name there, ``size`` in bytes, and ``path`` in the depot of the controller."""

    name: str
    size: int
    sha256: str
    path: Path


@dataclass(frozen=True)
class Served:
    """Where hosts can fetch from: the ``url`` of the depot, and on the hosts the file ``ca`` of who vouches for it."""

    url: str
    ca: str = ""


@dataclass(frozen=True)
class Swarm:
    """The hosts of this batch that want the same payload, and give it to each other.

    ``members`` has address and port of each, by its name; ``seeds`` are those that get it first, by another way, and
    ``lines`` the addresses of all, each after the one that it asks first.
    ``torrent`` is a file of the controller's, of the release's record and all ``files`` of the payload. ``upload`` is
    in bytes a second, 0 for any number; ``linger`` is in seconds.
    """

    name: str
    torrent: Path
    members: Mapping[str, tuple[str, int]]
    seeds: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    files: tuple[File, ...]
    upload: int
    linger: float


@dataclass(frozen=True)
class Missing:
    """What a host is missing of one release, and the folder ``incoming`` in its store at ``root`` where it is to go.

    ``record`` are the manifest, its signature and the list of files: small, and always among it. ``parts`` are those of
    the payload that did not arrive before. ``served`` and ``swarm`` tell where else than in the controller's depot they
    are. ``unpack`` is the format of a payload that the host unpacks while it arrives, empty where that would not pay.
    """

    env: str
    release: str
    root: str
    incoming: str
    record: tuple[File, ...]
    parts: tuple[File, ...]
    served: Served | None = None
    swarm: Swarm | None = None
    unpack: str = ""

    @property
    def ahead(self) -> list[dict[str, Any]]:
        """What the host is told to unpack while it arrives."""
        if not self.unpack:
            return []
        sums = {file.name: file.sha256 for file in self.record}
        told = {"manifest_sha256": sums[MANIFEST], "signature_sha256": sums[SIGNATURE], "format": self.unpack}
        record = {file.name: file.size for file in self.record}
        return [{"env": self.env, "release": self.release, **told, "record": record}]

    @property
    def files(self) -> tuple[File, ...]:
        """All of it."""
        return (*self.record, *self.parts)

    @property
    def sizes(self) -> dict[Key, int]:
        """The bytes of each of its files."""
        return {(self.env, self.release, file.name): file.size for file in self.files}

    def is_among(self, begun: Sequence[Mapping[str, Any]]) -> bool:
        """Tell whether one of those that ``Transport.begin`` returned is of this release."""
        return any((one.get("env"), one.get("release")) == (self.env, self.release) for one in begun)


class Transport(ABC):
    """A way to bring files to a host. ``name`` is what ``deploy_transport`` has."""

    name: str

    @abstractmethod
    def bring(self, missing: Sequence[Missing], action: HostAction, host: str) -> dict[Key, str]:
        """Bring all that is ``missing``; return environment, release and name of each file that arrived, and how.

        That is the name of the transport that brought it: its own one, or that of another which it has used.

        ``action`` runs shell on the host and puts files there. The folder ``incoming`` is made when it is not there,
        for nobody but its owner; what lies in it under one of the names is replaced. What did not arrive is left out of
        what is returned, and fails the task; a transport that knows why raises that, as an AirgapError.
        """

    def begin(
        self,
        missing: Sequence[Missing],  # noqa: ARG002 - for those that begin something
        action: HostAction,  # noqa: ARG002
        host: str,  # noqa: ARG002
    ) -> tuple[list[Any], dict[Key, str]]:
        """Begin what hosts do together, which takes all of them; return what ``end`` is told, and what arrived by now.

        Every host of a batch begins before the first one waits, also when Ansible works on few hosts at a time. By
        default nothing is begun: ``bring`` does it all.
        """
        return [], {}

    def end(
        self, begun: Sequence[Mapping[str, Any]], missing: Sequence[Missing], action: HostAction, host: str
    ) -> dict[Key, str]:
        """Wait for what has ``begun``, and bring what does not come; return what arrived, and how."""
        raise NotImplementedError


def not_sent(found: str, where: str) -> AirgapError:
    """Return what to say when a release did not get to a host."""
    return AirgapError(
        "A release could not be sent to the host",
        code="send-failed",
        wanted="a connection that lasts, and room for the release in the store",
        found=clean(found, MESSAGE),
        where=where,
        remedy="fix what the message says, then run again; parts that arrived whole are not sent again",
    )


def unpack_ahead(one: Missing, action: HostAction) -> None:
    """Have the host unpack what is about to arrive; where it does not, only the install unpacks it."""
    if one.unpack:
        action.on_host({"releases": [], "steps": [], "root": one.root, "ahead": one.ahead})
