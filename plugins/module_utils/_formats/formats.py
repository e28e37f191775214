# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The formats of payloads: a line for each, best first.

A new format is a file next to this one, a line in ``FORMATS``, and a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._formats.delta import base_of, delta_members, image_of
from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Format, Member, Source
from ansible_collections.airgap.conda.plugins.module_utils._formats.squashfs import Squashfs
from ansible_collections.airgap.conda.plugins.module_utils._formats.tar import TarGz, TarZst

FORMATS: dict[str, Format] = {
    made.name: made
    for made in (
        Squashfs(),
        TarZst(),
        TarGz(),
    )
}


# Those that are unpacked.
TREES = tuple(name for name, known in FORMATS.items() if not known.is_image)


def is_known(name: str) -> bool:
    """Tell whether a payload of this format can be read here at all."""
    return name in FORMATS or (bool(base_of(name)) and (is_image(name) or not image_of(name)))


def whole_of(name: str) -> str:
    """Return the format of the image that a delta makes; of any other payload, its own."""
    return image_of(name) or name


def members(name: str, source: Source) -> AbstractContextManager[Iterator[Member]]:
    """Return what gives the members of a payload of a format that is known; see ``Format.members``."""
    whole = whole_of(name)
    return FORMATS[whole].members(source) if whole in FORMATS else delta_members(source)


def fitting(env: str, names: Iterable[str]) -> list[str]:
    """Return which of ``names`` an environment can come in: the runtime, which mounts and repairs, is no image."""
    return [name for name in names if env != RUNTIME or not is_image(name)]


def is_image(name: str) -> bool:
    """Tell whether what a payload of this format makes is mounted; of one that is not known here that is not said."""
    whole = whole_of(name)
    return whole in FORMATS and FORMATS[whole].is_image


def taken_here(names: Iterable[str] | None = None) -> list[str]:
    """Return which of the formats ``names`` this host can take, best first; without names: of all.

    Some are found out by a trial, so that it is asked for those that somebody wants.
    """
    asked = set(FORMATS if names is None else names)
    return [name for name, known in FORMATS.items() if name in asked and not known.lacks()]


def lacking_here(names: Iterable[str]) -> dict[str, str]:
    """Return what this host lacks for each of the formats ``names`` that is known and that it cannot take."""
    asked = set(names)
    return {name: lacks for name, known in FORMATS.items() if name in asked and (lacks := known.lacks())}


def offered(names: Iterable[str], lacks: Mapping[str, str]) -> str:
    """Say which formats a release has that a host cannot take, and what the host lacks for each."""
    told = [f"{name} (this host lacks {lacks[name]})" if name in lacks else name for name in names]
    return ", ".join(told) or "no payload"
