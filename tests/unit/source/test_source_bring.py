# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What comes from a source: found, copied with a hash, and whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.bounded import blocks
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import FILES, MANIFEST, SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._source import bring as _bring
from ansible_collections.airgap.conda.plugins.module_utils._source import place as _place
from ansible_collections.airgap.conda.plugins.module_utils._source.folder import Folder
from ansible_collections.airgap.conda.plugins.module_utils._source.place import Here
from ansible_collections.airgap.conda.plugins.module_utils._source.source import Verified
from ansible_collections.airgap.conda.plugins.module_utils._source.sources import open_source
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_key, make_release, release_id
from ansible_collections.airgap.conda.tests.unit.tiny_site import damage

pytestmark = pytest.mark.usefixtures("quick_disk")
ONE = release_id(1)
PARTS = ["env.tar.zst.000", "env.tar.zst.001", "env.tar.zst.002"]


@pytest.fixture
def verified(tmp_path: Path) -> Verified:
    key, signers = make_key(tmp_path)
    made = make_release(tmp_path / "drive/depot", Path("/opt/conda-envs"))
    signature.sign(made.folder / MANIFEST, key)
    assert [part.name for part in made.manifest.payloads[0].parts] == PARTS
    return Folder(tmp_path / "drive/depot").signed("demo", ONE, signers)


def folder_of(source: Verified) -> Path:
    assert isinstance(source.place, Here)
    return source.place.path


def refused(source: Verified, target: Path) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        _bring.bring(source, PARTS, target)
    return caught.value


@pytest.mark.parametrize("name", ["drive", "drive/depot", "drive/../drive"])
def test_a_drive_and_a_depot_are_sources(verified: Verified, tmp_path: Path, name: str) -> None:
    source = open_source(str(tmp_path / name))
    assert (source.where, source.envs()) == (str(folder_of(verified).parents[1]), ["demo"])


@pytest.mark.parametrize("name", ["", "missing", "empty", "drive/depot/demo", "ftp://example.com/depot"])
def test_what_is_no_source_is_refused(verified: Verified, tmp_path: Path, name: str) -> None:
    assert verified
    (tmp_path / "empty").mkdir()
    with pytest.raises(AirgapError) as caught:
        open_source(name if "://" in name or not name else str(tmp_path / name))
    assert caught.value.code == "source-unusable"


def test_parts_come_first_and_the_manifest_last(verified: Verified, tmp_path: Path) -> None:
    told: list[int] = []
    _bring.bring(verified, PARTS, tmp_path / "in", told.append)
    found = sorted((path.stat().st_ino, path.name) for path in (tmp_path / "in").iterdir())
    assert {name for _inode, name in found} == {*PARTS, FILES, SIGNATURE, MANIFEST}
    assert all(
        (tmp_path / "in" / name).read_bytes() == (folder_of(verified) / name).read_bytes() for _inode, name in found
    )
    assert sum(told) == sum(path.stat().st_size for path in (tmp_path / "in").iterdir())
    assert [content.name for content in _bring.contents(verified, PARTS)][-1] == MANIFEST


def test_what_a_killed_run_left_is_in_nobodys_way(verified: Verified, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / f"in/.{PARTS[0]}.new").write_bytes(b"half")
    _bring.bring(verified, PARTS, tmp_path / "in")
    assert {path.name for path in (tmp_path / "in").iterdir()} == {*PARTS, FILES, SIGNATURE, MANIFEST}


@pytest.mark.parametrize("name", [PARTS[1], FILES, SIGNATURE, MANIFEST])
def test_a_damaged_file_is_named_and_gets_no_name(verified: Verified, tmp_path: Path, name: str) -> None:
    damage(folder_of(verified) / name)
    with pytest.raises(AirgapError) as looked:
        _bring.look(verified, PARTS)
    for error in (looked.value, refused(verified, tmp_path / "in")):
        assert (error.code, error.where) == ("file-damaged", str(folder_of(verified) / name))
    assert not any(path.name in (name, f".{name}.new") for path in (tmp_path / "in").iterdir())


def test_a_part_that_is_longer_has_an_end(verified: Verified, tmp_path: Path) -> None:
    with open(folder_of(verified) / PARTS[0], "ab") as stream:
        stream.write(b"more")
    assert refused(verified, tmp_path / "in").where == str(folder_of(verified) / PARTS[0])


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_not_read(verified: Verified, tmp_path: Path, kind: str) -> None:
    path = folder_of(verified) / PARTS[0]
    path.unlink()
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert refused(verified, tmp_path / "in").where == str(path)


def test_a_source_that_goes_away_is_told_so(
    verified: Verified, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = blocks

    def vanishing(path: Path, limit: int) -> Iterator[bytes]:
        if path.name == PARTS[1]:
            folder_of(verified).rename(tmp_path / "gone")
        return real(path, limit)

    monkeypatch.setattr(_place, "blocks", vanishing)
    error = refused(verified, tmp_path / "in")
    assert (error.code, error.where) == ("source-lost", str(folder_of(verified) / PARTS[1]))
    assert [path.name for path in (tmp_path / "in").iterdir()] == [PARTS[0]]


def test_a_source_that_cannot_be_read_is_told_so(
    verified: Verified, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path, _limit: int) -> Iterator[bytes]:
        yield b"x"
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(_place, "blocks", failing)
    error = refused(verified, tmp_path / "in")
    assert (error.code, error.where) == ("source-lost", str(folder_of(verified) / PARTS[0]))
    assert list((tmp_path / "in").iterdir()) == []


def test_a_full_disk_is_no_fault_of_the_source(
    verified: Verified, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(_bring, "write_new", full)
    error = refused(verified, tmp_path / "in")
    assert error.where.startswith(str(tmp_path / "in"))
    assert not (tmp_path / "in").exists()
    assert "free space" in error.remedy
