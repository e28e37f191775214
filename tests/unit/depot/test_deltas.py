# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deltas of a release that is about to be published: from the newest releases of the depot, and where it pays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._depot.deltas import add_deltas
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.tests.unit.tiny_image import no_program
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, Made, make_release, release_id

DATA = os.urandom(20_000)
ROOT = Path("/opt/conda-envs")


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Depot:
    """Three releases that have most in common."""
    folder = tmp_path_factory.mktemp("site") / "depot"
    for serial in (1, 2, 3):
        make_release(folder, ROOT, serial, tree=tree(serial), part_size=1 << 20)
    return Depot(folder)


def tree(serial: int) -> dict[str, Any]:
    return {**TREE, "lib/big.bin": DATA + b"%d" % serial}


def packed(tmp_path: Path, content: dict[str, Any], formats: tuple[str, ...] = ("tar.zst",)) -> Made:
    return make_release(tmp_path / "pack", ROOT, 4, tree=content, part_size=1 << 20, formats=formats)


def add(depot: Depot, made: Made, count: int = 2) -> tuple[dict[str, int], list[str]]:
    found, concerns = add_deltas(depot, made.manifest, made.folder, count)
    assert {part.name for payload in found for part in payload.parts} == {
        path.name for path in made.folder.iterdir() if "delta" in path.name
    }
    return {payload.format: payload.size for payload in found}, concerns


def test_the_newest_releases_get_a_delta_each(depot: Depot, tmp_path: Path) -> None:
    found, concerns = add(depot, packed(tmp_path, tree(4)))
    assert ([*found], concerns) == ([f"delta-{release_id(2)}", f"delta-{release_id(3)}"], [])
    assert max(found.values()) < 2000


def test_a_release_in_all_formats_gets_them_too(depot: Depot, tmp_path: Path) -> None:
    assert len(add(depot, packed(tmp_path, tree(4), ("tar.gz", "tar.zst")))[0]) == 2


@pytest.mark.skipif(bool(no_program()), reason=f"no image can be made here: {no_program()}")
def test_a_release_that_comes_as_an_image_too_gets_those_between_images(tmp_path: Path) -> None:
    formats = {1: ("tar.zst",), 2: ("tar.zst", "squashfs"), 3: ("squashfs",)}
    for serial, chosen in formats.items():
        make_release(tmp_path / "depot", ROOT, serial, tree=tree(serial), part_size=1 << 20, formats=chosen)
    made = packed(tmp_path, tree(4), ("squashfs", "tar.zst"))
    found, concerns = add(Depot(tmp_path / "depot"), made, 3)
    one, two, three = (f"delta-{release_id(serial)}" for serial in formats)
    assert ([*found], concerns) == ([one, two, f"{two}.squashfs", f"{three}.squashfs"], [])


@pytest.mark.parametrize("count", [0, 9])
def test_there_are_no_more_than_asked_for_and_than_there_can_be(depot: Depot, tmp_path: Path, count: int) -> None:
    assert len(add(depot, packed(tmp_path, tree(4)), count)[0]) == min(count, 3)


def test_a_delta_that_spares_little_is_not_kept(depot: Depot, tmp_path: Path) -> None:
    assert add(depot, packed(tmp_path, {**TREE, "lib/big.bin": os.urandom(20_000)})) == ({}, [])


@pytest.mark.parametrize("name", ["env.tar.zst", "files.json.zst", "manifest.json"])
@pytest.mark.parametrize("how", ["gone", "changed", "cut"])
def test_a_release_that_cannot_be_read_is_named_and_the_others_count(
    depot: Depot, tmp_path: Path, name: str, how: str
) -> None:
    path = depot.folder("demo", release_id(2)) / name
    data = path.read_bytes()
    try:
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(data[: len(data) // 2] + (b"" if how == "cut" else b"?" + data[len(data) // 2 + 1 :]))
        found, (concern,) = add(depot, packed(tmp_path, tree(4)))
    finally:
        path.write_bytes(data)
    assert [*found] == [f"delta-{release_id(3)}"]
    assert f"no delta from {release_id(2)}" in concern
