# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""fsck: every single fault is found, and named with its package."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import DamagedError, faults_of
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.verify import verify
from ansible_collections.airgap.conda.tests.unit.tiny_damage import SITE, ZLIB, bring, drop, flip, prefix_of
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("lib/libz.so.1", "zlib 1.3"),
        ("lib/libz.so", "zlib 1.3"),
        (f"{SITE}/numpy/core.py", "numpy 1.26"),
        (f"{SITE}/tqdm/std.py", "tqdm 4.66"),
        ("bin/tqdm", "tqdm 4.66"),
        (f"{SITE}/stray.py", ""),
        # The records themselves.
        ("conda-meta/zlib-1.3-h1.json", "zlib 1.3"),
        (f"{SITE}/tqdm-4.66.dist-info/RECORD", "tqdm 4.66"),
    ],
)
def test_the_package_of_a_missing_path_is_named(store: Store, path: str, package: str) -> None:
    made = bring(store)
    drop(prefix_of(made) / path)
    (fault,) = faults_of(store, "demo", made.manifest.id)
    assert (fault.path, fault.package) == (path, package)
    assert "missing" in str(fault)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": 3}', '{"files": [null, {}]}', "\xff", "[" * 100_000])
def test_a_damaged_record_is_not_believed(store: Store, content: str) -> None:
    made = bring(store)
    for record in ("conda-meta/numpy-1.26-py39.json", f"{SITE}/tqdm-4.66.dist-info/RECORD"):
        (prefix_of(made) / record).write_bytes(content.encode("latin-1"))
    (prefix_of(made) / "conda-meta/zlib-1.3-h1.json").write_text(json.dumps({**ZLIB, "name": "lie"}), encoding="ascii")
    for path in (f"{SITE}/numpy/core.py", f"{SITE}/tqdm/std.py", "lib/libz.so.1"):
        flip(prefix_of(made) / path)
    packages = {fault.path: fault.package for fault in faults_of(store, "demo", made.manifest.id)}
    assert packages == {
        "conda-meta/numpy-1.26-py39.json": "numpy 1.26",
        "conda-meta/zlib-1.3-h1.json": "zlib 1.3",
        f"{SITE}/tqdm-4.66.dist-info/RECORD": "tqdm 4.66",
        f"{SITE}/numpy/core.py": "numpy 1.26",  # by the name of its folder
        f"{SITE}/tqdm/std.py": "tqdm 4.66",
        "lib/libz.so.1": "",  # nothing else says it
    }


def test_the_message_names_five_paths_and_their_packages(store: Store) -> None:
    made = bring(store)
    for name in ("lib/libz.so.1", "include/z.h", "share/doc/a", "share/doc/b", "lib/data.txt", "serial"):
        flip(prefix_of(made) / name)
    with raised("release-damaged", problem="6 paths ") as caught:
        verify(store, "demo")
    assert caught.value.found.count("; ") == 5
    assert "include/z.h of zlib 1.3: other content" in caught.value.found
    assert caught.value.found.endswith("; and 1 more")
    assert "airgap.conda.repair with -e repair_env=demo" in caught.value.remedy
    assert len(caught.value.as_result()["faults"]) == 6


def test_a_hostile_name_does_not_reach_the_terminal(store: Store) -> None:
    made = bring(store)
    for name in (b"\x1b[2J", b"\xff", b"a\nb"):
        (prefix_of(made) / os.fsdecode(name)).touch()
    with pytest.raises(DamagedError) as caught:
        verify(store, "demo")
    assert caught.value.found.isprintable()
    assert r"\x1b[2J: a path" in caught.value.found
