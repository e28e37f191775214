# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release for a store of a test, and the steps that bring it there."""

from __future__ import annotations

from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release


def make(store: Store, serial: int = 1, **options: Any) -> Made:
    """Make a release for ``store`` in a depot next to it; ``options`` as of ``make_release``."""
    return make_release(store.root.parent / "depot", store.root, serial, **options)


def install(store: Store, made: Made, switch: bool = True) -> None:
    """Send a release, install it, and make it current."""
    with store.lock("demo"):
        made.send(store)
        store.install("demo", made.manifest.id, made.sha256, made.manifest.payloads[0].format)
        if switch:
            store.switch("demo", made.manifest.id)
