# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What plays write down on a host, the story that the chains tell, and receipts on the page, as users run them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import DEPOT_CHAIN, HOST_CHAIN, Deed, add, read
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import known
from ansible_collections.airgap.conda.tests.unit.tiny_host import RUNTIME, Host
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import make_key, put, receipt
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, release_id, skip_flushes, without_locks

ONE, TWO = release_id(1), release_id(2)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return a host with two releases of demo and a runtime."""
    skip_flushes(monkeypatch)
    host = Host(tmp_path)
    host.bring(1, env="runtime", tree={**TREE, "bin/python": RUNTIME["bin/python"]})
    for serial in (1, 2):
        host.bring(serial)
    return host


def module(host: Host, name: str, *options: str, **arguments: object) -> int:
    """Run a module on the host; returns how many tasks changed."""
    arguments = {"root": str(host.store.root), **arguments}
    task = {f"airgap.conda.{name}": arguments, "vars": {"ansible_python_interpreter": "that of this collection"}}
    done = host.play([task], *options)
    assert done.returncode == 0
    return done.count("changed")


def test_check_do_check_do(host: Host) -> None:
    chain = host.store.root / ".state" / HOST_CHAIN
    before = without_locks(host.store.root)
    assert module(host, "rollback", "--check", env="demo", release=ONE) == 1
    assert without_locks(host.store.root) == before
    assert module(host, "rollback", env="demo", release=ONE) == 1
    # The runtime came before anything could write it down: it has its lines now.
    assert [(one.what, one.env, one.release) for one in read(chain).entries] == [
        ("installed", "runtime", ONE),
        ("switched", "runtime", ONE),
        ("rolled back", "demo", ONE),
    ]
    assert len(list((host.store.root / ".state/.receipts").glob("*.json"))) == 1
    before = without_locks(host.store.root)
    assert module(host, "rollback", "--check", env="demo", release=ONE) == 0
    assert module(host, "rollback", env="demo", release=ONE) == 0
    assert without_locks(host.store.root) == before
    assert module(host, "remove", env="demo", release=TWO) == 1
    assert [(one.what, one.release, len(one.manifest_sha256)) for one in read(chain).entries][3:] == [
        ("removed", TWO, 64)
    ]
    assert module(host, "remove", env="demo", release=TWO) == 0
    assert module(host, "verify", "--check") == 0
    assert len(list((host.store.root / ".state/.receipts").glob("*.json"))) == 2
    assert module(host, "verify") == 0
    assert len(list((host.store.root / ".state/.receipts").glob("*.json"))) == 3
    assert read(chain).verdict == "whole"


def test_the_chains_tell_one_story(host: Host) -> None:
    depot, drive = host.folder / "depot", host.folder / "drive/depot"
    drive.mkdir(parents=True)
    module(host, "rollback", env="demo", release=ONE)
    sha256 = read(host.store.root / ".state" / HOST_CHAIN).entries[-1].manifest_sha256
    add(depot / DEPOT_CHAIN, [Deed("built", "demo", ONE, sha256, "SHA256:x"), Deed("built", "other", ONE)])
    add(drive / DEPOT_CHAIN, [Deed("exported", "demo", ONE, sha256, "SHA256:x")])
    given = {"audit_env": "demo", "deploy_depot": str(depot), "media_drive": str(host.folder / "drive")}
    done = host.play("airgap.conda.audit", **given)
    assert done.returncode == 0
    for place, what in (("depot", "built"), ("drive", "exported"), ("ws1", "rolled back")):
        assert f"{place}  " in done.output
        assert what in done.output
    assert "other" not in done.output
    # A line is exchanged on the drive: its hash is not what the next line has.
    add(drive / DEPOT_CHAIN, [Deed("exported", "demo", TWO)])
    text = (drive / DEPOT_CHAIN).read_text()
    (drive / DEPOT_CHAIN).write_text(text.replace("SHA256:x", "SHA256:y"))
    done = host.play("airgap.conda.audit", **given)
    assert done.returncode == 2
    assert "An audit chain is broken" in done.output


def test_two_manifests_of_one_name_are_told(host: Host) -> None:
    module(host, "rollback", env="demo", release=ONE)
    add(host.folder / "depot" / DEPOT_CHAIN, [Deed("built", "demo", ONE, "0" * 64)])
    done = host.play("airgap.conda.audit", audit_env="demo", deploy_depot=str(host.folder / "depot"))
    assert done.returncode == 2
    assert f"There are several manifests of demo {ONE}" in done.output


def test_the_page_has_a_lone_host_and_keeps_the_receipts_of_the_others(host: Host, tmp_path: Path) -> None:
    key = make_key(tmp_path / "key-of-lone")
    depot = host.folder / "depot"
    drive = tmp_path / "drive"
    put(drive / "depot", receipt(1, key, name="lone"), key)
    arguments = {
        "depot": str(depot),
        "drive": str(drive),
        "envs": ["demo"],
        "require_mount": False,
    }
    export = [{"airgap.conda.media_export": arguments, "vars": {"ansible_python_interpreter": sys.executable}}]
    done = host.play(export)
    assert done.returncode == 0
    assert "The receipts of lone are seen for the first time" in done.output
    assert [entry.what for entry in read(depot / DEPOT_CHAIN).entries] == ["exported"]
    assert [entry.what for entry in read(drive / "depot" / DEPOT_CHAIN).entries] == ["exported"]
    assert host.play(export).count("changed") == 0
    assert len(read(depot / DEPOT_CHAIN).entries) == 1
    given = {"report_root": str(host.store.root), "deploy_depot": str(depot), "report_path": str(tmp_path / "report")}
    done = host.play("airgap.conda.report", **given)
    assert done.returncode == 0
    page = json.loads((tmp_path / "report/report.json").read_text())
    rows = {one["host"]: one for one in page["hosts"]}
    assert rows["lone"]["envs"][0]["receipt"].endswith(" signed")
    assert rows["ws1"]["envs"][0]["receipt"] == ""
    assert {one.name for one in known(depot)} == {"lone"}  # this host calls itself otherwise than the inventory
