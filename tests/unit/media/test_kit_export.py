# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an export makes for a workstation: from which releases, how it gets to the drive, and when it is signed anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import command_file
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._kit.files import kit_files
from ansible_collections.airgap.conda.plugins.module_utils._kit.script import keys_of
from ansible_collections.airgap.conda.plugins.module_utils._media.kit import KEPT, NAMESPACE, SIGNATURE, SUMS
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_kit import Place
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, snapshot
from ansible_collections.airgap.conda.tests.unit.tiny_site import damage

OURS = {
    "install.sh", "kit/airgap-envs", "kit/allowed_signers", "kit/compare", "kit/scripts",
    "kit/docs/host.html", "kit/docs/host.txt",
}  # fmt: skip


def files_of(drive: Path) -> set[str]:
    found = {str(path.relative_to(drive)) for path in drive.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith("depot/")}


def require_signed(place: Place, names: set[str]) -> None:
    """Want sums over just these files of the drive, and a signature of the key over them."""
    data = (place.drive / SUMS).read_bytes()
    assert {line[68:] for line in data.decode().splitlines()} == names
    assert files_of(place.drive) == names | {SUMS, SIGNATURE}
    signature.verify(data, place.drive / SIGNATURE, place.path / "key.signers", NAMESPACE)


def test_all_of_it_is_signed_and_a_second_export_changes_nothing(place: Place) -> None:
    require_signed(place, OURS)
    before = snapshot(place.path)
    result = place.export()
    assert (result["changed"], result["kit"]["action"], result["kit"]["files"]) == (False, "unchanged", len(OURS))
    assert snapshot(place.path) == before
    assert (place.drive / "kit/allowed_signers").read_text(encoding="utf-8").splitlines()[1:] == [
        (place.path / "key.signers").read_text(encoding="utf-8").strip()
    ]


def test_what_changes_is_signed_again_without_being_asked(place: Place) -> None:
    place.make("runtime", 2)
    before = snapshot(place.path)
    planned = place.export(check=True)
    assert snapshot(place.path) == before
    result = place.export()
    assert (planned["kit"], planned["changed"]) == (result["kit"], True)
    assert result["kit"]["action"] == "signed"
    assert "runtime 2-" in (place.drive / "install.sh").read_text(encoding="utf-8")
    require_signed(place, OURS)


def test_a_page_that_is_no_more_goes_and_a_file_of_a_person_stays(place: Place) -> None:
    (place.drive / "kit/notes").write_text("mine", encoding="utf-8")
    (place.drive / "photo.jpg").write_text("a cat", encoding="utf-8")

    def without_pages(releases: Any) -> Any:
        return kit_files(releases, (place.path / "key.signers").read_text(encoding="utf-8"), "depot", {})

    assert place.export(workstation=without_pages)["kit"]["action"] == "signed"
    left = {name for name in OURS if "docs/" not in name} | {"kit/notes", "photo.jpg"}
    require_signed(place, left)
    damage(place.drive / "photo.jpg")
    with pytest.raises(AirgapError) as caught:
        place.export()
    assert (caught.value.code, caught.value.found) == ("kit-differs", "new or changed ./photo.jpg")


def test_a_kit_that_came_back_changed_is_written_anew_or_refused(place: Place) -> None:
    whole = snapshot(place.drive)
    damage(place.drive / "install.sh")
    (place.drive / "kit/airgap-envs").unlink()
    (place.drive / SUMS).unlink()
    changed = snapshot(place.drive)
    with pytest.raises(AirgapError) as caught:
        place.export(workstation=None)
    assert (caught.value.code, caught.value.found) == (
        "kit-differs",
        "new or changed ./install.sh; missing ./kit/airgap-envs",
    )
    assert snapshot(place.drive) == changed
    assert place.export()["kit"]["action"] == "signed"
    assert {name: found[1] for name, found in snapshot(place.drive).items()} == {
        name: found[1] for name, found in whole.items()
    }
    assert place.export(workstation=None)["kit"]["action"] == "unchanged"


def test_a_drive_without_it_is_signed_as_ever(place: Place) -> None:
    shutil.rmtree(place.drive)
    place.drive.mkdir()
    assert place.export(workstation=None)["kit"]["action"] == "none"
    (place.drive / "releases.pub").write_text("a key", encoding="utf-8")
    assert place.export(workstation=None)["kit"]["action"] == "signed"
    require_signed(place, {"releases.pub"})
    assert place.export()["kit"]["action"] == "signed"
    require_signed(place, {"releases.pub", *OURS})
    (place.path / "depot" / KEPT / SUMS).unlink()
    assert place.export()["kit"]["action"] == "signed"
    require_signed(place, {"releases.pub", *OURS})


@pytest.mark.parametrize(
    ("change", "options", "code"),
    [
        (lambda place: shutil.rmtree(place.path / "depot/runtime"), {}, "kit-no-runtime"),
        (lambda place: place.make("runtime", 2, formats=("tar.zst",)), {}, "kit-no-payload"),
        (lambda _place: None, {"signing_key": None}, "kit-no-key"),
        (lambda _place: None, {"allowed_signers": None}, "kit-no-keys"),
    ],
)
def test_what_no_workstation_could_start_from_is_refused(
    place: Place, change: Callable[[Place], object], options: dict[str, Any], code: str
) -> None:
    change(place)
    before = snapshot(place.path)
    for check in (True, False):
        with pytest.raises(AirgapError) as caught:
            place.export(check, **options)
        assert caught.value.code == code
    assert snapshot(place.path) == before


def test_releases_for_two_roots_make_no_kit(tmp_path: Path) -> None:
    runtime = make_release(tmp_path / "a", Path("/opt/conda-envs"), 1, env="runtime", formats=("tar.gz",)).wanted
    other = make_release(tmp_path / "b", Path("/home/ana/envs"), 1).wanted
    for releases, signers, pages, code in (
        ([runtime, other], "x ssh-ed25519 AAAAC3Nz", {}, "kit-two-roots"),
        ([runtime], "# nobody\n", {}, "kit-no-keys"),
        ([runtime], "* cert-authority ssh-ed25519 AAAAC3Nz\n#x ssh-ed25519 AAAAC3Nz\n", {}, "kit-no-keys"),
        ([runtime], "x ssh-ed25519 AAAAC3Nz", {"../etc": ""}, "kit-page-name"),
    ):
        with pytest.raises(AirgapError) as caught:
            kit_files(list[Release](releases), signers, "depot", pages)
        assert caught.value.code == code


def test_keys_are_found_as_ssh_writes_them() -> None:
    text = 'a,b namespaces="git",valid-after="2026" ssh-ed25519 AAAAC3Nz me\n'
    text += " * sk-ssh-ed25519@openssh.com AAAAGn== \n#c ssh-rsa AAAAC3Nz\nd ssh-rsa AAAAC\n"
    assert [key.kind for key in keys_of(text + text)] == ["ssh-ed25519", "sk-ssh-ed25519@openssh.com"]


def test_the_kit_brings_the_command_of_its_root_and_pages_with_links(tmp_path: Path) -> None:
    runtime = make_release(tmp_path, Path("/opt/conda-envs"), 1, env="runtime", formats=("tar.gz",)).wanted
    pages = {"a": "# A <b>\n\n[the b](b.md#x) & [c](c.md)\n", "b": "no title"}
    made = kit_files([runtime], "x ssh-ed25519 AAAAC3Nz", "", pages)
    assert made["kit/airgap-envs"] == command_file(Store(Path("/opt/conda-envs")))
    assert made["kit/docs/a.txt"] == pages["a"].encode()
    page = made["kit/docs/a.html"].decode()
    assert "<title>A &lt;b&gt;</title>" in page
    assert '<a href="b.html">the b</a> &amp; [c](c.md)' in page
    assert "<title>airgap.conda</title>" in made["kit/docs/b.html"].decode()


@pytest.mark.parametrize("make", [lambda path, _to: path.write_text("x"), lambda path, to: path.symlink_to(to)])
def test_nothing_is_written_through_what_lies_in_the_place_of_the_kit(
    place: Place, make: Callable[[Path, Path], object]
) -> None:
    shutil.rmtree(place.drive / "kit")
    (place.path / "elsewhere").mkdir()
    make(place.drive / "kit", place.path / "elsewhere")
    with pytest.raises(AirgapError):
        place.export()
    assert os.listdir(place.path / "elsewhere") == []
