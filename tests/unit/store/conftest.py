# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An empty store for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store where nothing is yet."""
    return Store(tmp_path / "opt")
