# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Specs that tests write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

MINIMAL = "channels: [conda-forge]\ndependencies: [python]\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a spec named demo and return its folder."""

    def _write(environment: str = MINIMAL, release: str | None = None, **more: str) -> Path:
        folder = tmp_path / "demo"
        folder.mkdir(exist_ok=True)
        (folder / "environment.yml").write_text(environment, encoding="utf-8")
        (folder / "release.yml").unlink(missing_ok=True)
        if release is not None:
            (folder / "release.yml").write_text(release, encoding="utf-8")
        for name, text in more.items():
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        return folder

    return _write
