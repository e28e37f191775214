# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The formats of payloads: a line for each, best first.

A new format is a file next to this one, a line in ``FORMATS``, and a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.airgap.conda.plugins.module_utils._formats.format import Format
from ansible_collections.airgap.conda.plugins.module_utils._formats.tar import TarGz, TarZst

FORMATS: dict[str, Format] = {
    made.name: made
    for made in (
        TarZst(),
        TarGz(),
    )
}


def taken_here() -> list[str]:
    """Return the names of the formats that this host can take, best first."""
    return [name for name in FORMATS if name not in lacking_here()]


def lacking_here() -> dict[str, str]:
    """Return what this host lacks for each format that it cannot take."""
    return {name: lacks for name, known in FORMATS.items() if (lacks := known.lacks())}


def offered(names: Iterable[str], lacks: Mapping[str, str]) -> str:
    """Say which formats a release has that a host cannot take, and what the host lacks for each."""
    told = [f"{name} (this host lacks {lacks[name]})" if name in lacks else name for name in names]
    return ", ".join(told) or "no payload"
