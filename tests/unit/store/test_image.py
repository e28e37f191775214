# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases that come as an image: mounted, switched, found wrong, put right, and gone without a trace."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import PER_FILE, New
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import Table
from ansible_collections.airgap.conda.plugins.module_utils._formats import loop
from ansible_collections.airgap.conda.plugins.module_utils._preflight.look import inspect
from ansible_collections.airgap.conda.plugins.module_utils._store import arrived as _arrived
from ansible_collections.airgap.conda.plugins.module_utils._store import store as _store
from ansible_collections.airgap.conda.plugins.module_utils._store.activated import Activated
from ansible_collections.airgap.conda.plugins.module_utils._store.deploy import deploy
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import faults_of
from ansible_collections.airgap.conda.plugins.module_utils._store.image import Image, escaped
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import repair, require_repaired
from ansible_collections.airgap.conda.plugins.module_utils._store.rollback import rollback
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.plugins.module_utils._store.uninstall import uninstall
from ansible_collections.airgap.conda.plugins.module_utils._store.verify import verify
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_image import (
    Systemd,
    bring,
    bring_made,
    unmount,
    why_not,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, release_id, without_locks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("quick_disk"),
    pytest.mark.skipif(bool(why_not()), reason=f"no image can be mounted here: {why_not()}"),
]
IDS = [release_id(serial) for serial in range(9)]
TREES = ("tar.zst", "tar.gz")


def mounted(store: Store) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return sorted(line.split()[4] for line in lines if line.split()[4].startswith(f"{store.root}/"))


def test_an_image_is_mounted_checked_and_current(store: Store, host: Systemd) -> None:
    made, done = bring(store, 1)
    prefix = store.release("demo", IDS[1])
    assert mounted(store) == [str(prefix)]
    flags = os.statvfs(prefix).f_flag
    assert flags & os.ST_RDONLY
    assert flags & os.ST_NOSUID
    assert (store.current("demo"), store.releases("demo"), done.warnings) == (IDS[1], [IDS[1]], [])
    assert (prefix / "lib/data.txt").read_text() == "data" * 900
    image = store.image("demo", IDS[1])
    assert (image.stat().st_mode & 0o777, image.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    assert image.stat().st_size == made.manifest.payloads[1].size
    assert faults_of(store, "demo", IDS[1]) == []
    assert inspect(store, [made.wanted], 9, False)[0].action == "none"
    assert verify(store, "demo")["release"] == IDS[1]
    assert not store.incoming("demo", IDS[1]).exists()

    host.restart(store.root)
    assert verify(store, "demo")["installed"] == [IDS[1]]
    (unit,) = host.units.glob("*.mount")
    assert unit.name == f"{escaped(prefix)}.mount"


def test_update_rollback_and_prune(store: Store, host: Systemd) -> None:
    for serial in (1, 2, 3):
        _made, done = bring(store, serial, keep=2)
    assert done.pruned == [IDS[1]]
    assert store.releases("demo") == IDS[2:4]
    rollback(store, "demo", "", False)
    assert store.current("demo") == IDS[2]
    # A tree next to it, and back.
    bring(store, 4, formats=("tar.zst",), keep=2)
    assert store.releases("demo") == IDS[3:5]
    assert mounted(store) == [str(store.release("demo", IDS[3]))]
    assert len(list(host.units.glob("*.mount"))) == 1
    assert [path.name for path in store.image("demo", "").parent.iterdir()] == [f"{IDS[3]}.squashfs"]
    rollback(store, "demo", "", False)
    assert store.current("demo") == IDS[3]

    assert uninstall(store, "demo") == IDS[3:5]
    assert mounted(store) == []
    assert list(host.units.rglob("*.mount")) == []
    assert [name for name in without_locks(store.root) if "squashfs" in name or IDS[3] in name] == []
    assert not (store.root / ".images").exists()


def test_a_host_that_cannot_mount_takes_the_tree_and_says_why(store: Store, host: Systemd) -> None:
    made = make_release(store.root.parent / "both", store.root, formats=("tar.zst", "squashfs"))
    only = make_release(store.root.parent / "only", store.root, formats=("squashfs",))
    table = Table()
    assert inspect(store, [made.wanted], 2, False, table=table)[0].format == "squashfs"
    with patch.object(loop, "BOOTED", host.folder / "nowhere"):
        table = Table()
        assert inspect(store, [made.wanted], 2, False, table=table)[0].format == "tar.zst"
        (row,) = (verdict for verdict in table.as_result() if verdict["check"] == "payload")
        assert (
            row["found"]
            == "tar.zst, not squashfs (this host lacks systemd, which mounts an image again after a restart)"
        )
        with raised("payload", found="squashfs .this host lacks systemd", remedy="give the host systemd"):
            inspect(store, [only.wanted], 2, False)


@pytest.mark.usefixtures("host")
def test_a_trial_is_made_only_for_an_image_that_is_new(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _done = bring(store, 1)
    tree = make_release(store.root.parent / "tree", store.root, 2)
    monkeypatch.setattr(loop, "tried", lambda: pytest.fail("a trial"))
    assert inspect(store, [made.wanted], 2, False)[0].action == "none"
    assert inspect(store, [tree.wanted], 2, False)[0].format == "tar.zst"


@pytest.mark.usefixtures("host")
def test_the_runtime_is_no_image(store: Store) -> None:
    made = make_release(store.root.parent / "a", store.root, env="runtime", formats=("squashfs", "tar.gz"))
    assert inspect(store, [made.wanted], 2, False)[0].format == "tar.gz"
    made = make_release(store.root.parent / "b", store.root, env="runtime", formats=("squashfs",))
    with raised("payload", wanted="tar.zst, tar.gz", found="squashfs"):
        inspect(store, [made.wanted], 2, False)


# --- nothing that was not verified is mounted ------------------------------------------------------------------------


def test_a_damaged_part_is_never_mounted(store: Store, host: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_release(store.root.parent / "depot", store.root, formats=("squashfs",), part_size=1500)
    for code in ("file-damaged", "image-damaged"):
        part = made.send(store) / made.manifest.payloads[0].parts[1].name
        part.write_bytes(b"x" + part.read_bytes()[1:])
        with raised(code), store.lock("demo"):
            store.install("demo", made.manifest.id, made.sha256, "squashfs")
        assert {*without_locks(store.root)} <= {".state", ".state/demo"}
        # The second time it changes after it was read: what is written is hashed once more.
        monkeypatch.setattr(_arrived, "accept_file", lambda *_args: None)
    assert (host.calls, mounted(store)) == ([], [])


def test_an_image_is_on_disk_before_it_has_its_name_and_that_before_it_is_mounted(
    store: Store, host: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_release(store.root.parent / "depot", store.root, formats=("squashfs",))
    made.send(store)
    image = store.image("demo", made.manifest.id)
    seen: list[tuple[str, int]] = []
    rename = os.rename

    def fsync(handle: int) -> None:
        seen.append((os.path.realpath(f"/proc/self/fd/{handle}"), len(host.calls)))

    def renamed(old: Path, new: Path) -> None:
        seen.append((str(new), len(host.calls)))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", renamed)
    with store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "squashfs")
    new = str(image.with_name(f".{image.name}-new"))
    steps = [step for step in seen if step[0] in (new, str(image), str(image.parent))]
    assert steps == [(new, 0), (str(image), 0), (str(image.parent), 0)]


@pytest.mark.parametrize(
    "change", ["chmod u+s bin/python", "rm lib/data.txt", "touch lib/more", "ln -sfn x bin/sh-link"]
)
def test_an_image_that_is_not_as_its_list_says_is_refused(store: Store, host: Systemd, change: str) -> None:
    made = make_release(store.root.parent / "depot", store.root, formats=("squashfs",), part_size=1 << 20)
    image = made.folder / "env.squashfs"
    words = (
        f"unsquashfs -q -n -d tree {image} && cd tree && {change} && rm {image} && "
        f"mksquashfs . {image} -quiet -no-progress -comp zstd && rm -r ../tree"
    )
    subprocess.run(["sh", "-c", words], check=True, cwd=made.folder, capture_output=True)
    size, sha256 = image.stat().st_size, hashlib.sha256(image.read_bytes()).hexdigest()
    (payload,) = made.manifest.payloads
    part = dataclasses.replace(payload.parts[0], size=size, sha256=sha256)
    signed = dataclasses.replace(
        made.manifest, payloads=(dataclasses.replace(payload, size=size, sha256=sha256, parts=(part,)),)
    )
    (made.folder / "manifest.json").write_text(signed.to_json(), encoding="utf-8")
    made.send(store)
    with raised("payload-damaged"), store.lock("demo"):
        manifest_sha256 = hashlib.sha256((made.folder / "manifest.json").read_bytes()).hexdigest()
        store.install("demo", signed.id, manifest_sha256, "squashfs")
    assert (mounted(store), store.releases("demo"), list(host.units.glob("*.mount"))) == ([], [], [])
    assert not store.image("demo", signed.id).exists()


# --- in use ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("host")
def test_an_image_in_use_stays_until_a_later_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store, 1)
    prefix = store.release("demo", IDS[1])
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, cwd=prefix, stdin=subprocess.PIPE) as user:
        bring(store, 2)
        _made, done = bring(store, 3, keep=1)
        assert done.pruned == []
        # Somebody comes between the look and the removal.
        monkeypatch.setattr(_store, "unused", lambda _root, prefixes, _concerns: list(prefixes))
        made, done = bring(store, 4, keep=1)
        assert done.pruned == [IDS[2]]
        assert f"{IDS[1]} was not removed" in done.warnings[0]
        assert "busy" in done.warnings[0]
        assert faults_of(store, "demo", IDS[1]) == []
        with raised("release-in-use"):
            uninstall(store, "demo", IDS[1])
        assert user.stdin is not None
        user.stdin.close()
    assert inspect(store, [made.wanted], 1, False)[0].action == "prune"
    assert bring_made(store, made, keep=1).pruned == [IDS[1]]
    assert mounted(store) == [str(store.release("demo", name)) for name in IDS[3:5]]


# --- what is wrong, and put right ------------------------------------------------------------------------------------


def test_an_image_that_is_not_mounted_is_none_of_the_releases(store: Store, host: Systemd) -> None:
    bring(store, 1)
    made, _done = bring(store, 2)
    host.restart(store.root, mounts=False)
    assert (store.current("demo"), store.releases("demo")) == (IDS[2], [])
    with raised("image-unmounted", remedy="airgap.conda.repair"):
        verify(store, "demo")
    with raised("nothing-older", found="no release", remedy="mounts what is not mounted"):
        rollback(store, "demo", IDS[1], False)
    Activated(store.root).recover("demo")  # as a rollback does
    assert store.held("demo") == IDS[1:3]
    assert inspect(store, [made.wanted], 9, False)[0].action == "switch"

    done = repair(store, "demo", TREES)
    assert (done.changed, done.step) == (True, None)
    assert [fault.found for fault in done.faults] == ["an image that is not mounted"]
    assert verify(store, "demo")["installed"] == [IDS[2]]
    # The other one follows with the next deploy, for which nothing is sent.
    assert inspect(store, [made.wanted], 9, False)[0].action == "prune"
    bring_made(store, made)
    assert store.releases("demo") == IDS[1:3]

    host.restart(store.root, mounts=False)
    bring_made(store, made)
    assert (store.releases("demo"), store.current("demo")) == (IDS[1:3], IDS[2])


@pytest.mark.usefixtures("host")
def test_a_damaged_image_is_found_and_sent_again_while_it_is_in_use(store: Store) -> None:
    made, _done = bring(store, 1)
    prefix, image = store.release("demo", IDS[1]), store.image("demo", IDS[1])
    data = bytearray(image.read_bytes())
    data[-100] ^= 1
    with open(image, "r+b") as stream:
        stream.write(data)
    (fault,) = faults_of(store, "demo", IDS[1])
    assert fault.found == f"other content in {image}"
    with raised("release-damaged"):
        verify(store, "demo")
    command = [sys.executable, "-c", "input(); print(open('lib/data.txt').read())"]
    with subprocess.Popen(command, cwd=prefix, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        done = repair(store, "demo", TREES)
        assert done.step is not None
        payload = made.manifest.payloads[1]
        assert (done.step.format, done.step.missing) == ("squashfs", [part.name for part in payload.parts])
        made.send(store)
        done = repair(store, "demo", TREES, made.wanted)
        require_repaired(store, done)
        assert user.communicate(b"\n")[0].startswith(b"datadata")
    assert faults_of(store, "demo", IDS[1]) == []
    assert mounted(store) == [str(prefix)]
    assert not store.incoming("demo", IDS[1]).exists()


def _no_unit(_store: Store, host: Systemd) -> None:
    next(host.units.glob("*.wants/*")).unlink()


def _other_unit(_store: Store, host: Systemd) -> None:
    next(host.units.glob("*.mount")).write_text("[Mount]\n", encoding="ascii")


def _other_mount(store: Store, _host: Systemd) -> None:
    unmount(store.root)
    image = store.image("demo", IDS[1])
    copy = store.root.parent / "copy"
    copy.write_bytes(image.read_bytes())
    subprocess.run(["mount", "-o", "loop,ro", copy, store.release("demo", IDS[1])], check=True)


def _replaced(store: Store, _host: Systemd) -> None:
    image = store.image("demo", IDS[1])
    copy = image.with_suffix(".copy")
    copy.write_bytes(image.read_bytes())
    copy.rename(image)


def _no_folder(store: Store, _host: Systemd) -> None:
    unmount(store.root)
    store.release("demo", IDS[1]).rmdir()


@pytest.mark.parametrize("is_mounted", [True, False])
@pytest.mark.usefixtures("host")
def test_a_record_that_is_lost_is_sent_again(store: Store, is_mounted: bool) -> None:
    made, _done = bring(store, 1)
    shutil.rmtree(store.state("demo") / IDS[1])
    if not is_mounted:
        unmount(store.root)
    before = mounted(store)
    done = repair(store, "demo", TREES)
    assert done.step is not None
    assert (done.step.format, done.changed) == ("", False)
    with raised("place-taken") if is_mounted else contextlib.nullcontext():  # as for a tree without a record
        inspect(store, [made.wanted], 9, False)
    assert mounted(store) == before
    made.send(store)
    require_repaired(store, repair(store, "demo", TREES, made.wanted))
    assert verify(store, "demo")["installed"] == [IDS[1]]


@pytest.mark.parametrize("damage", [_no_unit, _other_unit, _other_mount, _replaced, _no_folder])
def test_what_else_can_be_wrong_is_put_right_from_what_is_there(store: Store, host: Systemd, damage: object) -> None:
    bring(store, 1)
    assert callable(damage)
    damage(store, host)
    with raised("image-unmounted" if damage is _no_folder else "release-damaged"):
        verify(store, "demo")
    assert repair(store, "demo", TREES, check_mode=True).changed
    require_repaired(store, repair(store, "demo", TREES))
    assert faults_of(store, "demo", IDS[1]) == []
    verify(store, "demo")


def test_a_lost_image_that_is_not_current_is_forgotten(store: Store, host: Systemd) -> None:
    bring(store, 1)
    made, _done = bring(store, 2)
    host.restart(store.root)
    subprocess.run(["umount", store.release("demo", IDS[1])], check=True)
    store.image("demo", IDS[1]).unlink()
    bring_made(store, made)
    assert store.releases("demo") == [IDS[2]]
    assert len(list(host.units.glob("*.mount"))) == 1
    assert sorted(path.name for path in (store.root / "demo").glob("[0-9]*")) == [IDS[2]]


def test_a_damaged_image_is_not_mounted_by_a_deploy(store: Store, host: Systemd) -> None:
    made, _done = bring(store, 1)
    newer, _done = bring(store, 2)
    rollback(store, "demo", "", False)
    unmount(store.root)
    calls = host.calls
    for one in (newer, made):
        store.image("demo", one.manifest.id).write_bytes(b"other")
        (step,) = inspect(store, [one.wanted], 9, True)
        with raised("image-damaged"):
            deploy(store, step, one.sha256, 9)
        assert mounted(store) == []
    assert [call for call in host.calls[len(calls) :] if call.startswith("enable")] == []
    # What is current waits for the repair, the other one is sent again.
    assert inspect(store, [made.wanted], 9, True)[0].action == "switch"
    assert inspect(store, [newer.wanted], 9, False)[0].action == "install"
    bring_made(store, newer)
    assert store.releases("demo") == [IDS[2]]


def test_systemd_that_fails_is_quoted_and_leaves_nothing(store: Store, host: Systemd) -> None:
    host.program.write_text("#!/bin/sh\necho 'Failed to start: no such device' >&2\nexit 1\n", encoding="ascii")
    made = make_release(store.root.parent / "depot", store.root, formats=("squashfs",))
    made.send(store)
    with raised("image-unmounted", found="no such device"), store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "squashfs")
    assert list(host.units.rglob("*")) == []
    assert not (store.root / ".images").exists()
    assert not (store.root / "demo").exists()


@pytest.mark.parametrize("path", ["/opt/conda-envs/demo/1-1c0ffee5", "/.a/b.c", "/a_b:c/é %x//y", "/", "/-a"])
def test_names_of_units_are_those_of_systemd(path: str) -> None:
    done = subprocess.run(["systemd-escape", "--path", path], capture_output=True, text=True, check=True)
    assert escaped(Path(path)) == done.stdout.strip()


def test_room_is_asked_for_the_image_and_not_for_its_files(store: Store) -> None:
    wanted = make_release(store.root.parent / "depot", store.root).wanted
    as_tree, as_image = New(wanted, True, 10), New(wanted, True, 10, image=100)
    assert (as_tree.bytes, as_tree.files) == (10 + wanted.bytes + wanted.files * PER_FILE, wanted.files)
    assert (as_image.bytes, as_image.files) == (110, 1)


def test_an_ordinary_user_can_verify_an_image(store: Store, host: Systemd) -> None:
    bring(store, 1)
    temporary = Path(tempfile.gettempdir())
    for folder in (store.root, *store.root.parents):
        if temporary in (folder, *folder.parents):
            folder.chmod(folder.stat().st_mode | 0o055)
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setuid(1234)
            status = len(faults_of(store, "demo", IDS[1]))
        finally:
            os._exit(status)
    assert host.units.exists()
    assert os.waitpid(child, 0)[1] == 0


def test_a_unit_has_real_paths(tmp_path: Path) -> None:
    (tmp_path / "data%d").mkdir()
    (tmp_path / "opt").symlink_to("data%d")
    image = Image(tmp_path / "opt/.images/demo/1.squashfs", tmp_path / "opt/demo/1")
    assert f"Where={tmp_path}/data%%d/demo/1\n" in image.text()
    assert image.unit.name.endswith(r"data\x25d-demo-1.mount")
