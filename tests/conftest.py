# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make ``import ansible_collections.airgap.conda...`` work from a plain checkout, with or without Ansible installed."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
COLLECTIONS = CHECKOUT / ".cache/collections"


def link_collection() -> None:
    """Link the checkout into a collections tree. The link is relative, so the checkout may be moved."""
    link = COLLECTIONS / "ansible_collections/airgap/conda"
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # there already, or another test process was first
        link.symlink_to("../../../..", target_is_directory=True)


link_collection()
sys.path.insert(0, str(COLLECTIONS))
# Thousands of tests are a million objects, all of which stay: to look for circles among them again and again takes a
# third of the time in which they are found.
gc.disable()


def pytest_collection_finish() -> None:
    """Leave what was found alone for good, and look through what tests make, in larger pieces."""
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    gc.enable()


@pytest.fixture(autouse=True)
def no_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let modules that a test runs in this process put their warnings into their result, as on a host.

    Actions that other tests import make the process a controller for ansible-core, from 2.19 on.
    """
    with contextlib.suppress(ImportError):
        internal = importlib.import_module("ansible.module_utils._internal")
        monkeypatch.setattr(internal, "is_controller", False, raising=False)
        warnings = importlib.import_module("ansible.module_utils.common.warnings")
        warnings._global_warnings.clear()  # noqa: SLF001 - of other tests


@pytest.fixture(autouse=True, scope="session")
def others_use_nothing() -> Iterator[None]:
    """Let no process of another test keep a release: root in a container may not look into those of other users."""
    with pytest.MonkeyPatch.context() as patch:
        store = importlib.import_module("ansible_collections.airgap.conda.plugins.module_utils._store.in_use")
        patch.setattr(store, "_may_trace", lambda: True)
        yield


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk, which other programs keep busy: test_store shows where it is waited for."""
    from ansible_collections.airgap.conda.tests.unit.tiny_release import skip_flushes

    skip_flushes(monkeypatch)
