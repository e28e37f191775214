# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What reading a file once found of it, and why that was not what it should be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One file of a release: ``size`` in bytes, ``sha256`` in lower-case hex."""

    name: str
    size: int
    sha256: str


class FileFault(Exception):
    """A file that differs from what is expected; the text says how."""


class UnreadableFault(FileFault):
    """A file that is there, and that the system does not read: a drive that is pulled out, a server that is gone."""
