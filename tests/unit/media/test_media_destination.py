# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An export for a destination leaves out what all of its hosts have, by their newest receipts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.tests.unit.tiny_site import ONE, TWO, Site

pytestmark = pytest.mark.usefixtures("quick_drive")


def receipt(site: Site, host: str, name: str, **installed: Any) -> Path:
    envs = {env: {"current": ids[-1] if ids else "", "installed": ids} for env, ids in installed.items()}
    path = site.bastion / ".receipts" / host / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": 1, "ok": True, "envs": envs}), encoding="utf-8")
    return path


def exported(site: Site, destination: str) -> dict[str, str]:
    said = site.export(check=True, destination=destination)
    done = site.export(destination=destination)
    assert said == done
    return {release["env"]: release["action"] for release in done["releases"]}


def test_only_what_a_host_lacks_travels(site: Site) -> None:
    receipt(site, "ws-01", "20261101T000000Z-1.json", demo=[TWO], runtime=[ONE])
    receipt(site, "ws-01", "20261129T120000Z-2.json", demo=[ONE], runtime=[ONE])
    receipt(site, "ws-01", "20261129T120000Z-10.json", demo=[ONE], runtime=[ONE])
    assert exported(site, "ws-01") == {"demo": "copied", "runtime": "installed"}
    assert not site.on_drive(ONE, "runtime").exists()
    receipt(site, "ws-01", "20261130T120000Z-1.json", demo=[ONE, TWO], runtime=[ONE])
    done = site.export(destination="ws-01")
    assert (done["changed"], [release["action"] for release in done["releases"]]) == (False, ["installed"] * 2)


def test_what_one_of_several_hosts_lacks_travels(site: Site) -> None:
    receipt(site, "ws-01", "20261129T120000Z-1.json", demo=[ONE, TWO], runtime=[ONE])
    receipt(site, "ws-02.lab", "20261129T120000Z-1.json", demo=[TWO])
    hosts = site.path / "hosts"
    hosts.write_text("# the lab\nws-01\n\nws-02.lab  # by the window\n", encoding="utf-8")
    assert exported(site, str(hosts)) == {"demo": "installed", "runtime": "copied"}


@pytest.mark.parametrize("destination", ["ws-09", "../ws-01", "WS-01", "a b"])
def test_an_unknown_destination_names_the_known_ones(site: Site, destination: str) -> None:
    receipt(site, "ws-01", "20261129T120000Z-1.json")
    receipt(site, "ws-03", "key.pub")
    if "/" in destination:
        assert site.refused(site.export, destination=destination).code == "no-hosts"
        return
    error = site.refused(site.export, destination=destination)
    assert (error.code, error.wanted) == ("no-receipt", f"a receipt of {destination}")
    assert "ws-01" in error.found


def test_all_unknown_hosts_of_a_list_are_named(site: Site) -> None:
    receipt(site, "ws-01", "20261129T120000Z-1.json")
    hosts = site.path / "hosts"
    hosts.write_text("ws-01\nws-02\nws-03\n", encoding="utf-8")
    assert site.refused(site.export, destination=str(hosts)).wanted == "a receipt of ws-02, ws-03"
    hosts.write_text("# nobody\n", encoding="utf-8")
    assert site.refused(site.export, destination=str(hosts)).code == "no-hosts"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"envs": 5}', '{"envs": {"demo": 5}}', '{"envs": {"demo": {"installed": 5}}}', "\xff"]
)
def test_a_receipt_that_cannot_be_read_is_named(site: Site, text: str) -> None:
    path = receipt(site, "ws-01", "20261129T120000Z-1.json")
    path.write_text(text, encoding="latin-1")
    error = site.refused(site.export, destination="ws-01")
    assert (error.code, error.where) == ("receipt-unreadable", str(path))


def test_what_is_no_release_in_a_receipt_is_nothing(site: Site) -> None:
    receipt(site, "ws-01", "20261129T120000Z-1.json", demo=[5, "../x", None, TWO], **{"../etc": [TWO]})
    assert exported(site, "ws-01") == {"demo": "installed", "runtime": "copied"}


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
