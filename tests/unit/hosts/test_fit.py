# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release held against hosts that only their receipts are known of: preflight's own rules say who cannot run it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Requirements
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import CPU_LEVELS, cpu_level, flags_of
from ansible_collections.airgap.conda.plugins.module_utils._hosts.fit import misfits
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import put, receipt
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

ROOT = Path("/opt/conda-envs")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Return a release that runs anywhere."""
    made = make_release(tmp_path_factory.mktemp("depot"), ROOT, 2)
    return Release.of(made.manifest, str(made.folder), "", "", "")


def needing(release: Release, **needs: Any) -> Release:
    """Return the release with requirements, or with other fields."""
    fields = {name: needs.pop(name) for name in ("platform", "gpu", "bytes", "prefix", "env") if name in needs}
    return replace(release, requirements=replace(Requirements(glibc="", glibc_file=""), **needs), **fields)


def told(tmp_path: Path, release: Release, **host: Any) -> list[str]:
    """Return what is said when a host like this has sent a receipt."""
    put(tmp_path, receipt(1, **host), None)
    return misfits(tmp_path, [release])


def test_what_runs_is_not_mentioned(tmp_path: Path, release: Release) -> None:
    assert told(tmp_path, needing(release, glibc="2.27", glibc_file="lib/x", cpu="x86-64-v2")) == []


@pytest.mark.parametrize(
    ("needs", "host", "words"),
    [
        ({"glibc": "2.28", "glibc_file": "lib/x"}, {}, ("glibc 2.28", "glibc 2.27")),
        ({"cpu": "x86-64-v3"}, {}, ("x86-64-v3", "x86-64-v2, without")),
        ({"gpu": "required"}, {}, ("NVIDIA driver", "no NVIDIA driver")),
        ({"gpu": "required", "driver": "525.60.13", "cuda_runtime": "12.0"}, {"driver": "470.42.01"}, ("525.60.13",)),
        ({"bytes": 200 << 30}, {}, ("MiB free",)),
        ({}, {"free_bytes": 1 << 20}, ("1 MiB free",)),
        ({"platform": "linux-aarch64"}, {}, ("linux-64", "linux-aarch64")),
        ({"prefix": "/srv/envs/demo/2-00000002"}, {}, ("/srv/envs",)),
    ],
)
def test_who_cannot_run_it_is_named(
    needs: dict[str, Any], host: dict[str, Any], words: tuple[str, ...], tmp_path: Path, release: Release
) -> None:
    (text,) = told(tmp_path, needing(release, **needs), **host)
    assert "ws1 (2026-01-31, unsigned)" in text
    for word in words:
        assert word in text


def test_hosts_with_one_fault_are_named_together(tmp_path: Path, release: Release) -> None:
    for name in ("ws1", "ws2"):
        put(tmp_path, receipt(1, name=name), None)
    put(tmp_path, receipt(1, name="ws3", glibc="2.31"), None)
    (text,) = misfits(tmp_path, [needing(release, glibc="2.31", glibc_file="lib/x")])
    assert "ws1" in text
    assert "ws2" in text
    assert "ws3" not in text


def test_only_who_has_the_environment_is_asked_when_somebody_has(tmp_path: Path, release: Release) -> None:
    put(tmp_path, replace(receipt(1, name="old"), envs={}), None)
    put(tmp_path, receipt(1, name="new", glibc="2.39"), None)
    wanted = needing(release, glibc="2.31", glibc_file="lib/x")
    assert misfits(tmp_path, [wanted]) == []
    (text,) = misfits(tmp_path, [needing(release, glibc="2.31", glibc_file="lib/x", env="first", prefix=first())])
    assert "old" in text


def first() -> str:
    """Return the prefix of a release of an environment that nobody has."""
    return f"{ROOT}/first/2-00000002"


def test_a_depot_without_receipts_says_nothing(tmp_path: Path, release: Release) -> None:
    assert misfits(tmp_path / "none", [release]) == []


@pytest.mark.parametrize("level", ["", "x86-64", *CPU_LEVELS])
def test_a_level_and_its_flags_are_the_same(level: str) -> None:
    assert cpu_level(flags_of(level)) == level
