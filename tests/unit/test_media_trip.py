# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Depot, drive, depot: what arrives is what was signed, and what is refused leaves both sides as they were."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils import _media_export, _signature
from ansible_collections.airgap.conda.plugins.module_utils._depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._media import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media_export import Export
from ansible_collections.airgap.conda.plugins.module_utils._media_import import Import
from ansible_collections.airgap.conda.plugins.module_utils._release import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    make_key,
    make_release,
    release_id,
    skip_flushes,
    snapshot,
)

ROOT = Path("/opt/conda-envs")
ONE, TWO = release_id(1), release_id(2)
PARTS = ("env.tar.zst.000", "env.tar.zst.001", "env.tar.zst.002")


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_flushes(monkeypatch)
    monkeypatch.setattr(os, "posix_fadvise", lambda *_args: None)  # it would make the disk write


@dataclass(frozen=True)
class Site:
    """A depot with releases, an empty depot, a drive with somebody's photographs, the bastion's key."""

    path: Path

    @property
    def drive(self) -> Path:
        return self.path / "drive"

    @property
    def bastion(self) -> Path:
        return self.path / "bastion"

    @property
    def inside(self) -> Path:
        return self.path / "inside"

    def on_drive(self, release: str = TWO, env: str = "demo") -> Path:
        return self.drive / "depot" / env / release

    def export(self, check: bool = False, **options: Any) -> dict[str, Any]:
        export = Export(Depot(self.bastion), Drive(self.drive), (), {}, self.path / "key.signers", False)
        return replace(export, **options).run(check)

    def bring(self, check: bool = False, **options: Any) -> dict[str, Any]:
        wanted = Import(Depot(self.inside), Drive(self.drive), (), {}, self.path / "key.signers", False, False)
        return replace(wanted, **options).run(check)

    def state(self) -> dict[str, Any]:
        """Return what is on both sides, but for the lock of the depot."""
        found = {name: snapshot(self.path / name) for name in ("drive", "bastion", "inside")}
        found["inside"].pop(".lock", None)
        return found

    def refused(self, step: Callable[..., Any], **options: Any) -> AirgapError:
        """Want a refusal, the same one in check mode, that changes nothing."""
        before = self.state()
        errors = []
        for check in (True, False):
            with pytest.raises(AirgapError) as caught:
                step(check, **options)
            assert self.state() == before
            errors.append(caught.value)
        assert str(errors[0]) == str(errors[1])
        assert all((errors[0].wanted, errors[0].found, errors[0].where, errors[0].remedy))
        return errors[0]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    key, _signers = make_key(folder)
    for env, serial in (("demo", 1), ("demo", 2), ("runtime", 1)):
        made = make_release(folder / "bastion", ROOT, serial, env=env)
        _signature.sign(made.folder / MANIFEST, key)
        for name in ("conda.lock", "pip.lock", "environment.yml"):
            (made.folder / name).write_text(f"{name} of {env} {serial}", encoding="ascii")
        (made.folder / "notes-of-a-person").touch()
    for tree in folder.glob("bastion/tree-*"):
        shutil.rmtree(tree)
    (folder / "drive/photos").mkdir(parents=True)
    (folder / "drive/photos/1.jpg").write_text("a cat", encoding="ascii")
    return folder


@pytest.fixture
def site(original: Path, tmp_path: Path) -> Site:
    shutil.copytree(original, tmp_path / "site")
    return Site(tmp_path / "site")


def damage(path: Path) -> None:
    """Change one bit."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


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


# --- export ----------------------------------------------------------------------------------------------------------


def test_the_signature_comes_last(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    real = os.rename

    def noted(source: Any, target: Any) -> None:
        names.append(Path(target).name)
        real(source, target)

    monkeypatch.setattr(os, "rename", noted)
    site.export(envs=["demo"])
    assert names[: len(PARTS)] == list(PARTS)
    assert names[-6:] == [FILES, "environment.yml", "conda.lock", "pip.lock", MANIFEST, SIGNATURE]


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


def test_what_a_killed_run_left_is_removed(site: Site) -> None:
    site.on_drive().mkdir(parents=True)
    (site.on_drive() / f".{PARTS[0]}.new").touch()
    site.export()
    assert not list(site.drive.rglob("*.new"))
    assert sorted(p.name for p in site.on_drive().iterdir())[:2] == ["conda.lock", PARTS[0]]


def test_a_signed_release_of_another_depot_is_not_overwritten(site: Site) -> None:
    site.export()
    damage(site.on_drive() / MANIFEST)
    error = site.refused(site.export)
    assert (error.problem, error.where) == ("The drive has another release of this name", str(site.on_drive()))


def test_only_what_is_whole_leaves_the_depot(site: Site) -> None:
    damage(site.bastion / "demo" / TWO / PARTS[0])
    (site.bastion / "demo" / TWO / PARTS[2]).unlink()
    (site.bastion / "runtime" / ONE / FILES).unlink()
    for signers in (site.path / "key.signers", None):
        error = site.refused(site.export, allowed_signers=signers)
        assert error.problem == "A chosen release is damaged or not whole"
        assert error.found == (
            f"demo {TWO}: other content {PARTS[0]}, missing {PARTS[2]}; runtime {ONE}: missing {FILES}"
        )
        assert error.where == str(site.bastion)


def test_an_export_asks_for_the_signature_when_it_can(site: Site) -> None:
    (site.path / "other").mkdir()
    _key, signers = make_key(site.path / "other")
    assert "not accepted" in site.refused(site.export, allowed_signers=signers).problem
    (site.bastion / "demo" / TWO / SIGNATURE).unlink()
    assert f"demo {TWO}: missing {SIGNATURE}" in site.refused(site.export, allowed_signers=None).found
    assert site.export(envs=["runtime"], allowed_signers=None)["releases"][0]["signer"] == ""


def test_a_release_in_the_folder_of_another_does_not_travel(site: Site) -> None:
    os.rename(site.bastion / "demo" / TWO, site.bastion / "demo" / release_id(3))
    error = site.refused(site.export)
    assert (error.wanted, error.found) == (f"demo {release_id(3)}", f"demo {TWO}")


def test_files_stay_below_the_limit_of_fat32(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _media_export.FAT_LIMIT == 2**32 - 1
    monkeypatch.setattr(_media_export, "FAT_LIMIT", 149)
    error = site.refused(site.export)
    assert "too large for a drive" in error.problem
    assert f"{PARTS[0]} with 150 bytes, {PARTS[1]} with 150 bytes" in error.found
    assert "build_part_size" in error.remedy
    monkeypatch.setattr(_media_export, "FAT_LIMIT", 150)
    site.export()


@pytest.mark.parametrize("env", ["con", "aux.v2", "lpt1", "demo."])
def test_names_that_fat_would_change_are_refused(site: Site, env: str) -> None:
    make_release(site.bastion, ROOT, 1, env=env)
    error = site.refused(site.export, envs=[env], allowed_signers=None)
    assert (error.problem, error.found) == ("This name cannot be used on every drive", repr(env))


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


def test_a_full_drive_is_told_before_it_is_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(site.drive)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((*real[:4], 3, *real[5:])))
    assert site.refused(site.export).problem == "The drive is too full"


# --- import ----------------------------------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_named_and_nothing_is_written(site: Site) -> None:
    site.export(releases={"demo": 2})
    damage(site.on_drive() / PARTS[0])
    (site.on_drive() / PARTS[1]).unlink()
    (site.on_drive() / PARTS[2]).write_bytes(b"cut")
    (site.on_drive(ONE) / FILES).unlink()
    os.mkfifo(site.on_drive(ONE) / FILES)
    error = site.refused(site.bring, releases={"demo": 2})
    assert error.problem == "A chosen release is damaged or not whole"
    assert error.found == (
        f"demo {ONE}: unreadable (Not a regular file) {FILES}; "
        f"demo {TWO}: other content {PARTS[0]}, missing {PARTS[1]}, 3 bytes instead of 41 {PARTS[2]}"
    )
    assert error.where == str(site.drive / "depot")
    assert "export to this drive again" in error.remedy
    assert site.bring(envs=["runtime"])["changed"]  # the others are as good as ever


def test_a_part_that_cannot_be_read_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export()
    real = os.read

    def sick(handle: int, size: int) -> bytes:
        if Path(f"/proc/self/fd/{handle}").readlink() == site.on_drive() / PARTS[1]:
            raise OSError(5, "Input/output error")
        return real(handle, size)

    monkeypatch.setattr(os, "read", sick)
    assert f"demo {TWO}: unreadable (Input/output error) {PARTS[1]}" in site.refused(site.bring).found


@pytest.mark.parametrize("names", [(SIGNATURE,), (MANIFEST, SIGNATURE)])
def test_a_half_written_release_is_refused(site: Site, names: tuple[str, ...]) -> None:
    site.export()
    for name in names:
        (site.on_drive() / name).unlink()
    assert site.refused(site.bring).found == f"demo {TWO}: missing {' '.join(names)}"
    site.export()
    assert site.bring()["changed"]


def test_an_unknown_signer_is_refused(site: Site) -> None:
    site.export()
    (site.path / "other").mkdir()
    key, _signers = make_key(site.path / "other")
    _signature.sign(site.on_drive() / MANIFEST, key)
    error = site.refused(site.bring)
    assert (error.problem, error.where) == (
        "The signature of this release is not accepted",
        str(site.on_drive() / SIGNATURE),
    )
    assert "Nobody is trusted" in site.refused(site.bring, allowed_signers=None).problem


def test_an_edited_manifest_is_refused(site: Site) -> None:
    site.export()
    damage(site.on_drive() / MANIFEST)
    assert "not accepted" in site.refused(site.bring).problem


def test_a_signed_manifest_in_the_folder_of_another_is_refused(site: Site) -> None:
    site.export()
    os.rename(site.on_drive(), site.on_drive(release_id(3)))
    assert site.refused(site.bring).wanted == f"demo {release_id(3)}"


def test_a_release_older_than_what_the_depot_has_is_refused(site: Site) -> None:
    site.export(envs=["demo"])
    site.bring()
    shutil.rmtree(site.drive / "depot")
    site.export(releases={"demo": ONE})
    error = site.refused(site.bring)
    assert error.problem == "This release of demo is older than what the depot has"
    assert (error.wanted, error.found) == ("serial 3 or higher", f"serial 1, release {ONE}")
    assert site.bring(allow_downgrade=True)["files"]
    assert Depot(site.inside).releases("demo") == [ONE, TWO]


def test_one_serial_means_one_release(site: Site) -> None:
    site.export(envs=["demo"])
    (site.inside / "demo/2-ffffffff").mkdir(parents=True)
    for allowed in (False, True):
        error = site.refused(site.bring, allow_downgrade=allowed)
        assert error.problem == "The depot has another release with this serial"
        assert "2-ffffffff" in error.wanted


def test_another_release_of_the_same_name_is_refused(site: Site) -> None:
    site.export(envs=["demo"])
    site.bring()
    shutil.rmtree(site.inside / "demo" / TWO)
    made = make_release(site.path / "again", ROOT, 2, tree={"bin/python": "other"}, part_size=1 << 20)
    _signature.sign(made.folder / MANIFEST, site.path / "key")
    shutil.copytree(made.folder, site.inside / "demo" / TWO)
    assert site.refused(site.bring).problem == "The depot has another release of this name"


def test_a_damaged_release_in_the_depot_is_not_taken_for_whole(site: Site) -> None:
    site.export(envs=["demo"])
    site.bring()
    damage(site.inside / "demo" / TWO / PARTS[2])
    error = site.refused(site.bring)
    assert error.where == str(site.inside / "demo" / TWO / PARTS[2])
    assert error.remedy == f"remove {site.inside / 'demo' / TWO}, then import again"
    shutil.rmtree(site.inside / "demo" / TWO)
    assert site.bring()["changed"]


@pytest.mark.parametrize("name", [PARTS[1], MANIFEST, SIGNATURE])
def test_what_the_drive_gives_the_second_time_counts(site: Site, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    site.export(envs=["demo"])
    real = Depot.new_release

    def changing(depot: Depot, manifest: Any) -> Any:
        damage(site.on_drive() / name)
        return real(depot, manifest)

    monkeypatch.setattr(Depot, "new_release", changing)
    with pytest.raises(AirgapError, match="does not keep its bytes"):
        site.bring()
    assert [path.name for path in site.inside.iterdir()] == [".lock"]


def test_a_signature_that_changed_after_it_was_verified_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export(envs=["demo"])
    real = _signature.verify

    def verified(data: bytes, signature: Path, signers: Path) -> str:
        signer = real(data, signature, signers)
        damage(site.on_drive() / SIGNATURE)
        return signer

    monkeypatch.setattr(_signature, "verify", verified)
    with pytest.raises(AirgapError, match="not accepted"):
        site.bring()
    assert [path.name for path in site.inside.iterdir()] == [".lock"]


def test_a_full_depot_is_told_before_it_is_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export()
    real = os.statvfs(site.drive)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((*real[:4], 3, *real[5:])))
    assert site.refused(site.bring).problem == "The depot is too full"
