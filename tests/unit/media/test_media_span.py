# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several drives in a row: each has its share, they come back in any order, and only what is whole is a release."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media import gather
from ansible_collections.airgap.conda.tests.unit.tiny_site import ONE, PARTS, TWO, Site, damage

pytestmark = pytest.mark.usefixtures("quick_drive")
BLOCK, BLOCKS = 64, 66


class Drives:
    """Drives that are put in at the place of the site's drive, one at a time, each with few blocks."""

    def __init__(self, site: Site) -> None:
        self.site, self.blocks = site, BLOCKS
        shutil.rmtree(site.drive)

    def put_in(self, name: str) -> None:
        drive = self.site.path / f"drive-{name}"
        drive.mkdir(exist_ok=True)
        self.site.drive.unlink(missing_ok=True)
        self.site.drive.symlink_to(drive)

    def free(self) -> SimpleNamespace:
        files = [path for path in self.site.drive.resolve().rglob("*") if path.is_file()]
        used = sum(-(-path.stat().st_size // BLOCK) for path in files)
        return SimpleNamespace(f_flag=0, f_frsize=BLOCK, f_bavail=self.blocks - used)

    def export(self, name: str, check: bool = False, **options: Any) -> dict[str, Any]:
        self.put_in(name)
        return self.site.export(check, span=True, **options)

    def bring(self, name: str, check: bool = False, **options: Any) -> dict[str, Any]:
        self.put_in(name)
        return self.site.bring(check, **options)

    def fill(self) -> int:
        """Export to as many drives as it takes, and return how many."""
        done = self.export("1")
        for number in done["span"]["left"]:
            done = self.export(str(number))
        assert done["span"]["left"] == []
        return int(done["span"]["drives"])


@pytest.fixture
def drives(site: Site, monkeypatch: pytest.MonkeyPatch) -> Drives:
    found, real = Drives(site), os.statvfs

    def room(path: Any) -> Any:
        return found.free() if site.drive in (Path(path), *Path(path).parents) else real(path)

    monkeypatch.setattr(os, "statvfs", room)
    return found


def inside(site: Site) -> dict[str, list[str]]:
    return {env: Depot(site.inside).releases(env) for env in ("demo", "runtime")}


ALL = {"demo": [TWO], "runtime": [ONE]}


def test_a_release_set_is_spread_over_drives_and_comes_together(drives: Drives) -> None:
    site = drives.site
    said = drives.export("1", check=True)
    done = drives.export("1")
    assert said == done
    count = done["span"]["drives"]
    assert count >= 3
    assert done["span"] == {"drive": 1, "drives": count, "left": list(range(2, count + 1))}
    assert done["changed"]
    for number in range(2, count + 1):
        said = drives.export(str(number), check=True)
        done = drives.export(str(number))
        assert said == done
        assert done["span"] == {"drive": number, "drives": count, "left": list(range(number + 1, count + 1))}
        assert drives.free().f_bavail >= 0
    for number in range(1, count + 1):
        said = drives.bring(str(number), check=True)
        done = drives.bring(str(number))
        assert said == done
        assert done["span"]["left"] == list(range(number + 1, count + 1))
        assert len(done["span"]["missing"]) == count - number
    assert inside(site) == ALL
    for env, (release,) in ALL.items():
        Depot(site.inside).verify(env, release, site.path / "key.signers")
    assert not (site.inside / ".incoming").exists()
    assert json.loads(json.dumps(done)) == done


def test_every_order_of_drives_will_do_and_none_does_harm_twice(drives: Drives) -> None:
    count = drives.fill()
    for order in itertools.islice(itertools.permutations(range(1, count + 1)), 0, 24, 5):
        shutil.rmtree(drives.site.inside, ignore_errors=True)
        for number in order:
            assert drives.bring(str(number))["span"]["drive"] == number
            again = drives.bring(str(number))
            assert (again["changed"], again["files"]) == (False, 0)
        assert inside(drives.site) == ALL, order


def test_a_missing_drive_is_named_with_its_files(drives: Drives) -> None:
    count = drives.fill()
    for number in range(1, count + 1):
        if number != 2:
            done = drives.bring(str(number))
    assert done["span"]["left"] == [2]
    (text,) = done["span"]["missing"]
    assert text.startswith(f"drive 2 of {count}: ")
    share = {path.name for path in (drives.site.path / "drive-2/depot/.span").glob("*/*/*")} - {MANIFEST, SIGNATURE}
    assert share
    assert all(name in text for name in share)
    actions = {release["action"] for release in done["releases"]}
    assert actions <= {"gathered", "copied"}
    assert inside(drives.site) != ALL


def test_an_export_again_changes_nothing_and_completes_what_is_missing(drives: Drives) -> None:
    drives.fill()
    for number in (1, 2):
        for check in (True, False):
            done = drives.export(str(number), check=check)
            assert (done["changed"], done["span"]["drive"], done["span"]["left"]) == (False, number, [])
    part = next((drives.site.path / "drive-1").rglob("env.tar.zst.*"))
    damage(part)
    done = drives.export("1")
    assert [(one["action"], one["files"]) for one in done["releases"] if one["files"]] == [("completed", 2)]
    assert not drives.export("1", check=True)["changed"]


def test_a_lost_drive_is_written_again_when_its_number_is_said(drives: Drives) -> None:
    count = drives.fill()
    with pytest.raises(AirgapError) as caught:
        drives.export("new")
    assert caught.value.code == "set-written"
    done = drives.export("new", span_drive=2)
    assert (done["span"]["drive"], done["span"]["left"]) == (2, [])
    with pytest.raises(AirgapError) as caught:
        drives.export("1", span_drive=2)
    assert caught.value.code == "other-drive"
    with pytest.raises(AirgapError) as caught:
        drives.export("newer", span_drive=count + 1)
    assert caught.value.code == "other-drive"
    for name in ("1", "new", *map(str, range(3, count + 1))):
        drives.bring(name)
    assert inside(drives.site) == ALL


def test_a_drive_of_another_set_is_not_overwritten(drives: Drives) -> None:
    drives.export("1")
    with pytest.raises(AirgapError) as caught:
        drives.export("1", releases={"demo": 2})
    assert caught.value.code == "other-set"
    done = drives.export("other", releases={"demo": 2})
    assert done["span"]["drive"] == 1
    assert len(done["warnings"]) == 1


def test_what_fits_on_one_drive_is_a_whole_depot(site: Site) -> None:
    done = site.export(span=True)
    assert done["span"] == {"drive": 1, "drives": 1, "left": []}
    assert not (site.drive / "depot/.span").exists()
    assert site.bring()["span"] == {"drive": 1, "drives": 1, "left": [], "missing": []}
    assert inside(site) == ALL


def test_without_span_a_full_drive_is_refused(drives: Drives) -> None:
    drives.put_in("1")
    with pytest.raises(AirgapError, match="too full"):
        drives.site.export()
    assert not list(drives.site.drive.iterdir())


def test_a_file_that_fits_on_no_drive_is_named(drives: Drives) -> None:
    drives.blocks = 40
    with pytest.raises(AirgapError) as caught:
        drives.export("1")
    assert caught.value.code == "part-too-large"
    assert not list(drives.site.drive.iterdir())


def test_what_is_damaged_on_a_drive_is_named_and_nothing_is_written(drives: Drives) -> None:
    count = drives.fill()
    parts = sorted((drives.site.path / f"drive-{count}/depot/.span").glob("*/*/[ef]*"))
    damage(parts[0])
    parts[1].unlink()
    with pytest.raises(AirgapError) as caught:
        drives.bring(str(count))
    assert f"other content {parts[0].name}" in caught.value.found
    assert f"missing {parts[1].name}" in caught.value.found
    assert not drives.site.inside.exists()


def test_another_key_is_refused_on_any_drive_of_a_set(drives: Drives) -> None:
    drives.fill()
    for manifest in (drives.site.path / "drive-2/depot/.span").glob(f"*/*/{MANIFEST}"):
        damage(manifest)
    with pytest.raises(AirgapError, match="not accepted"):
        drives.bring("2")
    assert not drives.site.inside.exists()


def _plan(drives: Drives, name: str) -> Path:
    return drives.site.path / f"drive-{name}/depot/.span/plan.json"


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.update(schema=2),
        lambda plan: plan.update(drive=99),
        lambda plan: plan.update(drive=True),
        lambda plan: plan["plan"].update(drives=[]),
        lambda plan: plan["plan"]["manifests"].clear(),
        lambda plan: plan["plan"]["drives"][0].update({"../x/1-00000001": ["a"]}),
        lambda plan: plan["plan"]["drives"][0].update({f"demo/{TWO}": ["../../etc/passwd"]}),
        lambda plan: plan["plan"]["drives"][0].update({f"demo/{TWO}": [1]}),
        lambda plan: plan.pop("plan"),
    ],
)
def test_a_plan_that_is_none_is_refused(drives: Drives, change: Any) -> None:
    drives.export("1")
    plan = json.loads(_plan(drives, "1").read_text(encoding="utf-8"))
    change(plan)
    _plan(drives, "1").write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(AirgapError) as caught:
        drives.bring("1")
    assert caught.value.code == "plan-unreadable"
    assert not drives.site.inside.exists()


def test_a_plan_cannot_bring_what_no_manifest_names(drives: Drives) -> None:
    drives.fill()
    plan = json.loads(_plan(drives, "1").read_text(encoding="utf-8"))
    key, names = next(iter(plan["plan"]["drives"][0].items()))
    names.append("evil.sh")
    (drives.site.path / "drive-1/depot/.span" / key / "evil.sh").write_text("evil", encoding="ascii")
    _plan(drives, "1").write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(AirgapError) as caught:
        drives.bring("1")
    assert "not a file of this release evil.sh" in caught.value.found
    assert not drives.site.inside.exists()


@pytest.mark.parametrize("name", [".span", ".span/demo", f".span/demo/{TWO}"])
def test_a_link_in_a_set_leads_nowhere(drives: Drives, name: str) -> None:
    drives.export("1")
    place = drives.site.path / "drive-1/depot" / name
    os.rename(place, drives.site.path / "elsewhere")
    place.symlink_to(drives.site.path / "elsewhere")
    for step in (drives.bring, drives.export):
        with pytest.raises(AirgapError) as caught:
            step("1")
        assert caught.value.found == "a link"


def test_what_waits_and_is_damaged_by_then_is_missing_again(drives: Drives) -> None:
    count = drives.fill()
    for number in range(1, count):
        drives.bring(str(number))
    waiting = next((drives.site.inside / gather.INCOMING).glob("*/*/*.tar.*"))
    damage(waiting)
    done = drives.bring(str(count))
    assert waiting.name in " ".join(done["span"]["missing"])
    assert not waiting.exists()
    (again,) = done["span"]["left"]
    assert drives.bring(str(again))["span"]["left"] == []
    assert inside(drives.site) == ALL


def test_an_older_release_of_a_set_comes_first(drives: Drives) -> None:
    drives.export("1", releases={"demo": 2})
    count = drives.export("1", releases={"demo": 2})["span"]["drives"]
    for number in range(2, count + 1):
        drives.export(str(number), releases={"demo": 2})
    for number in range(count, 0, -1):
        drives.bring(str(number))
    assert inside(drives.site) == {"demo": [ONE, TWO], "runtime": [ONE]}


def test_some_environments_of_a_set_are_brought(drives: Drives) -> None:
    count = drives.fill()
    for number in range(1, count + 1):
        drives.bring(str(number), envs=["runtime"])
    assert inside(drives.site) == {"demo": [], "runtime": [ONE]}
    with pytest.raises(AirgapError, match="not there"):
        drives.bring("1", envs=["nowhere"])


def test_a_drive_may_have_a_whole_release_and_a_part_of_another(drives: Drives) -> None:
    drives.put_in("1")
    drives.blocks = BLOCKS + 50
    drives.site.export(envs=["runtime"])
    two: dict[str, Any] = {"envs": ["demo"], "releases": {"demo": 2}}
    done = drives.export("1", **two)
    count = done["span"]["drives"]
    assert drives.bring("1")["releases"][0]["action"] == "copied"
    assert inside(drives.site) == {"demo": [], "runtime": [ONE]}
    for number in done["span"]["left"]:
        drives.export(str(number), **two)
        drives.bring(str(number))
    assert count > 1
    assert inside(drives.site) == {"demo": [ONE, TWO], "runtime": [ONE]}


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("call", ["rename", "link", "unlink"])
def test_an_import_of_a_set_can_end_anywhere(drives: Drives, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    count = drives.fill()
    for fail_at in itertools.count(1):
        shutil.rmtree(drives.site.inside, ignore_errors=True)
        ended = False
        for number in range(1, count + 1):
            calls, real = itertools.count(1), getattr(os, call)

            def failing(*args: Any, _calls: Any = calls, _at: int = fail_at, _real: Any = real, **more: Any) -> Any:
                if next(_calls) >= _at:
                    raise Killed
                return _real(*args, **more)

            with monkeypatch.context() as patch:
                patch.setattr(os, call, failing)
                try:
                    drives.bring(str(number))
                except Killed:
                    ended = True
            for env, releases in inside(drives.site).items():
                for release in releases:
                    Depot(drives.site.inside).verify(env, release, drives.site.path / "key.signers")
            drives.bring(str(number))
        assert inside(drives.site) == ALL
        assert not (drives.site.inside / gather.INCOMING).exists()
        if not ended:
            return


def test_parts_are_what_the_set_is_cut_at(drives: Drives) -> None:
    drives.fill()
    names = [path.name for path in drives.site.path.glob("drive-*/depot/.span/demo/*/env.tar.zst.*")]
    assert sorted(names) == sorted(PARTS)
