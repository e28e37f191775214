# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a format of payloads is: how a tree is written in it on the bastion, and read from it on a host.

Nothing here is of tar: a format gets a tree entry by entry and makes parts of it, and gives the files back one by one,
in any order. Names, types, modes and hashes are those of files.json; whoever reads compares with them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._contract.files import FileEntry
from ansible_collections.airgap.conda.plugins.module_utils._formats.parts import Parts


class Damaged(Exception):
    """A payload that cannot be read; the text says why."""


@dataclass(frozen=True)
class Member:
    """One path of a payload. ``blocks`` gives the content of a file once, before the next member is asked for."""

    path: str
    is_file: bool
    size: int
    blocks: Iterable[memoryview]


@dataclass(frozen=True)
class Base:
    """An older release on the same host: where its tree is, and the ``entries`` that it should have."""

    tree: Path
    entries: Sequence[FileEntry]


@dataclass(frozen=True)
class Source:
    """A payload on a host: its ``parts``, which are as they were signed, and the ``entries`` of files.json.

    A format that keeps no names takes them from there. A delta also takes what the release ``base`` has.
    """

    parts: Sequence[Path]
    entries: Sequence[FileEntry]
    base: Base | None = None


class Writer(ABC):
    """Takes a tree, entry by entry, folders before what is in them; the content of a file follows in pieces."""

    @abstractmethod
    def directory(self, path: str, mode: int) -> None:
        """Take a directory."""

    @abstractmethod
    def link(self, path: str, target: str) -> None:
        """Take a symbolic link."""

    @abstractmethod
    def file(self, path: str, mode: int, size: int) -> None:
        """Begin a file of ``size`` bytes."""

    @abstractmethod
    def content(self, data: memoryview) -> None:
        """Take the next bytes of that file; the buffer is used again afterwards."""

    @abstractmethod
    def end(self) -> None:
        """Take note that all bytes of the file are here."""


class Format(ABC):
    """A format of payloads. ``name`` is what release.yml and the manifest say; the parts are called ``env.<name>``."""

    name: str
    # Whether a host mounts what the parts make together, read-only, in the place of a tree; then it has no members.
    is_image = False
    # Whether ``members`` goes through ``Source.parts`` once, in their order, and needs none before it gets to it: then
    # the first ones can be unpacked while others still arrive.
    in_order = False
    # Words of sh that put the parts ``$parts`` of the present folder into the folder "$tree", for a host without Python
    # and with nothing but tar, gzip and coreutils; empty where that cannot be.
    shell = ""

    def lacks(self) -> str:
        """Return what this host lacks to take a payload of this format; empty when it can."""
        return ""

    def lacks_to_write(self) -> str:
        """Return what this machine lacks to make a payload of this format; empty when it can."""
        return ""

    @abstractmethod
    def writer(self, parts: Parts) -> AbstractContextManager[Writer]:
        """Return what writes a tree to ``parts``; leaving the context without an error ends the payload."""

    @abstractmethod
    def members(self, source: Source) -> AbstractContextManager[Iterator[Member]]:
        """Return what gives the members of a payload; raises Damaged when its parts make none, as those of an image."""
