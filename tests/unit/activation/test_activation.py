# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The activation scripts, run by the shells that users have."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.variables import (
    ACTIVATE,
    DEACTIVATE,
    activation_scripts,
)

SHELLS = [shell for shell in ("dash", "bash", "zsh", "ksh") if shutil.which(shell)]
NASTY = "a b\t$(touch x) `touch x` \"q\" 'q' \\ \\$ ! * ~ $1 ${ $$ ; # é\n2nd"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(prefix: Path, variables: Mapping[str, str]) -> None:
    for path, script in activation_scripts(variables).items():
        (prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (prefix / path).write_text(script)


def show(shell: str, prefix: Path, lines: str, variables: Mapping[str, str]) -> list[str]:
    """Run ``lines``, in which A and D activate and deactivate, S prints X and Y; unset shows as (unset)."""
    words = {
        "A": f'. "{prefix}/{ACTIVATE}"',
        "D": f'. "{prefix}/{DEACTIVATE}"',
        "S": 'printf "%s|%s;" "${X-(unset)}" "${Y-(unset)}"',
    }
    script = re.sub(r"\b[ADS]\b", lambda match: words[match.group()], lines)
    done = subprocess.run(
        [shell, "-euc", script],
        env={"PATH": "/usr/bin:/bin", "CONDA_PREFIX": str(prefix), **variables},
        cwd=prefix,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split(";")[:-1]


def test_without_variables_there_is_no_script() -> None:
    assert activation_scripts({}) == {}


def test_set_and_restore(shell: str, tmp_path: Path) -> None:
    write(tmp_path, {"X": "1", "Y": "two words"})
    assert show(shell, tmp_path, "S; A; S; D; S", {"X": "old"}) == ["old|(unset)", "1|two words", "old|(unset)"]


def test_an_empty_value_comes_back_empty(shell: str, tmp_path: Path) -> None:
    write(tmp_path, {"X": "1", "Y": "2"})
    assert show(shell, tmp_path, "A; D; S", {"X": ""}) == ["|(unset)"]


def test_references_are_expanded_in_order(shell: str, tmp_path: Path) -> None:
    write(tmp_path, {"X": "$CONDA_PREFIX/lib", "Y": "-I${X}/include $UNSET."})
    assert show(shell, tmp_path, "A; S", {}) == [f"{tmp_path}/lib|-I{tmp_path}/lib/include ."]


def test_all_else_is_literal(shell: str, tmp_path: Path) -> None:
    value = NASTY.replace(";", ",")
    write(tmp_path, {"X": value, "Y": "http://h:80/$UNSET"})
    assert show(shell, tmp_path, "A; S", {}) == [f"{value}|http://h:80/"]
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$CONDA_PREFIX/lib:$Y", "{prefix}/lib:/a:/b"),
        ("$CONDA_PREFIX/lib:$UNSET", "{prefix}/lib"),
        ("$UNSET:$CONDA_PREFIX/lib", "{prefix}/lib"),
        ("$UNSET:$EMPTY:${Y}", "/a:/b"),
        ("$UNSET:$EMPTY", ""),
    ],
)
def test_an_unset_variable_leaves_no_empty_item(shell: str, tmp_path: Path, value: str, expected: str) -> None:
    write(tmp_path, {"X": value})
    assert show(shell, tmp_path, "A; S", {"Y": "/a:/b", "EMPTY": ""}) == [f"{expected.format(prefix=tmp_path)}|/a:/b"]


def test_activating_twice_is_activating_once(shell: str, tmp_path: Path) -> None:
    write(tmp_path, {"X": "new:$X"})
    assert show(shell, tmp_path, "A; A; S; D; S", {"X": "old"}) == ["new:old|(unset)", "old|(unset)"]


def test_another_environment_takes_over(shell: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, {"X": "1"})
    write(second, {"Y": "2"})
    lines = f'A; CONDA_PREFIX="{second}"; . "{second}/{ACTIVATE}"; S; . "{second}/{DEACTIVATE}"; S'
    assert show(shell, first, lines, {"X": "old"}) == ["old|2", "old|(unset)"]


def test_a_child_shell_can_deactivate(shell: str, tmp_path: Path) -> None:
    write(tmp_path, {"X": "1"})
    assert show(shell, tmp_path, f"A; {shell} -euc 'D; S'; S", {"X": "old"}) == ["old|(unset)", "1|(unset)"]


def test_nothing_is_left_over(shell: str, tmp_path: Path) -> None:
    write(tmp_path, {"X": "$CONDA_PREFIX:$PATH", "Y": "2"})
    lines = "A; D; env | grep -i airgap || :; set | grep -i ^_airgap || :"
    assert show(shell, tmp_path, lines, {}) == []
