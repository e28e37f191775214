# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trip over a drive, and its first half: only what is whole leaves, and what has a signature there is whole."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media import exporter
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id, snapshot
from ansible_collections.airgap.conda.tests.unit.tiny_site import (
    ONE,
    PARTS,
    ROOT,
    TWO,
    Site,
    damage,
    leave_free,
)

pytestmark = pytest.mark.usefixtures("quick_drive")


# --- the way there ---------------------------------------------------------------------------------------------------


def test_a_release_makes_the_whole_trip(site: Site) -> None:
    said = site.export(check=True)
    assert list(site.drive.iterdir()) == [site.drive / "photos"]
    done = site.export()
    assert said == done
    assert done["diff"] == {"before": "", "after": f"demo {TWO}\nruntime {ONE}\n"}
    assert [(item["env"], item["id"], item["action"], item["signer"]) for item in done["releases"]] == [
        ("demo", TWO, "copied", "key@bastion"),
        ("runtime", ONE, "copied", "key@bastion"),
    ]
    said = site.bring(check=True)
    assert not site.inside.exists()
    done = site.bring()
    assert said == done
    assert done["diff"] == {"before": "", "after": f"demo {TWO}\nruntime {ONE}\n"}
    for env, release in (("demo", TWO), ("runtime", ONE)):
        before = snapshot(site.bastion / env / release)
        del before["notes-of-a-person"]
        for name, (mode, content) in before.items():
            before[name] = (mode & ~0o777 | 0o644, content)  # ssh-keygen makes a signature that only its owner may read
        assert snapshot(site.on_drive(release, env)) == snapshot(site.inside / env / release) == before
        Depot(site.inside).verify(env, release, site.path / "key.signers")
    assert done["files"] == len(before) * 2
    assert done["bytes"] == sum(p.stat().st_size for p in site.inside.rglob("*/*/*"))
    assert (site.drive / "photos/1.jpg").read_text(encoding="ascii") == "a cat"
    assert sorted(p.name for p in site.drive.iterdir()) == ["depot", "photos"]
    assert json.loads(json.dumps(done)) == done


def test_a_second_run_changes_nothing(site: Site) -> None:
    site.export()
    site.bring()
    before = site.state()
    times = {path: path.stat().st_mtime_ns for path in site.path.rglob("*")}
    for step in (site.export, site.bring):
        for check in (True, False):
            done = step(check)
            assert (done["changed"], done["files"], done["bytes"]) == (False, 0, 0)
            assert [release["action"] for release in done["releases"]] == ["unchanged", "unchanged"]
            assert done["diff"]["before"] == done["diff"]["after"] == f"demo {TWO}\nruntime {ONE}\n"
    assert site.state() == before
    assert {path: path.stat().st_mtime_ns for path in site.path.rglob("*")} == times


def test_releases_follow_each_other(site: Site) -> None:
    site.export(envs=["demo"], releases={"demo": ONE})
    assert not site.on_drive(TWO).exists()
    site.bring()
    done = site.export()
    assert [(item["id"], item["action"]) for item in done["releases"]] == [(TWO, "copied"), (ONE, "copied")]
    done = site.bring(releases={"demo": 2})
    assert [(item["id"], item["action"]) for item in done["releases"]] == [
        (ONE, "unchanged"),
        (TWO, "copied"),
        (ONE, "copied"),
    ]
    assert done["diff"] == {"before": f"demo {ONE}\n", "after": f"demo {ONE}\ndemo {TWO}\nruntime {ONE}\n"}
    assert Depot(site.inside).releases("demo") == [ONE, TWO]


def test_a_drive_is_mounted_and_free(site: Site) -> None:
    for step in (site.export, site.bring):
        assert site.refused(step, require_mount=True).wanted == "a mounted drive"
    site.export()
    drive = Drive(site.drive)
    with drive.in_use(writing=False):
        site.bring()
        site.export(check=True)
        with raised("locked", problem="the drive"):
            site.export()
    with drive.in_use(writing=True):
        site.refused(site.bring)
        site.refused(site.export)


def test_the_signature_comes_last(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    real = os.rename

    def noted(source: Any, target: Any) -> None:
        names.append(Path(target).name)
        real(source, target)

    monkeypatch.setattr(os, "rename", noted)
    site.export(envs=["demo"])
    assert names[: len(PARTS)] == list(PARTS)
    assert names[-6:] == [FILES, "conda.lock", "environment.yml", "pip.lock", MANIFEST, SIGNATURE]


def test_the_signature_is_gone_before_a_release_is_completed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export()
    (site.on_drive() / PARTS[0]).unlink()
    calls: list[tuple[str, bool]] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *_args: calls.append((name, (site.on_drive() / SIGNATURE).exists()))

    monkeypatch.setattr(exporter, "flush_directory", note("flush"))
    monkeypatch.setattr(exporter, "copy_file", note("copy"))
    site.export()
    assert calls == [("flush", False), ("copy", False), ("copy", False)]


@pytest.mark.parametrize("name", [PARTS[1], FILES, MANIFEST, SIGNATURE, "conda.lock"])
@pytest.mark.parametrize("fault", [Path.unlink, damage, lambda path: path.write_bytes(b"")])
def test_what_is_missing_or_differs_is_copied_again(site: Site, name: str, fault: Callable[[Path], None]) -> None:
    site.export()
    whole = snapshot(site.drive)
    fault(site.on_drive() / name)
    if name == MANIFEST and (site.on_drive() / MANIFEST).exists():
        (site.on_drive() / SIGNATURE).unlink()
    said = site.export(check=True)
    done = site.export()
    assert said == done
    action = done["releases"][0]
    assert (action["action"], action["files"]) == ("completed", 1 if name == SIGNATURE else 2)
    assert done["diff"]["before"].startswith(f"demo {TWO} ({action['files']} files missing or different)\n")
    assert snapshot(site.drive) == whole


def test_what_a_killed_run_left_is_removed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.on_drive().mkdir(parents=True)
    (site.on_drive() / f".{PARTS[0]}.new").write_bytes(bytes(150))
    files = sum(release["files"] for release in site.export(check=True)["releases"])
    leave_free(monkeypatch, site.drive, files - 2)
    error = site.refused(site.export)
    assert (error.code, error.where) == ("space", str(site.drive / "depot"))
    leave_free(monkeypatch, site.drive, files - 1)  # one more is given back
    site.export()
    assert not list(site.drive.rglob("*.new"))
    assert sorted(p.name for p in site.on_drive().iterdir())[:2] == ["conda.lock", PARTS[0]]


def test_a_signed_release_of_another_depot_is_not_overwritten(site: Site) -> None:
    site.export()
    damage(site.on_drive() / MANIFEST)
    error = site.refused(site.export)
    assert (error.code, error.where) == ("release-differs", str(site.on_drive()))


def test_only_what_is_whole_leaves_the_depot(site: Site) -> None:
    damage(site.bastion / "demo" / TWO / PARTS[0])
    (site.bastion / "demo" / TWO / PARTS[2]).unlink()
    (site.bastion / "runtime" / ONE / FILES).unlink()
    for signers in (site.path / "key.signers", None):
        error = site.refused(site.export, allowed_signers=signers)
        assert error.code == "release-damaged"
        assert error.found == (
            f"demo {TWO}: other content {PARTS[0]}, missing {PARTS[2]}; runtime {ONE}: missing {FILES}"
        )
        assert error.where == str(site.bastion)


def test_an_export_asks_for_the_signature_when_it_can(site: Site) -> None:
    (site.path / "other").mkdir()
    _key, signers = make_key(site.path / "other")
    assert site.refused(site.export, allowed_signers=signers).code == "signature-refused"
    (site.bastion / "demo" / TWO / SIGNATURE).unlink()
    assert f"demo {TWO}: missing {SIGNATURE}" in site.refused(site.export, allowed_signers=None).found
    assert site.export(envs=["runtime"], allowed_signers=None)["releases"][0]["signer"] == ""


def test_a_release_in_the_folder_of_another_does_not_travel(site: Site) -> None:
    os.rename(site.bastion / "demo" / TWO, site.bastion / "demo" / release_id(3))
    error = site.refused(site.export)
    assert (error.wanted, error.found) == (f"demo {release_id(3)}", f"demo {TWO}")


def test_files_stay_below_the_limit_of_fat32(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert exporter.FAT_LIMIT == 2**32 - 1
    monkeypatch.setattr(exporter, "FAT_LIMIT", 149)
    error = site.refused(site.export)
    assert error.code == "part-too-large"
    assert f"{PARTS[0]} with 150 bytes, {PARTS[1]} with 150 bytes" in error.found
    assert "build_part_size" in error.remedy
    monkeypatch.setattr(exporter, "FAT_LIMIT", 150)
    site.export()


@pytest.mark.parametrize("env", ["con", "aux.v2", "lpt1", "demo."])
def test_names_that_fat_would_change_are_refused(site: Site, env: str) -> None:
    make_release(site.bastion, ROOT, 1, env=env)
    error = site.refused(site.export, envs=[env], allowed_signers=None)
    assert (error.code, error.found) == ("name-not-portable", repr(env))


@pytest.mark.parametrize("place", ["depot", "depot/demo", f"depot/demo/{TWO}"])
def test_a_link_on_the_drive_leads_nowhere(site: Site, place: str) -> None:
    (site.path / "etc").mkdir()
    (site.drive / place).parent.mkdir(parents=True, exist_ok=True)
    (site.drive / place).symlink_to(site.path / "etc")
    error = site.refused(site.export)
    assert (error.found, error.where) == ("a link", str(site.drive / place))
    assert not list((site.path / "etc").iterdir())


def test_a_link_in_the_place_of_a_file_is_replaced(site: Site) -> None:
    site.on_drive().mkdir(parents=True)
    (site.path / "etc").write_text("kept", encoding="ascii")
    for name in (PARTS[0], f".{PARTS[1]}.new"):
        (site.on_drive() / name).symlink_to(site.path / "etc")
    os.mkfifo(site.on_drive() / PARTS[2])
    site.export()
    assert (site.path / "etc").read_text(encoding="ascii") == "kept"
    Depot(site.drive / "depot").verify("demo", TWO, site.path / "key.signers")


def test_a_drive_that_is_gone_is_one_error_wherever_it_is_looked_at(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Any) -> Any:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(os, "statvfs", gone)
    error = site.refused(site.export)
    assert (error.found, error.where) == ("Input/output error", str(site.drive))


def test_a_full_drive_is_told_before_it_is_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_free(monkeypatch, site.drive, 3)
    error = site.refused(site.export)
    assert error.code == "space"
    assert "drive" in error.problem
