# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The activation script for csh and tcsh, sourced by tcsh."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_shells import session, write_env

pytestmark = pytest.mark.skipif(not shutil.which("tcsh"), reason="no tcsh here")

NASTY = " a  b\t$(touch x) `touch x` \"q\" 'q' \\ \\$ ! !! !x * ~ $1 {$ %self == # é\n2nd\\\n\\"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An environment below a root with an unusual name."""
    folder = tmp_path / "it's \\ $odd!x (root)/demo"
    write_env(folder, {"etc/conda/activate.d/a.sh": 'export NEW="$OLD"; unset OLD GONE\n'})
    return folder


def lines(home: Path, *steps: str) -> tuple[int, list[str], str]:
    """Run lines of csh; returns status, output and errors."""
    script, temporary = home / "script", home.parents[1] / "tmp"
    temporary.mkdir(exist_ok=True)
    script.write_text("".join(f"{step}\n" for step in steps), encoding="utf-8")
    done = subprocess.run(
        ["tcsh", "-f", str(script)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(temporary)},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_values_come_over_and_go_back_as_they_are(home: Path) -> None:
    steps = ["show", "activate", "show", "deactivate", "show"]
    seen = session("tcsh", home, steps, {"OLD": NASTY, "GONE": NASTY, "EMPTY": ""})
    assert seen.stderr == ""
    found = seen.changes()
    assert (found["NEW"], found["OLD"], found["GONE"]) == (NASTY, None, None)
    assert seen.changes(0, 2) == {}
    assert not (home / "x").exists()


def test_nothing_is_left_over(home: Path) -> None:
    before = sorted(path.name for path in home.iterdir())
    steps = ["set prompt = '> '", "source activate.csh", "source activate.csh", "deactivate"]
    assert lines(home, *steps, "echo $prompt:q", "set | grep airgap", "alias", "rm script") == (0, ["> "], "")
    assert sorted(path.name for path in home.iterdir()) == before
    assert list((home.parents[1] / "tmp").iterdir()) == []


def test_a_folder_for_temporary_files_that_csh_cannot_read_is_not_used(home: Path) -> None:
    steps = [f"setenv TMPDIR '{home.parent}'".replace("!", "\\!").replace("it's", "it'\\''s"), "source activate.csh"]
    assert lines(home, *steps, "echo $CONDA_DEFAULT_ENV") == (0, ["demo"], "")


def test_a_prompt_is_given_back(home: Path) -> None:
    show = "echo $prompt:q"
    status, output, errors = lines(home, "set prompt = '%~ \\!> '", "source activate.csh", show, "deactivate", show)
    assert (status, output, errors) == (0, ["(demo) %~ !> ", "%~ !> "], "")


def test_a_missing_environment_is_a_message_and_status_1(home: Path) -> None:
    (home / "current").unlink()
    status, output, errors = lines(
        home, "source activate.csh", "echo $status", "printenv CONDA_PREFIX", "set|grep airgap"
    )
    assert output == ["1"]
    assert errors == f"airgap.conda: {home}/current is missing: deploy the environment demo to this host\n"
    assert status == 1  # that of grep


def test_a_script_that_ends_the_shell_changes_nothing(home: Path) -> None:
    (home / "1-00000001/etc/conda/activate.d/b.sh").write_text("exit 3\n", encoding="ascii")
    status, output, _errors = lines(home, "source activate.csh", "echo $status", "printenv CONDA_PREFIX; true")
    assert (status, output) == (0, ["1"])


def test_what_needs_bash_has_it(home: Path) -> None:
    needs = "function f() { local -a a=(1 2); export BASHED=${a[1]}; }; f\n"
    (home / "1-00000001/etc/conda/activate.d/b.sh").write_text(needs, encoding="ascii")
    assert lines(home, "source activate.csh", "echo $BASHED") == (0, ["2"], "")
