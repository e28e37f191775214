# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which drive, which releases on it, whether they fit; and files on a medium that cannot be trusted."""

from __future__ import annotations

import errno
import os
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import blocks, measure, read_small
from ansible_collections.airgap.conda.plugins.module_utils._base.found import FileFault, Item
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive, choose, listing, require_room
from ansible_collections.airgap.conda.plugins.module_utils._media.medium import copy_file, is_there
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import skip_flushes

# --- the drive -------------------------------------------------------------------------------------------------------


def test_a_drive_is_a_mounted_folder(tmp_path: Path) -> None:
    with raised("drive-unusable", wanted="a mounted drive") as caught:
        Drive(tmp_path).require(mounted=True, other=tmp_path / "depot-of-the-bastion")
    assert (caught.value.where, "set require_mount to false" in caught.value.remedy) == (str(tmp_path), True)
    Drive(tmp_path).require(mounted=False, other=tmp_path / "depot-of-the-bastion")
    Drive(Path("/proc")).require(mounted=True, other=tmp_path)
    (tmp_path / "link").symlink_to("/proc")
    Drive(tmp_path / "link").require(mounted=True, other=tmp_path)


@pytest.mark.parametrize(
    ("drive", "folder", "other", "found"),
    [
        ("nowhere", "depot", "other", "no such folder"),
        ("file", "depot", "other", "no folder"),
        ("drive", "../depot", "other", "a path that leads out of it"),
        ("drive", "/depot", "other", "a path that leads out of it"),
        ("drive", "depot", "drive/depot", "the same folder"),
        ("drive", "", "link", "the same folder"),
    ],
)
def test_other_places_are_refused(tmp_path: Path, drive: str, folder: str, other: str, found: str) -> None:
    (tmp_path / "drive/depot").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("drive")
    with raised("drive-unusable") as caught:
        Drive(tmp_path / drive, folder).require(mounted=False, other=tmp_path / other)
    assert caught.value.found == found


def test_one_run_at_a_time_writes_to_a_drive(tmp_path: Path) -> None:
    drive = Drive(tmp_path)
    with drive.in_use(writing=False), drive.in_use(writing=False), raised("locked"), drive.in_use(writing=True):
        pass
    with drive.in_use(writing=True), raised("locked"), drive.in_use(writing=False):
        pass
    with drive.in_use(writing=True):
        pass
    assert not list(tmp_path.iterdir())


# --- the choice ------------------------------------------------------------------------------------------------------

WRONG: list[Any] = [0, -1, True, 1.5, [], None, {}]
IDS = [f"{serial}-{serial:08x}" for serial in (1, 2, 10)]


@pytest.fixture
def depot(tmp_path: Path) -> Depot:
    for name in [*(f"demo/{release}" for release in IDS), f"other/{IDS[0]}", "empty/x", "Not an env/1-00000001"]:
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".locks").mkdir()
    return Depot(tmp_path)


@pytest.mark.parametrize(
    ("envs", "releases", "chosen"),
    [
        ([], {}, {"demo": IDS[2:], "other": IDS[:1]}),
        (["demo", "demo"], {}, {"demo": IDS[2:]}),
        (["demo"], {"demo": 2}, {"demo": IDS[1:]}),
        (["demo"], {"demo": "2"}, {"demo": IDS[1:]}),
        (["demo"], {"demo": 9}, {"demo": IDS}),
        (["demo"], {"demo": IDS[0]}, {"demo": IDS[:1]}),
        ([], {"demo": [IDS[2], IDS[0]]}, {"demo": [IDS[0], IDS[2]], "other": IDS[:1]}),
    ],
)
def test_releases_are_chosen(depot: Depot, envs: list[str], releases: dict[str, Any], chosen: dict[str, Any]) -> None:
    assert choose(depot, envs, releases) == [(env, release) for env, ids in chosen.items() for release in ids]


@pytest.mark.parametrize(
    ("envs", "releases", "code", "texts"),
    [
        (["demo", "nowhere"], {}, "release-missing", {"wanted": "^nowhere$", "found": "^environments demo, other$"}),
        (["empty"], {}, "release-missing", {"wanted": "^empty"}),
        (["demo"], {"other": 1}, "release-missing", {"wanted": "other$", "found": "environments demo$"}),
        (
            ["demo"],
            {"demo": "3-00000003"},
            "release-missing",
            {"wanted": "^demo 3-00000003$", "found": f"{IDS[0]}, 2-"},
        ),
        (["demo"], {"demo": [IDS[0], "x"]}, "release-missing", {"wanted": "^demo x"}),
        *((["demo"], {"demo": wrong}, "choice-unclear", {}) for wrong in WRONG),
    ],
)
def test_what_is_not_there_is_named(
    depot: Depot, envs: list[str], releases: dict[str, Any], code: str, texts: dict[str, str]
) -> None:
    with raised(code, **texts):
        choose(depot, envs, releases)
    with raised("release-missing", found="environments none"):
        choose(Depot(depot.path / "nowhere"), [], {})


def test_too_many_releases_are_refused(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RELEASES", 4)
    assert choose(depot, ["demo"], {})
    monkeypatch.setattr(limits, "RELEASES", 3)
    with raised("too-many-entries") as caught:
        choose(depot, ["demo"], {})
    assert caught.value.where == str(depot.path)


def test_a_listing_is_in_the_order_of_serials() -> None:
    names = [("demo", IDS[2]), ("demo", IDS[1]), ("demo", IDS[1]), ("a", IDS[0])]
    assert listing(names, {("demo", IDS[1]): " (!)"}) == f"a {IDS[0]}\ndemo {IDS[1]} (!)\ndemo {IDS[2]}\n"


# --- room ------------------------------------------------------------------------------------------------------------


def fake_statvfs(monkeypatch: pytest.MonkeyPatch, blocks_free: int, flag: int = 0) -> None:
    status = SimpleNamespace(f_flag=flag, f_frsize=4096, f_bavail=blocks_free)
    monkeypatch.setattr(os, "statvfs", lambda _folder: status)


@pytest.mark.parametrize(
    ("sizes", "needed"),
    [
        ([(1, 0), (4096, 0), (4097, 0)], 4),
        ([(4096, 4096), (4096, 4096)], 1),  # one after the other is replaced
        ([(4096, 0), (8192, 4096), (4096, 0)], 3),
        ([(8192, 8192), (4096, 0)], 2),
        ([], 0),
    ],
)
def test_room_is_counted_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[tuple[int, int]], needed: int
) -> None:
    fake_statvfs(monkeypatch, needed)
    require_room(tmp_path / "not/there/yet", sizes, "The drive")
    if needed:
        fake_statvfs(monkeypatch, needed - 1)
        with raised("space", problem="The drive") as caught:
            require_room(tmp_path / "not/there/yet", sizes, "The drive")
        assert f"{needed * 4096} bytes" in caught.value.wanted
        assert f"{(needed - 1) * 4096} bytes" in caught.value.found
        assert caught.value.where == str(tmp_path)


def test_what_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        fake_statvfs(patch, 9, os.ST_RDONLY)
        with raised("drive-unwritable", problem="The drive", found="read-only"):
            require_room(tmp_path, [], "The drive")
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with raised("drive-unwritable", problem="The depot", found="no permission"):
        require_room(tmp_path, [], "The depot")


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_file_is_measured(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"data")
    sha256 = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"
    assert measure(tmp_path / "x") == measure(tmp_path / "x", 4, cached=False) == Item("x", 4, sha256)
    assert is_there(tmp_path, Item("x", 4, sha256))
    assert not is_there(tmp_path, Item("x", 4, sha256[::-1]))
    assert b"".join(blocks(tmp_path / "x", 4)) == read_small(tmp_path / "x", 4) == b"data"


def test_strange_files_neither_hang_nor_flood(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("large")
    with open(tmp_path / "large", "wb") as stream:
        stream.truncate((1 << 20) + 1)
    faults = {"missing": "missing", "pipe": "Not a regular file", "folder": "unreadable", "large": "more than 1048576"}
    faults.update({"zeros": "unreadable", "link": "unreadable"})
    for name, fault in faults.items():
        with pytest.raises(FileFault, match=fault):
            measure(tmp_path / name, limit=1 << 20)
        with pytest.raises(FileFault, match=fault if name != "large" else "1048577 bytes, more than 9"):
            read_small(tmp_path / name, 9)
        assert not is_there(tmp_path, Item(name, 4, ""))
    with pytest.raises(FileFault, match="1048577 bytes instead of 4"):
        measure(tmp_path / "large", 4)


def test_pages_are_dropped_only_after_they_are_on_the_medium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"data")
    calls = []
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append(("fsync", handle)))
    monkeypatch.setattr(os, "posix_fadvise", lambda handle, *args: calls.append(("drop", handle, *args)))
    measure(tmp_path / "x")
    assert calls == []
    measure(tmp_path / "x", cached=False)
    handle = calls[0][1]
    assert calls == [("fsync", handle), ("drop", handle, 0, 0, os.POSIX_FADV_DONTNEED)]


def test_a_copy_gets_its_name_when_it_was_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"data")
    item = measure(tmp_path / "x")
    target = tmp_path / "target"
    target.mkdir()
    (target / "x").write_bytes(b"what was there")
    (target / ".x.new").write_bytes(b"what a killed run left")
    calls = []
    for name in ("fsync", "posix_fadvise", "rename"):
        real = getattr(os, name)

        def noted(*args: Any, _name: str = name, _real: Any = real) -> None:
            calls.append(_name)
            assert _name == "rename" or "rename" in calls or (target / "x").read_bytes() == b"what was there"
            _real(*args)

        monkeypatch.setattr(os, name, noted)
    umask = os.umask(0o077)
    try:
        copy_file(tmp_path / "x", target, item)
    finally:
        os.umask(umask)
    assert calls == ["fsync", "fsync", "posix_fadvise", "rename", "fsync"]
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"x": b"data"}
    assert (target / "x").stat().st_mode & 0o777 == 0o644


def test_a_medium_that_loses_bytes_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"data")
    item = measure(tmp_path / "x")
    (tmp_path / "target").mkdir()

    def forget(handle: int, *_args: Any) -> None:
        Path(f"/proc/self/fd/{handle}").write_bytes(b"dats")

    monkeypatch.setattr(os, "posix_fadvise", forget)
    with raised("medium-unsteady", found="read back"):
        copy_file(tmp_path / "x", tmp_path / "target", item)
    assert not list((tmp_path / "target").iterdir())
    (tmp_path / "x").write_bytes(b"DATA")
    with raised("medium-unsteady", wanted="as a moment ago"):
        copy_file(tmp_path / "x", tmp_path / "target", item)
    assert not list((tmp_path / "target").iterdir())


def test_an_error_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"data")
    item = measure(tmp_path / "x")
    (tmp_path / "target").mkdir()

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space") as caught:
            copy_file(tmp_path / "x", tmp_path / "target", item)
        assert caught.value.filename == str(tmp_path / "target/.x.new")

    def broken(_handle: int, _size: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", broken)
    with pytest.raises(OSError, match="Input/output") as caught:
        copy_file(tmp_path / "x", tmp_path / "target", item)
    assert caught.value.filename == str(tmp_path / "x")
    assert not list((tmp_path / "target").iterdir())
    with pytest.raises(FileFault, match=r"unreadable \(Input/output error\)"):
        measure(tmp_path / "x")


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_flushes(monkeypatch)
    with open(tmp_path / "x", "wb") as stream:
        stream.truncate(32 << 20)
    (tmp_path / "target").mkdir()
    tracemalloc.start()
    copy_file(tmp_path / "x", tmp_path / "target", measure(tmp_path / "x"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
