# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The index of a depot: written by all that changes one, whole or as it was."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.action import report
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import RINGS, Rings, Said
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._source.index import (
    INDEX,
    Index,
    Listed,
    make_index,
    write_index,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, release_id
from ansible_collections.airgap.conda.tests.unit.tiny_site import TWO, Site, make_site

pytestmark = pytest.mark.usefixtures("quick_disk")


def read(depot: Path) -> Index:
    return Index.from_json((depot / INDEX).read_bytes(), "here")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    make_site(tmp_path)
    return Site(tmp_path)


def test_whatever_changes_a_depot_writes_its_index(site: Site, tmp_path: Path) -> None:
    site.export()
    site.bring()
    for depot in (site.drive / "depot", site.inside):
        newest = depot / "demo" / TWO
        assert read(depot) == make_index(Depot(depot))
        assert read(depot).envs["demo"].releases[-1] == TWO
        assert read(depot).envs["demo"].manifest == sha256(newest / MANIFEST)
        assert read(depot).envs["demo"].signature == sha256(newest / SIGNATURE)
    made = make_release(tmp_path / "made", Path("/opt"), 3)
    with Depot(site.inside).new_release(made.manifest) as new:
        (new / MANIFEST).write_bytes((made.folder / MANIFEST).read_bytes())
    listed = read(site.inside).envs["demo"]
    assert (listed.releases[-1], listed.signature) == (release_id(3), "")


def test_an_import_with_nothing_new_mends_an_index_that_is_gone(site: Site) -> None:
    site.export()
    site.bring()
    (site.inside / INDEX).write_bytes(b"{")
    site.bring()
    assert read(site.inside) == make_index(Depot(site.inside))


def test_a_report_gives_a_depot_of_an_earlier_version_its_index(tmp_path: Path) -> None:
    make_release(tmp_path, Path("/opt"))
    for check in (True, False):
        report._tell_rings(tmp_path, ["demo 1-00000001"], check)  # noqa: SLF001 - the task wants a play
        assert (tmp_path / INDEX).exists() != check
    assert read(tmp_path).rings.opened == ("demo 1-00000001",)


def test_an_index_is_written_when_something_changed_and_not_otherwise(tmp_path: Path) -> None:
    assert not write_index(tmp_path)
    assert list(tmp_path.iterdir()) == []
    make_release(tmp_path, Path("/opt"))
    assert write_index(tmp_path)
    number = (tmp_path / INDEX).stat().st_ino
    assert not write_index(tmp_path)
    (tmp_path / RINGS).write_bytes(Rings((Said("demo", release_id(1), 1, 1, 0),)).to_json())
    assert write_index(tmp_path)
    assert read(tmp_path).rings.before("demo", release_id(1), 2) == (1, 0)
    assert (tmp_path / INDEX).stat().st_ino != number
    (tmp_path / RINGS).write_text("{")
    assert write_index(tmp_path)
    assert read(tmp_path).rings == Rings()


@pytest.mark.parametrize("left", ["link", "pipe", "folder"])
def test_what_is_in_the_place_of_the_index_is_replaced(tmp_path: Path, left: str) -> None:
    make_release(tmp_path, Path("/opt"))
    path = tmp_path / INDEX
    if left == "link":
        (tmp_path / "other").write_text("kept")
        path.symlink_to("other")
    elif left == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
        with pytest.raises(AirgapError):
            write_index(tmp_path)
        assert not list(tmp_path.glob(".*.new"))
        return
    assert write_index(tmp_path)
    assert path.is_file()
    assert not path.is_symlink()
    assert left != "link" or (tmp_path / "other").read_text() == "kept"


def test_a_depot_of_years_fits_and_a_usual_one_is_small() -> None:
    sums = {"manifest": "0" * 64, "signature": "1" * 64}
    usual = Index({f"imaging-{n}": Listed(tuple(f"{i}-{i:08x}" for i in range(1, 13)), **sums) for n in range(4)})
    assert len(usual.to_json()) < 2048
    assert Index.from_json(usual.to_json(), "here") == usual
    many = Index({f"env-{n}": Listed(tuple(f"{i}-{i:08x}" for i in range(1, 4000)), **sums) for n in range(6)})
    with pytest.raises(AirgapError, match="20000 releases"):
        Index.from_json(many.to_json(), "here")
    assert json.loads(usual.to_json())["schema"] == 1
