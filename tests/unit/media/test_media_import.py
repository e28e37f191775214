# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a drive to a depot: what is not exactly what the bastion signed is named, and the depot stays as it was."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import list_names
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature as _signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id
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


def test_everything_that_is_wrong_is_named_and_nothing_is_written(site: Site) -> None:
    site.export(releases={"demo": 2})
    damage(site.on_drive() / PARTS[0])
    (site.on_drive() / PARTS[1]).unlink()
    (site.on_drive() / PARTS[2]).write_bytes(b"cut")
    (site.on_drive(ONE) / FILES).unlink()
    os.mkfifo(site.on_drive(ONE) / FILES)
    error = site.refused(site.bring, releases={"demo": 2})
    assert error.code == "release-damaged"
    assert error.found == (
        f"demo {ONE}: unreadable (Not a regular file) {FILES}; "
        f"demo {TWO}: other content {PARTS[0]}, missing {PARTS[1]}, 3 bytes instead of 41 {PARTS[2]}"
    )
    assert error.where == str(site.drive / "depot")
    assert "export to this drive again" in error.remedy
    assert site.bring(envs=["runtime"])["changed"]  # the others are as good as ever


@pytest.mark.parametrize("name", ["conda.lock", "environment.yml", "pip.lock"])
def test_a_document_that_is_not_the_one_that_was_signed_is_refused(site: Site, name: str) -> None:
    site.export()
    damage(site.on_drive() / name)
    assert site.refused(site.bring).found == f"demo {TWO}: other content {name}"


def test_a_part_that_cannot_be_read_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export()
    real = os.read

    def sick(handle: int, size: int) -> bytes:
        if Path(f"/proc/self/fd/{handle}").readlink() == site.on_drive() / PARTS[1]:
            raise OSError(5, "Input/output error")
        return real(handle, size)

    monkeypatch.setattr(os, "read", sick)
    assert f"demo {TWO}: unreadable (Input/output error) {PARTS[1]}" in site.refused(site.bring).found


def test_it_is_the_medium_that_is_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export()
    dropped = set()
    monkeypatch.setattr(
        os, "posix_fadvise", lambda handle, *_args: dropped.add(Path(f"/proc/self/fd/{handle}").readlink())
    )
    files = {path for path in (site.drive / "depot").glob("*/*/*") if path.is_file()}
    for step in (site.export, site.bring):
        step(check=True)
        assert {path for path in dropped if path.is_relative_to(site.drive)} == files
        dropped.clear()


@pytest.mark.parametrize("names", [(SIGNATURE,), (MANIFEST, SIGNATURE), (PARTS[1], FILES, "pip.lock", SIGNATURE)])
def test_a_half_written_release_is_refused(site: Site, names: tuple[str, ...]) -> None:
    site.export()
    for name in names:
        (site.on_drive() / name).unlink()
    # Without a signature nothing of its manifest is believed, what else there should be included.
    said = " ".join(name for name in names if name in (MANIFEST, SIGNATURE))
    assert site.refused(site.bring).found == f"demo {TWO}: missing {said}"
    damage(site.on_drive(ONE, "runtime") / PARTS[0])
    assert site.refused(site.bring).found.endswith(f"; runtime {ONE}: other content {PARTS[0]}")
    site.export()
    assert site.bring()["changed"]


def test_work_does_not_obey_a_drive_without_a_signature(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export()
    folder = site.on_drive()
    (folder / SIGNATURE).unlink()
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    part = manifest["payloads"][0]["parts"][0]
    manifest["payloads"][0]["parts"] += [{**part, "name": f"env.tar.zst.{n:06d}"} for n in range(40_000)]
    manifest["documents"] = {f"d{number}": part["sha256"] for number in range(20)}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    for name in (PARTS[0], *manifest["documents"]):
        with open(folder / name, "wb") as stream:
            stream.truncate(4 << 40)
    real, opened = os.open, []

    def noted(path: Any, *args: Any, **more: Any) -> int:
        opened.append(str(path))
        return real(path, *args, **more)

    monkeypatch.setattr(os, "open", noted)
    with raised("release-damaged") as caught:  # nothing here may look at the content of these files, this test neither
        site.bring(envs=["demo"])
    assert caught.value.found == f"demo {TWO}: missing {SIGNATURE}"
    of_release = {Path(path).name for path in opened if path.startswith(str(folder))}
    assert of_release == {MANIFEST}
    opened.clear()
    (folder / SIGNATURE).write_bytes(site.on_drive(ONE, "runtime").joinpath(SIGNATURE).read_bytes())
    with raised("signature-refused"):
        site.bring(envs=["demo"])
    assert {Path(path).name for path in opened if path.startswith(str(folder))} <= {MANIFEST, SIGNATURE}


def test_one_release_without_a_right_signature_ends_the_reading(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export()
    damage(site.on_drive() / MANIFEST)
    real, opened = os.open, []

    def noted(path: Any, *args: Any, **more: Any) -> int:
        opened.append(Path(str(path)))
        return real(path, *args, **more)

    monkeypatch.setattr(os, "open", noted)
    with raised("signature-refused"):
        site.bring()
    assert site.on_drive() / MANIFEST in opened
    assert not [path for path in opened if path.is_relative_to(site.on_drive(ONE, "runtime"))]


def test_files_that_are_too_large_for_what_was_signed_are_not_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export()
    names = (PARTS[0], FILES, "conda.lock")
    for name in names:
        with open(site.on_drive() / name, "wb") as stream:
            stream.truncate(4 << 40)
    real = os.open

    def watched(path: Any, *args: Any, **more: Any) -> int:
        assert Path(str(path)).name not in names
        return real(path, *args, **more)

    monkeypatch.setattr(os, "open", watched)
    with raised("release-damaged") as caught:
        site.bring(envs=["demo"])
    assert f"4398046511104 bytes instead of 150 {PARTS[0]}" in caught.value.found
    assert f"4398046511104 bytes, more than {limits.FILES_PACKED} {FILES}" in caught.value.found
    assert f"4398046511104 bytes, more than {limits.DOCUMENT} conda.lock" in caught.value.found


@pytest.mark.parametrize("name", ["depot", "depot/demo", f"depot/demo/{TWO}"])
def test_a_link_on_a_drive_leads_nowhere(site: Site, name: str) -> None:
    site.export()
    os.rename(site.drive / name, site.path / "elsewhere")
    (site.drive / name).symlink_to(site.path / "elsewhere")
    error = site.refused(site.bring, envs=["demo"])
    assert (error.found, error.where) == ("a link", str(site.drive / name))


@pytest.mark.parametrize("name", ["depot", "depot/demo"])
def test_a_crowded_drive_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    site.export()
    for number in range(20):
        (site.drive / name / f"{number + 1}-00000000").touch()
    monkeypatch.setattr(list_names, "__defaults__", (20,))
    assert site.refused(site.bring).where == str(site.drive / name)


def test_an_unknown_signer_is_refused(site: Site) -> None:
    site.export()
    (site.path / "other").mkdir()
    key, _signers = make_key(site.path / "other")
    _signature.sign(site.on_drive() / MANIFEST, key)
    error = site.refused(site.bring)
    assert (error.code, error.where) == (
        "signature-refused",
        str(site.on_drive() / SIGNATURE),
    )
    assert site.refused(site.bring, allowed_signers=None).code == "signers-missing"


def test_an_edited_manifest_is_refused(site: Site) -> None:
    site.export()
    damage(site.on_drive() / MANIFEST)
    assert site.refused(site.bring).code == "signature-refused"


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
    assert error.code == "serial"
    assert (error.wanted, error.found) == ("serial 3 or higher", f"serial 1, release {ONE}")
    assert site.bring(allow_downgrade=True)["files"]
    assert Depot(site.inside).releases("demo") == [ONE, TWO]


def test_without_a_person_only_what_is_newer_is_taken(site: Site) -> None:
    site.export(envs=["demo"])
    site.bring()
    shutil.rmtree(site.drive / "depot")
    site.export(releases={"demo": ONE})
    before = set(Depot(site.inside).releases("demo"))
    result = site.bring(newer_only=True, envs=["demo", "not-on-the-drive"])
    assert [(release["id"], release["action"]) for release in result["releases"]] == [(ONE, "older")]
    assert not result["changed"]
    assert set(Depot(site.inside).releases("demo")) == before
    site.export(envs=["demo"])
    damage(site.on_drive() / FILES)
    assert not site.bring(newer_only=True, envs=["demo"])["files"]  # the depot has it whole
    shutil.rmtree(site.inside / "demo" / TWO)
    assert site.refused(site.bring, newer_only=True, envs=["demo"]).code == "release-damaged"


def test_a_drive_without_any_of_the_environments_is_refused(site: Site) -> None:
    site.export(envs=["demo"])
    error = site.refused(site.bring, newer_only=True, envs=["other", "another"])
    assert (error.code, error.wanted) == ("release-missing", "other")


def test_one_serial_means_one_release(site: Site) -> None:
    site.export(envs=["demo"])
    (site.inside / "demo/2-ffffffff").mkdir(parents=True)
    for allowed in (False, True):
        error = site.refused(site.bring, allow_downgrade=allowed)
        assert error.code == "serial-taken"
        assert "2-ffffffff" in error.wanted


def test_another_release_of_the_same_name_is_refused(site: Site) -> None:
    site.export(envs=["demo"])
    site.bring()
    shutil.rmtree(site.inside / "demo" / TWO)
    made = make_release(site.path / "again", ROOT, 2, tree={"bin/python": "other"}, part_size=1 << 20)
    _signature.sign(made.folder / MANIFEST, site.path / "key")
    shutil.copytree(made.folder, site.inside / "demo" / TWO)
    assert site.refused(site.bring).code == "release-differs"


def test_a_damaged_release_in_the_depot_is_not_taken_for_whole(site: Site) -> None:
    site.export(envs=["demo"])
    site.bring()
    damage(site.inside / "demo" / TWO / PARTS[2])
    error = site.refused(site.bring)
    assert error.where == str(site.inside / "demo" / TWO / PARTS[2])
    assert error.remedy == f"remove {site.inside / 'demo' / TWO}, then import again"
    shutil.rmtree(site.inside / "demo" / TWO)
    assert site.bring()["changed"]


@pytest.mark.parametrize("name", [PARTS[1], "conda.lock", MANIFEST, SIGNATURE])
def test_what_the_drive_gives_the_second_time_counts(site: Site, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    site.export(envs=["demo"])
    real = Depot.new_release

    def changing(depot: Depot, manifest: Any) -> Any:
        damage(site.on_drive() / name)
        return real(depot, manifest)

    monkeypatch.setattr(Depot, "new_release", changing)
    with raised("medium-unsteady"):
        site.bring()
    assert [path.name for path in site.inside.iterdir()] == [".locks"]


def test_a_signature_that_changed_after_it_was_verified_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export(envs=["demo"])
    real = _signature.check

    def checked(data: bytes, signature: bytes, where: Path, signers: Path, **options: Any) -> str:
        signer = real(data, signature, where, signers, **options)
        damage(site.on_drive() / SIGNATURE)
        return signer

    monkeypatch.setattr(_signature, "check", checked)
    with raised("signature-refused"):
        site.bring()
    assert [path.name for path in site.inside.iterdir()] == [".locks"]


def test_a_full_depot_is_told_before_it_is_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.export()
    leave_free(monkeypatch, site.drive, 3)
    error = site.refused(site.bring)
    assert error.code == "space"
    assert "depot" in error.problem
