# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An empty store for each test, and a host that mounts images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_image import Systemd, systemd, unmount


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store where nothing is yet."""
    return Store(tmp_path / "opt")


@pytest.fixture
def host(store: Store, tmp_path: Path) -> Iterator[Systemd]:
    """Return what mounts images on a host with an empty store."""
    with systemd(tmp_path / "systemd") as made:
        yield made
    unmount(store.root)
