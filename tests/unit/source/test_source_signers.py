# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose releases a host takes: a list that nobody but its owner can change, and that a deploy writes once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base import limits
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._source import signers as _signers
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised

pytestmark = pytest.mark.usefixtures("quick_disk")
KEYS = "# ours\nbastion ssh-ed25519 AAAA key\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(_signers, "SYSTEM", tmp_path / "etc/airgap-conda/allowed_signers")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return _signers.SYSTEM


def refused(path: Path) -> AirgapError:
    with pytest.raises(AirgapError) as caught:
        _signers.require_signers(path)
    assert all((caught.value.wanted, caught.value.found, caught.value.where, caught.value.remedy))
    return caught.value


def test_root_has_one_list_and_everybody_else_their_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _signers.signers_file() == path
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert _signers.signers_file() == Path("/home/me/.config/airgap-conda/allowed_signers")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/me/conf")
    assert _signers.signers_file() == Path("/home/me/conf/airgap-conda/allowed_signers")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert _signers.signers_file() == Path("/home/me/.config/airgap-conda/allowed_signers")


def test_without_a_list_nobody_is_believed(path: Path) -> None:
    error = refused(path)
    assert (error.code, error.where) == ("no-signers", str(path))


def test_a_list_that_was_pinned_is_taken(path: Path) -> None:
    _signers.pin(KEYS)
    assert _signers.require_signers(path) == path
    assert [place.stat().st_mode & 0o777 for place in (path, path.parent)] == [0o644, 0o755]
    assert path.read_text(encoding="utf-8") == f"{_signers.MARK}\n{KEYS}"


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_list_that_others_can_write_is_refused(path: Path, mode: int) -> None:
    _signers.pin(KEYS)
    path.chmod(mode)
    error = refused(path)
    assert (error.code, error.where) == ("signers-not-safe", str(path))
    assert f"{mode:o}" in error.found


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_list_in_a_folder_that_others_can_write_is_refused(path: Path, mode: int) -> None:
    _signers.pin(KEYS)
    path.parent.chmod(mode)
    assert refused(path).where == str(path.parent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_list_of_another_user_is_refused(path: Path) -> None:
    _signers.pin(KEYS)
    os.chown(path, 12345, -1)
    assert "12345" in refused(path).found
    os.chown(path, 0, -1)
    os.chown(path.parent, 12345, -1)
    assert refused(path).where == str(path.parent)


def test_a_list_that_is_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    _signers.pin(KEYS)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert "link" in refused(path).found


def test_a_second_time_nothing_is_written(path: Path) -> None:
    assert not _signers.is_pinned(KEYS)
    _signers.pin(KEYS)
    before = path.stat()
    assert _signers.is_pinned(KEYS)
    _signers.pin(KEYS)
    after = path.stat()  # reading it changes st_atime
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
    assert _signers.short() == _signers.sum_of(KEYS) != "-"


def test_other_keys_replace_what_a_deploy_wrote(path: Path) -> None:
    _signers.pin(KEYS)
    assert not _signers.is_pinned("other ssh-ed25519 BBBB\n")
    _signers.pin("other ssh-ed25519 BBBB")
    assert path.read_text(encoding="utf-8") == f"{_signers.MARK}\nother ssh-ed25519 BBBB\n"


def test_a_mode_that_others_can_write_is_put_right(path: Path) -> None:
    _signers.pin(KEYS)
    path.chmod(0o666)
    assert not _signers.is_pinned(KEYS)
    _signers.pin(KEYS)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_no_list_is_written_into_a_folder_that_others_can_write(path: Path, mode: int) -> None:
    path.parent.mkdir(parents=True)
    path.parent.chmod(mode)
    for step in (_signers.require_ours, _signers.pin):
        with raised("exchangeable"):
            step(KEYS)
    assert not path.exists()


def test_what_a_killed_run_left_goes(path: Path) -> None:
    path.parent.mkdir(parents=True)
    (path.parent / f".{path.name}-0123456789abcdef-new").touch()
    _signers.pin(KEYS)
    assert list(path.parent.iterdir()) == [path]


def test_a_list_of_somebody_else_is_not_replaced(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("mine ssh-ed25519 CCCC\n", encoding="ascii")
    for step in (_signers.require_ours, _signers.pin):
        with pytest.raises(AirgapError) as caught:
            step(KEYS)
        assert caught.value.code == "signers-not-ours"
        assert "deploy_pin_signers" in caught.value.remedy
    assert path.read_text(encoding="ascii") == "mine ssh-ed25519 CCCC\n"


def test_a_list_with_the_same_keys_is_as_good(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(KEYS, encoding="ascii")
    path.chmod(0o644)
    assert _signers.is_pinned(KEYS)
    _signers.require_ours(KEYS)
    _signers.pin(KEYS)
    assert path.read_text(encoding="ascii") == KEYS


def test_a_list_that_is_no_list_is_not_handed_on(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"#" * (limits.SIGNERS + 1))
    for name in ("large", "missing"):
        with pytest.raises(AirgapError) as caught:
            _signers.read_keys(tmp_path / name)
        assert caught.value.code == "signers-unusable"
