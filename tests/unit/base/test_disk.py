# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are written where other users may write too: nothing of theirs is followed, overwritten or given away."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    make_folder,
    remove_unfinished,
    replace_file,
    replace_link,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Progress
from ansible_collections.airgap.conda.plugins.module_utils._cli import facts
from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import require_own, way_to
from ansible_collections.airgap.conda.plugins.module_utils._report.files import write_report
from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import skip_flushes, snapshot

FORK = multiprocessing.get_context("fork")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
NOBODY = 65534
TIME = "2026-01-31T12:00:00Z"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("for root only", encoding="ascii")
    path.chmod(0o600)
    return path


def test_progress_is_not_written_through_a_link(tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _length: "guessed")
    for name in (".progress-new", ".progress-guessed-new"):
        (tmp_path / name).symlink_to(secret)
    Progress(tmp_path / "progress").say("half")
    assert is_kept(secret)


def is_kept(secret: Path) -> bool:
    return (secret.read_text(encoding="ascii"), stat.S_IMODE(secret.stat().st_mode)) == ("for root only", 0o600)


@pytest.mark.parametrize("write", [lambda path: replace_file(path, b"new"), lambda path: replace_link(path, "new")])
def test_a_link_where_the_new_file_is_written_is_not_followed(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, write: Any
) -> None:
    (tmp_path / ".name-new").symlink_to(secret)
    write(tmp_path / "name")
    assert is_kept(secret)
    # Nor is it when its name was guessed.
    monkeypatch.setattr(secrets, "token_hex", lambda _length: "guessed")
    (tmp_path / ".name-guessed-new").symlink_to(secret)
    with pytest.raises(FileExistsError):
        write(tmp_path / "name")
    assert is_kept(secret)


def test_the_mode_goes_to_the_file_that_was_written(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when somebody exchanged it for a link as soon as it was there."""
    real = os.open

    def exchange(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        handle = real(path, flags, *args, **kwargs)
        if flags & os.O_CREAT:
            os.unlink(path)
            os.symlink(secret, path)
        return handle

    monkeypatch.setattr(os, "open", exchange)
    replace_file(tmp_path / "name", b"new", 0o644)
    assert is_kept(secret)


def _plant(folder: Path, secret: Path, ready: Any, done: Any) -> None:
    """Exchange, as an ordinary user, everything that appears in ``folder`` for a link to ``secret``."""
    os.chdir(folder)  # the folders above it are pytest's, for its user only
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    ready.set()
    while not done.is_set():
        for name in os.listdir():
            with suppress(OSError):
                if name.endswith("-new") and not os.path.islink(name):
                    os.rename(name, "away")
                    os.symlink(secret, name)


@as_root
def test_a_user_who_exchanges_files_all_the_time_gets_nothing_written(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_flushes(monkeypatch)
    folder = tmp_path / "theirs"
    folder.mkdir()
    folder.chmod(0o777)
    ready, done = FORK.Event(), FORK.Event()
    user = FORK.Process(target=_plant, args=(folder, secret, ready, done))
    user.start()
    try:
        assert ready.wait(300)
        for _round in range(500):
            with suppress(OSError):
                replace_file(folder / "name", b"new")
            assert is_kept(secret)
    finally:
        done.set()
        user.join()


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".name-new", ".name-0123456789abcdef-new", ".names-new", "name"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path / "name")
    assert sorted(snapshot(tmp_path)) == [".names-new", "name"]


def test_a_folder_that_another_made_of_a_link_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs").mkdir()
    real = Path.mkdir

    def planted(path: Path, *args: Any, **kwargs: Any) -> None:
        path.symlink_to(tmp_path / "theirs")
        real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", planted)
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "mine")


# --- folders that a user of the collection names ---------------------------------------------------------------------


@pytest.fixture(params=["everybody", "sticky", "owner", "link", "above"])
def theirs(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a folder in which another user can put or exchange things."""
    folder = tmp_path / "theirs/folder"
    folder.mkdir(parents=True)
    if request.param in ("owner", "link") and os.geteuid() != 0:
        pytest.skip("gives files to another user")
    if request.param == "everybody":
        folder.chmod(0o777)
    elif request.param == "sticky":
        folder.chmod(0o1777)
    elif request.param == "owner":
        os.chown(folder, NOBODY, NOBODY)
    elif request.param == "above":
        folder.parent.chmod(0o777)
    else:
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
        os.chown(folder, NOBODY, NOBODY, follow_symlinks=False)
    return folder


def test_no_report_is_written_where_others_can_exchange_it(theirs: Path, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    for check_mode in (True, False):
        with raised("exchangeable", problem="the report") as caught:
            write_report(theirs, ["ws1"], {}, TIME, check_mode)
        assert "choose another folder for report_path" in caught.value.remedy
    assert snapshot(tmp_path) == before


def test_no_kernel_is_written_where_others_can_exchange_it(theirs: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "opt")
    with raised("exchangeable", problem="the Jupyter kernels") as caught:
        kernelspec.require_free(store, "demo", str(theirs))
    assert "deploy_jupyter_kernels" in caught.value.remedy


def test_no_facts_are_written_where_others_can_exchange_them(theirs: Path, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    with raised("exchangeable", problem="the local facts") as caught:
        facts.apply_facts(Store(tmp_path / "opt"), True, theirs)
    assert "deploy_facts" in caught.value.remedy
    assert snapshot(tmp_path) == before


@as_root
def test_a_link_of_another_user_for_the_hosts_of_a_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report/hosts").symlink_to("/etc")
    os.chown(tmp_path / "report/hosts", NOBODY, NOBODY, follow_symlinks=False)
    with raised("exchangeable", problem="the report"):
        write_report(tmp_path / "report", [], {}, TIME, check_mode=False)


def test_the_way_to_a_folder_goes_through_links_and_ends_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "up").symlink_to(f"{tmp_path}/link/../link")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")

    def way(name: str) -> list[str]:
        below = [place for place, _status in way_to(tmp_path / name) if tmp_path in place.parents]
        return [str(place.relative_to(tmp_path)) for place in below]

    assert way("link/inner") == ["link", "real", "real/inner"]
    assert way("up/inner") == ["up", "link", "real", "link", "real", "real/inner"]
    assert way("gone/inner") == []
    assert set(way("one/inner")) == {"one", "two"}


@as_root
def test_the_user_who_called_sudo_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", NOBODY, NOBODY)
    with raised("exchangeable", problem="the report"):
        require_own(tmp_path / "home/report", "the report", "")
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    require_own(tmp_path / "home/report", "the report", "")
