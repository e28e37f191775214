# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An export for a destination leaves out what all of its hosts have, by their newest receipts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import EnvSeen
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import put, receipt
from ansible_collections.airgap.conda.tests.unit.tiny_site import ONE, TWO, Site

pytestmark = pytest.mark.usefixtures("quick_drive")


def has(site: Site, host: str, number: int, **installed: list[str]) -> Path:
    envs = {env: EnvSeen(ids[-1], tuple(ids), ids[-1], "", serial_of(ids[-1])) for env, ids in installed.items()}
    return put(site.bastion, replace(receipt(number, name=host), envs=envs), None)


def exported(site: Site, destination: str) -> dict[str, str]:
    said = site.export(check=True, destination=destination)
    done = site.export(destination=destination)
    assert said == done
    return {release["env"]: release["action"] for release in done["releases"]}


def test_only_what_a_host_lacks_travels(site: Site) -> None:
    has(site, "ws-01", 1, demo=[TWO], runtime=[ONE])
    has(site, "ws-01", 2, demo=[ONE], runtime=[ONE])
    has(site, "ws-01", 10, demo=[ONE], runtime=[ONE])
    assert exported(site, "ws-01") == {"demo": "copied", "runtime": "installed"}
    assert not site.on_drive(ONE, "runtime").exists()
    has(site, "ws-01", 11, demo=[ONE, TWO], runtime=[ONE])
    done = site.export(destination="ws-01")
    assert (done["changed"], [release["action"] for release in done["releases"]]) == (False, ["installed"] * 2)


def test_what_one_of_several_hosts_lacks_travels(site: Site) -> None:
    has(site, "ws-01", 1, demo=[ONE, TWO], runtime=[ONE])
    has(site, "ws-02.lab", 1, demo=[TWO])
    hosts = site.path / "hosts"
    hosts.write_text("# the lab\nws-01\n\nws-02.lab  # by the window\n", encoding="utf-8")
    assert exported(site, str(hosts)) == {"demo": "installed", "runtime": "copied"}


@pytest.mark.parametrize("destination", ["ws-09", "../ws-01", "WS-01", "a b"])
def test_an_unknown_destination_names_the_known_ones(site: Site, destination: str) -> None:
    has(site, "ws-01", 1)
    (site.bastion / ".receipts/ws-03").mkdir()
    if "/" in destination:
        assert site.refused(site.export, destination=destination).code == "no-hosts"
        return
    error = site.refused(site.export, destination=destination)
    assert (error.code, error.wanted) == ("no-receipt", f"a receipt of {destination}")
    assert "ws-01" in error.found


def test_all_unknown_hosts_of_a_list_are_named(site: Site) -> None:
    has(site, "ws-01", 1)
    hosts = site.path / "hosts"
    hosts.write_text("ws-01\nws-02\nws-03\n", encoding="utf-8")
    assert site.refused(site.export, destination=str(hosts)).wanted == "a receipt of ws-02, ws-03"
    hosts.write_text("# nobody\n", encoding="utf-8")
    assert site.refused(site.export, destination=str(hosts)).code == "no-hosts"


def test_a_receipt_that_cannot_be_used_is_none(site: Site) -> None:
    has(site, "ws-01", 1, runtime=[ONE])
    has(site, "ws-01", 2, demo=[TWO]).write_text("{}", encoding="ascii")
    assert exported(site, "ws-01") == {"demo": "copied", "runtime": "installed"}
    has(site, "ws-02", 1).write_text("garbage", encoding="ascii")
    assert site.refused(site.export, destination="ws-02").code == "no-receipt"


class Heard(Progress):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_export_and_import_tell_how_far_they_are(site: Site) -> None:
    heard = Heard()
    site.export(progress=heard)
    assert {line.split(":")[0] for line in heard.lines} == {"reading the depot", "copying"}
    site.bring(progress=heard)
    assert {line.split(":")[0] for line in heard.lines} == {"reading the depot", "reading the drive", "copying"}
    assert " bytes" in heard.lines[0] or " kB" in heard.lines[0]


def test_nothing_is_known_without_receipts(site: Site) -> None:
    with pytest.raises(AirgapError) as caught:
        site.export(destination="ws-01")
    assert (caught.value.code, caught.value.found) == ("no-receipt", "receipts of no host")
