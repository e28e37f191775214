# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a drive brings back, and what is written down of the way over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import DEPOT_CHAIN, read
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import known
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.papers import Papers
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import make_key, put, receipt
from ansible_collections.airgap.conda.tests.unit.tiny_site import Site

pytestmark = pytest.mark.usefixtures("quick_drive")


def papers(site: Site, depot: Path, check: bool = False) -> Papers:
    """Return the papers of a way between a depot and the drive."""
    return Papers(depot, Drive(site.drive), check)


def test_both_chains_tell_of_an_export_and_the_depots_of_an_import(site: Site) -> None:
    out, back = papers(site, site.bastion), papers(site, site.inside)
    site.export(copied=out.exported)
    for _time in range(2):  # the second time there is nothing to copy
        site.bring(copied=back.imported)
    for depot in (site.bastion, site.drive / "depot"):
        found = read(depot / DEPOT_CHAIN)
        assert (found.verdict, {entry.what for entry in found.entries}) == ("whole", {"exported"})
        assert all(len(entry.manifest_sha256) == 64 and entry.key for entry in found.entries)
    arrived = read(site.inside / DEPOT_CHAIN)
    assert {entry.what for entry in arrived.entries} == {"imported"}
    assert len(arrived.entries) == len(read(site.drive / "depot" / DEPOT_CHAIN).entries)
    assert out.warnings == back.warnings == []


def test_check_mode_copies_and_writes_nothing(site: Site) -> None:
    before = site.state()
    site.export(True, copied=papers(site, site.bastion, True).exported)
    assert site.state() == before


def test_a_drive_that_takes_no_line_is_a_warning(site: Site) -> None:
    (site.drive / "depot").mkdir()
    (site.drive / "depot" / DEPOT_CHAIN).mkdir()
    out = papers(site, site.bastion)
    site.export(copied=out.exported)
    assert "not in the audit chain of the drive" in out.warnings[0]
    assert read(site.bastion / DEPOT_CHAIN).entries


def test_a_depot_that_takes_no_line_is_an_error_before_anything_is_copied(site: Site) -> None:
    (site.bastion / DEPOT_CHAIN).mkdir()
    with pytest.raises(AirgapError) as caught:
        papers(site, site.bastion).require_ready()
    assert caught.value.code == "audit-unusable"


def test_receipts_go_from_the_drive_into_the_depot(site: Site) -> None:
    key = make_key(site.path / "host-key")
    put(site.drive / "depot", receipt(1, key), key)
    put(site.drive / "depot", receipt(1, key, name="ws2"), key, host="ws3")
    seen = papers(site, site.bastion)
    assert seen.collect() == [
        {"host": "ws1", "new": 1, "pinned": receipt(1, key).signer, "refused": 0},
        {"host": "ws3", "new": 0, "pinned": "", "refused": 1},
    ]
    assert len(seen.warnings) == 2
    assert [one.name for one in known(site.bastion)] == ["ws1"]
