# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of a release run in the release and in nothing else."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.variables import activation_scripts
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import Checks, Manifest
from ansible_collections.airgap.conda.plugins.module_utils._store.checks import failed_check, require_checks
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release, skip_flushes, write_tree


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    skip_flushes(monkeypatch)
    return make_release(tmp_path / "depot", tmp_path / "opt").manifest


def with_checks(manifest: Manifest, *commands: str, imports: tuple[str, ...] = (), timeout: int = 20) -> Manifest:
    return replace(manifest, checks=Checks(imports, commands, timeout))


def prefix_of(tmp_path: Path) -> Path:
    prefix = write_tree(tmp_path / "prefix", {"bin/tool": "#!/bin/sh\necho tool of the release\n"})
    (prefix / "bin/python").symlink_to(sys.executable)
    return prefix


def test_what_works_passes(tmp_path: Path, manifest: Manifest) -> None:
    commands = ("tool | grep 'of the release'", 'test "$CONDA_PREFIX" = "$(dirname "$(dirname "$(command -v tool)")")"')
    assert failed_check(prefix_of(tmp_path), with_checks(manifest, *commands, imports=("json", "os.path"))) is None


def test_a_check_sees_the_packages_of_a_user_as_users_do(tmp_path: Path, manifest: Manifest) -> None:
    prefix, asked = prefix_of(tmp_path), with_checks(manifest, 'test "${PYTHONNOUSERSITE-unset}" = 1')
    assert failed_check(prefix, asked) is None
    write_tree(prefix, activation_scripts({}, user_site=True))
    assert failed_check(prefix, with_checks(manifest, 'test "${PYTHONNOUSERSITE-unset}" = unset')) is None


@pytest.mark.parametrize(
    ("checks", "name", "says"),
    [
        (Checks(imports=("json", "no_such_module")), "import no_such_module", "No module named 'no_such_module'"),
        (Checks(commands=("true", "echo why; false")), "echo why; false", "exit status 1: why"),
        (Checks(commands=("sleep 9",), timeout=1), "sleep 9", "no end after 1 s"),
        (Checks(commands=("no-such-tool",)), "no-such-tool", "not found"),
        (Checks(commands=("set -u; echo $NOT_SET",)), "set -u; echo $NOT_SET", "NOT_SET"),
    ],
)
def test_the_first_failure_is_shown_in_its_own_words(
    tmp_path: Path, manifest: Manifest, checks: Checks, name: str, says: str
) -> None:
    with raised("check-failed", problem="demo 1-00000001.*; the rest") as caught:
        require_checks(prefix_of(tmp_path), replace(manifest, checks=checks), "the rest")
    assert caught.value.wanted == f"success of: {name}"
    assert says in caught.value.found


def test_the_outside_is_not_seen(tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path / "outside", {"only_outside.py": ""})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "outside"))
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("SECRET", "x")
    prefix = prefix_of(tmp_path)
    assert failed_check(prefix, with_checks(manifest, 'test -z "${SECRET-}"', imports=("json",))) is None
    failed = failed_check(prefix, with_checks(manifest, imports=("only_outside",)))
    assert failed is not None
    assert "No module named" in failed[1].output


def test_the_release_and_home_stay_clean(tmp_path: Path, manifest: Manifest) -> None:
    prefix = prefix_of(tmp_path)
    write_tree(prefix, {"lib/own.py": ""})
    before = sorted(prefix.rglob("*"))
    home = tmp_path / "home"
    command = f"cd {prefix}/lib && python -c 'import own' && touch ~/cache && echo $HOME >{home}"
    assert failed_check(prefix, with_checks(manifest, command)) is None
    assert sorted(prefix.rglob("*")) == before
    assert not os.path.exists(home.read_text(encoding="ascii").strip())


def test_variables_of_the_release_are_set(tmp_path: Path, manifest: Manifest) -> None:
    prefix = write_tree(prefix_of(tmp_path), {"etc/conda/activate.d/x.sh": "export MODEL=$CONDA_PREFIX/model\n"})
    assert failed_check(prefix, with_checks(manifest, f'test "$MODEL" = {prefix}/model')) is None
