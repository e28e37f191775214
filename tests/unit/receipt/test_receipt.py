# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host writes down after a step: receipt, signature, audit line; and nothing when there was nothing to do."""

from __future__ import annotations

import json
import os
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._audit.chain import HOST_CHAIN, read
from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract import receipt as contract
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import Receipt, host_name
from ansible_collections.airgap.conda.plugins.module_utils._contract.sshsig import fingerprint, key_in
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._fit.facts import HostFacts
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools
from ansible_collections.airgap.conda.plugins.module_utils._hosts.known import known
from ansible_collections.airgap.conda.plugins.module_utils._hosts.take import take_from
from ansible_collections.airgap.conda.plugins.module_utils._receipt import seen, write
from ansible_collections.airgap.conda.plugins.module_utils._receipt.export import export
from ansible_collections.airgap.conda.plugins.module_utils._receipt.noted import noted
from ansible_collections.airgap.conda.plugins.module_utils._receipt.write import kept
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_receipt import make_key
from ansible_collections.airgap.conda.tests.unit.tiny_release import without_locks
from ansible_collections.airgap.conda.tests.unit.tiny_store import install, make

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return a host with one release."""
    monkeypatch.setattr(write, "HOST_KEY", tmp_path / "none")
    store = Store(tmp_path / "opt")
    install(store, make(store))
    return store


def step(store: Store, event: str = "install", what: str = "installed") -> list[str]:
    """Make a step that did something; returns what was told."""
    told: list[str] = []
    with noted(store, event, told.append) as note:
        note.did(what, "demo", "1-00000001")
    return told


def test_a_step_leaves_a_signed_receipt_and_a_line(store: Store) -> None:
    assert step(store) == []
    (one,) = kept(store)
    receipt = Receipt.from_json(one["content"].encode(), "here")
    assert (receipt.event, receipt.ok, receipt.root) == ("install", True, str(store.root))
    assert receipt.envs["demo"].current == "1-00000001"
    assert receipt.host.machine_id_sha256 != Path("/etc/machine-id").read_text().strip()
    key = key_in(one["signature"].encode())
    assert receipt.signer == fingerprint(key)
    assert signature.not_by(one["content"].encode(), one["signature"].encode(), key, contract.NAMESPACE) == ""
    (entry,) = read(store.root / ".state" / HOST_CHAIN).entries
    assert (entry.what, entry.env, entry.release) == ("installed", "demo", "1-00000001")
    assert len(entry.manifest_sha256) == 64


def test_a_runtime_that_came_by_sh_gets_its_lines_with_the_first_step(store: Store) -> None:
    for serial in (1, 2):
        made = make(store, serial, env="runtime")
        with store.lock("runtime"):
            made.send(store)
            store.install("runtime", made.manifest.id, made.sha256, "tar.zst")
            store.switch("runtime", made.manifest.id)
        step(store)
        step(store, "verify")
    done = [(one.env, one.release, one.what) for one in read(store.root / ".state" / HOST_CHAIN).entries]
    demo = ("demo", "1-00000001", "installed")
    assert done == [
        ("runtime", "1-00000001", "installed"),
        ("runtime", "1-00000001", "switched"),
        *(demo, demo),
        ("runtime", "2-00000002", "installed"),
        ("runtime", "2-00000002", "switched"),
        *(demo, demo),
    ]
    chain = read(store.root / ".state" / HOST_CHAIN)
    assert chain.verdict == "whole"
    assert all(len(one.manifest_sha256) == 64 for one in chain.entries)


def test_a_runtime_that_the_step_itself_brought_is_told_once(store: Store) -> None:
    made = make(store, 1, env="runtime")
    with store.lock("runtime"):
        made.send(store)
        store.install("runtime", made.manifest.id, made.sha256, "tar.zst")
        store.switch("runtime", made.manifest.id)
    with noted(store, "install", lambda _text: None) as note:
        note.deployed(Step("runtime", "1-00000001", "install", ""), {"install": 1.0, "checks": 1.0}, [])
    assert [one.what for one in read(store.root / ".state" / HOST_CHAIN).entries] == ["installed", "switched"]


def test_nothing_done_writes_nothing(store: Store) -> None:
    before = without_locks(store.root)
    with noted(store, "install", lambda _text: None):
        pass
    with noted(store, "install", lambda _text: None, dry=True, always=True) as note:
        note.did("installed", "demo", "1-00000001")
    assert without_locks(store.root) == before


def test_a_step_that_fails_leaves_a_receipt_with_the_error(store: Store) -> None:
    error = AirgapError("No room", code="no-room", wanted="a\nb", found="c  d", where="e", remedy="f" * 9000)
    with pytest.raises(AirgapError), noted(store, "update", lambda _text: None):
        raise error
    receipt = Receipt.from_json(kept(store)[0]["content"].encode(), "here")
    assert (receipt.ok, receipt.event) == (False, "update")
    assert (receipt.error["problem"], receipt.error["wanted"]) == ("No room", "a b")
    assert read(store.root / ".state" / HOST_CHAIN).entries == ()


@pytest.mark.parametrize("code", ["not-confirmed", "not-permitted"])
def test_a_step_that_nobody_took_leaves_nothing(store: Store, code: str) -> None:
    with pytest.raises(AirgapError), noted(store, "remove", lambda _text: None):
        raise AirgapError("No", wanted="a", found="b", where="c", remedy="d", code=code)
    assert kept(store) == []


def test_the_key_of_the_host_signs_for_root(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path / "ssh")
    monkeypatch.setattr(write, "HOST_KEY", key)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    step(store)
    assert key_in(kept(store)[0]["signature"].encode()) == " ".join(key.with_suffix(".pub").read_text().split()[:2])
    assert not (store.root / ".state/.receipts/key").exists()


def test_the_own_key_is_made_once_and_private(store: Store) -> None:
    step(store)
    step(store)
    assert len({key_in(one["signature"].encode()) for one in kept(store)}) == 1
    assert (store.root / ".state/.receipts/key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("half", ["key", "key.pub"])
def test_half_a_key_is_made_again(store: Store, half: str) -> None:
    step(store)
    (store.root / ".state/.receipts" / half).unlink()
    assert step(store) == []
    *_earlier, one = kept(store)
    key = key_in(one["signature"].encode())
    assert key == " ".join((store.root / ".state/.receipts/key.pub").read_text(encoding="ascii").split()[:2])


def test_a_deploy_says_what_it_did_and_how_long_each_step_took(store: Store) -> None:
    with noted(store, "install", str) as note:
        note.deployed(Step("demo", "1-00000001", "install", ""), {"install": 2.5, "checks": 1}, [])
        note.deployed(Step("more", "1-00000001", "switch", ""), {"checks": 4}, ["1-00000000"])
    assert [entry.what for entry in read(store.root / ".state" / HOST_CHAIN).entries] == [
        "installed", "switched", "switched", "pruned",
    ]  # fmt: skip
    receipt = Receipt.from_json(kept(store)[-1]["content"].encode(), "here")
    assert receipt.seconds.keys() == {"demo install", "demo checks", "more checks", "all"}
    assert receipt.seconds["demo install"] == 2.5


def test_what_is_wrong_with_a_gpu_is_in_the_receipt(store: Store) -> None:
    fields = {name: name for name in ("check", "problem", "wanted", "found", "where", "remedy", "code")}
    findings = [
        {**fields, "subject": "GPU 0", "verdict": verdict} for verdict in ("ok", "absent", "degraded", "broken")
    ]
    with noted(store, "verify", str, always=True) as note:
        note.saw_gpu("demo", {"findings": findings})
        note.saw_gpu("more", None)
    receipt = Receipt.from_json(kept(store)[-1]["content"].encode(), "here")
    assert [(one.subject, one.verdict) for one in receipt.findings] == [("demo", "degraded"), ("demo", "broken")]


def test_what_is_not_known_of_a_host_is_empty(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "gather", lambda *_args: HostFacts("ws", str(store.root), str(store.root)))
    found = seen.host_seen(store, Tools())
    assert (found.kernel, found.machine, found.glibc, found.cpu, found.driver, found.free_bytes) == ("",) * 5 + (0,)


def test_without_ssh_keygen_it_is_unsigned_and_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = step(store)
    assert "not signed" in told[0]
    (one,) = kept(store)
    assert one["signature"] == ""
    assert Receipt.from_json(one["content"].encode(), "here").signer == ""


def test_the_runtime_signs_where_the_host_cannot(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = subprocess.run(["sh", "-c", "command -v ssh-keygen"], capture_output=True, text=True, check=True)
    folder = store.root / "runtime/1-00000001/bin"
    folder.mkdir(parents=True)
    (folder / "ssh-keygen").symlink_to(found.stdout.strip())
    (store.root / "runtime/current").symlink_to("1-00000001")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert step(store) == []
    assert kept(store)[0]["signature"]


def test_the_last_ones_are_kept_and_numbers_only_grow(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECEIPTS", 3)
    for now in (2e9, 2e9, 1e9, 1e9, 2.1e9):
        monkeypatch.setattr(time, "time", partial(float, now))
        step(store)
    numbers = [Receipt.from_json(one["content"].encode(), "here").number for one in kept(store)]
    assert numbers == [2_000_000_002, 2_000_000_003, 2_100_000_000]
    names = os.listdir(store.root / ".state/.receipts")
    assert len([name for name in names if name.endswith(".sig")]) == 3


def test_what_a_killed_run_left_goes(store: Store) -> None:
    step(store)
    folder = store.root / ".state/.receipts"
    (folder / ".new-x").mkdir()
    (folder / ".new-x/receipt").touch()
    (folder / ".20261129T120000Z-1.json-0123456789abcdef-new").touch()
    step(store)
    assert [name for name in os.listdir(folder) if name.startswith(".")] == []


@pytest.mark.parametrize("victim", [".receipts", ".audit.jsonl"])
def test_what_cannot_be_written_is_a_warning(store: Store, victim: str) -> None:
    (store.root / ".state" / victim).symlink_to("/proc/none")
    (told,) = step(store)
    assert "this host" in told


def test_who_may_not_write_is_not_bothered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert step(store) == []
    assert kept(store) == []


def test_receipts_are_no_environment(store: Store) -> None:
    step(store)
    assert store.known() == ["demo"]


def test_from_the_host_over_a_drive_to_a_depot(store: Store, tmp_path: Path) -> None:
    for _time in range(2):
        step(store)
    drive, depot = tmp_path / "drive", tmp_path / "bastion"
    drive.mkdir()
    depot.mkdir()
    target, new, signer = export(store, drive)
    assert (new, target.parent) == (2, drive / ".receipts")
    assert signer.startswith("SHA256:")
    assert export(store, drive)[1] == 0
    (taken,) = take_from(drive, depot)
    assert (taken.new, taken.faults, taken.pinned) == (2, [], signer)
    assert known(depot)[0].receipt == Receipt.from_json(kept(store)[-1]["content"].encode(), "here")


def test_a_file_on_a_drive_is_whole_on_the_medium_before_it_has_its_name(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step(store)
    (tmp_path / "drive").mkdir()
    flushed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append((os.fstat(handle).st_ino, os.fstat(handle).st_size)))
    target = export(store, tmp_path / "drive")[0]
    assert {(path.stat().st_ino, path.stat().st_size) for path in target.iterdir()} <= set(flushed)
    assert flushed[-1][0] == target.stat().st_ino


@pytest.mark.parametrize("name", [".receipts", ".receipts/HOST"])
def test_no_link_of_a_drive_is_followed(store: Store, tmp_path: Path, name: str) -> None:
    step(store)
    host = Receipt.from_json(kept(store)[0]["content"].encode(), "here").host.name
    victim, drive = tmp_path / "victim", tmp_path / "drive"
    victim.mkdir()
    drive.mkdir()
    link = drive / name.replace("HOST", host)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(victim)
    with pytest.raises(AirgapError):
        export(store, drive)
    assert list(victim.iterdir()) == []


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("WS-1.Lab.Example", "ws-1.lab.example"),
        ("../../etc", "etc"),
        ("ä b", "b"),
        ("", "unnamed"),
        ("a" * 99, "a" * 63),
    ],
)
def test_the_name_of_a_host_is_plain(node: str, name: str) -> None:
    assert host_name(node) == name


def test_a_hosts_own_texts_become_plain(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "os-release"
    odd.write_text('PRETTY_NAME="Odd \x1b[2J' + " x" * 5000 + '"\n')
    monkeypatch.setattr(seen, "OS_RELEASE", odd)
    assert step(store) == []
    assert json.loads(kept(store)[0]["content"])["host"]["os"].startswith("Odd [2J x")
