# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bastion, a drive and a controller for each test, or a drive and a workstation, made once for each file of tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_kit import Place, make_place, stand_in
from ansible_collections.airgap.conda.tests.unit.tiny_release import again, keep, skip_flushes
from ansible_collections.airgap.conda.tests.unit.tiny_site import Site, make_site, verify_once
from ansible_collections.airgap.conda.tests.unit.tiny_site import quick_disk as skip_the_drive


@pytest.fixture
def quick_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait neither for the disk, as test_media does, nor twice for the same answer of ssh-keygen."""
    skip_the_drive(monkeypatch)
    verify_once(monkeypatch)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the site as it is at the beginning."""
    folder = tmp_path_factory.mktemp("original")
    make_site(folder)
    return folder


@pytest.fixture
def site(original: Path, tmp_path: Path) -> Site:
    """Return a copy of it that a test may change."""
    shutil.copytree(original, tmp_path / "site")
    return Site(tmp_path / "site")


@pytest.fixture(scope="module")
def original_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a drive that has a kit and an empty workstation, as they are at the beginning."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        skip_flushes(monkeypatch)
        return keep(make_place(tmp_path_factory.mktemp("kit"), monkeypatch).path)


@pytest.fixture
def place(original_place: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return the same place as it was at the beginning: its paths are in what was signed."""
    skip_flushes(monkeypatch)
    found = Place(again(original_place))
    stand_in(found, monkeypatch)
    return found
