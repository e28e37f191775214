# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run that is killed or refused at any of its calls: what has a signature is whole, and the next run completes it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature as _signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._contract.record import recorded
from ansible_collections.airgap.conda.plugins.module_utils._depot.depot import Depot
from ansible_collections.airgap.conda.plugins.module_utils._media.drive import Drive
from ansible_collections.airgap.conda.plugins.module_utils._media.exporter import Export
from ansible_collections.airgap.conda.plugins.module_utils._media.importer import Import
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import check_files
from ansible_collections.airgap.conda.plugins.module_utils._source.index import write_index
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id, snapshot
from ansible_collections.airgap.conda.tests.unit.tiny_site import quick_disk, verify_once

ONE = release_id(1)
CALLS = ("mkdir", "unlink", "rename", "fsync", "posix_fadvise", "chmod", "fchmod", "rmdir")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_disk(monkeypatch)
    verify_once(monkeypatch)


class Killed(BaseException):
    """The process is gone: nothing it still tries to do happens."""


class Machine:
    """Counts the calls that change a file system, and fails from the n-th on, as an error or as a death."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fail_at: int, code: int = 0) -> None:
        self.calls, self._fail_at, self._code = 0, fail_at, code
        for name in CALLS:
            monkeypatch.setattr(os, name, self._watch(name, getattr(os, name)))

    def _watch(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            failing = 0 < self._fail_at <= self.calls
            if failing and not self._code:
                raise Killed
            if failing and name not in (
                "unlink",
                "rmdir",
            ):  # these clean up, and a full disk does not keep them from it
                raise OSError(self._code, os.strerror(self._code))
            return real(*args, **kwargs)

        return call


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    key, _signers = make_key(folder)
    for serial in (1, 2):
        made = make_release(folder / "work", Path("/opt"), serial, part_size=150)
        _signature.sign(made.folder / MANIFEST, key)
        shutil.copytree(made.folder, folder / "bastion/demo" / release_id(serial))
    assert write_index(folder / "bastion")
    return folder


def export(original: Path, drive: Path) -> dict[str, Any]:
    return Export(Depot(original / "bastion"), Drive(drive), (), {"demo": 2}, None, False).run(check=False)


def bring(original: Path, drive: Path, depot: Path) -> dict[str, Any]:
    signers = original / "key.signers"
    return Import(Depot(depot), Drive(drive), (), {"demo": 2}, signers, require_mount=False).run(check=False)


def look(depot: Path) -> dict[str, str]:
    """Return name and content of the files below a depot, without locks."""
    return {name: content for name, (_mode, content) in snapshot(depot).items() if ".locks" not in name}


def contents(original: Path) -> dict[str, str]:
    return look(original / "bastion")


def count(monkeypatch: pytest.MonkeyPatch, step: Callable[[], Any]) -> int:
    with monkeypatch.context() as patch:
        machine = Machine(patch, 0)
        step()
    return machine.calls


def start(original: Path, drive: Path, case: str) -> None:
    """Make a drive that is new, or one whose first release was damaged."""
    shutil.rmtree(drive, ignore_errors=True)
    drive.mkdir()
    if case == "damaged":
        shutil.copytree(original / "bastion", drive / "depot")
        (drive / "depot/demo" / ONE / "env.tar.zst.000").write_bytes(b"")
        (drive / "depot/demo" / ONE / FILES).unlink()


def check_drive(drive: Path) -> None:
    """Releases that have a signature are whole, but for what was damaged before."""
    for signature in drive.glob(f"depot/demo/*/{SIGNATURE}"):
        check_files(signature.parent, recorded(signature.parent / MANIFEST))


@pytest.mark.parametrize("case", ["new", "damaged"])
@pytest.mark.parametrize("killed", [True, False])
def test_an_export_can_end_anywhere(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, killed: bool
) -> None:
    drive = tmp_path / "drive"
    start(original, drive, case)
    total = count(monkeypatch, lambda: export(original, drive))
    assert look(drive / "depot") == contents(original)
    assert total > (50 if case == "new" else 10)
    begun = case == "new"
    for number in range(1, total + 1, 3 if case == "new" else 1):
        start(original, drive, case)
        with monkeypatch.context() as patch:
            Machine(patch, number, 0 if killed else ERRORS[number % len(ERRORS)])
            with pytest.raises(Killed if killed else AirgapError):
                export(original, drive)
        begun = begun or not (drive / "depot/demo" / ONE / SIGNATURE).exists()
        if begun:
            check_drive(drive)
        assert killed or not list(drive.rglob("*.new"))
        export(original, drive)
        assert look(drive / "depot") == contents(original), number
    assert begun


@pytest.mark.parametrize("killed", [True, False])
def test_an_import_can_end_anywhere(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    drive, depot = tmp_path / "drive", tmp_path / "inside"
    start(original, drive, "new")
    export(original, drive)
    total = count(monkeypatch, lambda: bring(original, drive, depot))
    assert look(depot) == contents(original)
    for number in range(1, total + 1, 5):
        shutil.rmtree(depot)
        with monkeypatch.context() as patch:
            Machine(patch, number, 0 if killed else ERRORS[number % len(ERRORS)])
            with suppress(Killed, AirgapError):
                bring(original, drive, depot)
        assert killed or not list(depot.rglob(".new-*"))
        for release in Depot(depot).releases("demo"):
            Depot(depot).verify("demo", release, original / "key.signers")
        bring(original, drive, depot)
        assert look(depot) == contents(original), number
    assert look(drive / "depot") == contents(original)
