# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions that compare as numbers: of glibc, drivers, CUDA, pip."""

from __future__ import annotations

import re


def version_key(version: str) -> tuple[int, ...]:
    """Return ``2.31`` as (2, 31), so that versions compare as numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", version))
