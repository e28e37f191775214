# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The activation script for fish, sourced by fish."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.files import activate_files
from ansible_collections.airgap.conda.plugins.module_utils._activation.variables import activation_scripts
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

pytestmark = pytest.mark.skipif(not shutil.which("fish"), reason="no fish here")

NASTY = " a  b\t$(touch x) (touch x) `touch x` \"q\" 'q' \\ \\$ ! * ~ $1 {$ %self == # é\n2nd\n"
SEED = {
    "LD_LIBRARY_PATH": "$CONDA_PREFIX/lib:$CONDA_PREFIX/lib/python3.8/site-packages/nvidia/cudnn/lib:$LD_LIBRARY_PATH",
    "XLA_FLAGS": "--xla_gpu_cuda_data_dir=$CONDA_PREFIX/lib/",
}
# Every variable that a child sees, whatever it is called; fish itself counts SHLVL.
ALL = "command env -0 | sort -z | string escape"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two releases and the activation scripts, below a root with an unusual name."""
    folder = tmp_path / "it's \\ $odd (root)/demo"
    for release in ("1-00000001", "2-00000002"):
        write_tree(folder / release, {"bin/tool": f"#!/bin/sh\necho {release}\n"})
    return write_env(folder, "1-00000001")


def write_env(folder: Path, release: str, variables: Mapping[str, str] | None = None) -> Path:
    write_tree(folder / release, {"bin/python": "", **activation_scripts(variables or {})})
    (folder / "current").unlink(missing_ok=True)
    (folder / "current").symlink_to(release)
    for name, script in activate_files(folder.name, folder).items():
        (folder / name).write_text(script, encoding="utf-8")
    return folder


def run(script: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a fish without the user's own settings; $PATH is /usr/bin:/bin."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd.parent), "LC_ALL": "C.UTF-8", **variables}
    return subprocess.run(["fish", "-c", script], capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def out(script: str, cwd: Path, **variables: str) -> list[str]:
    done = run(script, cwd, **variables)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


SHOW = 'string join : $PATH; printf "%s\\n" "$X" "$LD_LIBRARY_PATH" "$XLA_FLAGS"; set -q CONDA_PREFIX; or echo none;'


def test_activate_and_deactivate(home: Path) -> None:
    script = 'source activate.fish; and tool; echo "$CONDA_PREFIX|$CONDA_DEFAULT_ENV"; string join : $PATH; deactivate;'
    script += "set -q CONDA_PREFIX CONDA_DEFAULT_ENV; or echo gone; string join : $PATH"
    prefix = home / "1-00000001"
    assert out(script, home) == [
        "1-00000001", f"{prefix}|demo", f"{prefix}/bin:/usr/bin:/bin", "gone", "/usr/bin:/bin",
    ]  # fmt: skip


def test_the_users_own_python_venv_may_come_on_top(home: Path) -> None:
    script = "source activate.fish; function deactivate; functions -e deactivate; end; deactivate; "
    script += "source activate.fish; string join : $PATH; deactivate; string join : $PATH"
    assert out(script, home) == [f"{home}/1-00000001/bin:/usr/bin:/bin", "/usr/bin:/bin"]


@pytest.mark.parametrize("variables", [{}, {"LD_LIBRARY_PATH": "/a:/b", "XLA_FLAGS": "old", "X": NASTY, "Y": ""}])
def test_nothing_is_left_over(home: Path, variables: dict[str, str]) -> None:
    write_env(home, "1-00000001", {**SEED, "X": "new", "Y": "y"})
    odd = {"BASH_FUNC_x%%": "() { :; }", "MANPATH": "/m:", "name": "n", "value": "v", "kept": "k", **variables}
    script = f"set -g G own; {ALL} >one; set >one.all; source activate.fish; test $X$Y = newy; or echo not set; "
    script += f"deactivate; {ALL} >two; functions -a | grep -i airgap; functions -q deactivate; and echo still there; "
    script += "set -n | grep -i airgap; echo $G"
    assert out(script, home, **odd) == ["own"]
    assert (home / "two").read_text() == (home / "one").read_text()
    assert ("X=" in (home / "one").read_text()) == bool(variables)


@pytest.mark.parametrize("former", [None, "", "0"])
def test_the_packages_of_a_user_stay_out_until_deactivate(home: Path, former: str | None) -> None:
    show = "command sh -c 'echo \"${PYTHONNOUSERSITE-unset}\"'; "
    variables = {} if former is None else {"PYTHONNOUSERSITE": former}
    kept = "unset" if former is None else former
    assert out(f"source activate.fish; {show} deactivate; {show}", home, **variables) == ["1", kept]
    write_tree(home / "1-00000001", activation_scripts({}, user_site=True))
    assert out(f"source activate.fish; {show} deactivate; {show}", home, **variables) == [kept, kept]


@pytest.mark.parametrize("name", ["cd", "pwd", "contains", "count", "functions", "sh", "env", "echo"])
def test_a_users_function_with_the_name_of_a_command_changes_nothing(home: Path, name: str) -> None:
    write_env(home, "1-00000001", {"X": "1", "NEW": "$X"})
    script = f"function {name}; command echo wrong; return 1; end; source activate.fish; command env -0 >one; "
    out(f"{script} deactivate; command env -0 >two", home, X="old")
    one, two = (dict(pair.split("=", 1) for pair in (home / n).read_text().split("\0") if pair) for n in ("one", "two"))
    assert (one["CONDA_PREFIX"], one["X"], one["NEW"]) == (str(home / "1-00000001"), "1", "1")
    assert ("CONDA_PREFIX" in two, two["X"], "NEW" in two) == (False, "old", False)


@pytest.mark.parametrize("former", [None, "", "/a:/b"])
def test_the_variables_of_a_gpu_environment(home: Path, former: str | None) -> None:
    write_env(home, "1-00000001", SEED)
    lib = home / "1-00000001/lib"
    libraries = f"{lib}:{lib}/python3.8/site-packages/nvidia/cudnn/lib"
    show = 'env | grep -E "^(LD_LIBRARY_PATH|XLA_FLAGS)="; echo .;'
    before = [] if former is None else [f"LD_LIBRARY_PATH={former}"]
    seen = out(f"source activate.fish; {show} deactivate; {show}", home, **dict(v.split("=") for v in before))
    end = seen.index(".")
    assert sorted(seen[:end]) == [
        f"LD_LIBRARY_PATH={libraries}" + (f":{former}" if former else ""),
        f"XLA_FLAGS=--xla_gpu_cuda_data_dir={lib}/",
    ]
    assert seen[end + 1 : -1] == before


def test_values_are_as_they_were_written(home: Path) -> None:
    write_env(home, "1-00000001", {"X": NASTY, "Y": "=", "Z": "${Y}$X$Y", "EMPTY": "$UNSET"})
    out("source activate.fish; command env -0 >seen", home, EMPTY="full")
    seen = dict(pair.split("=", 1) for pair in (home / "seen").read_text().split("\0") if pair)
    assert (seen["X"], seen["Y"], seen["Z"], seen["EMPTY"]) == (NASTY, "=", f"={NASTY}=", "")
    assert not (home / "x").exists()


def test_an_open_shell_keeps_its_release(home: Path) -> None:
    script = "source activate.fish; rm current; ln -s 2-00000002 current; tool; source activate.fish; tool; "
    script += "string join : $PATH; deactivate; string join : $PATH"
    assert out(script, home) == [
        "1-00000001",
        "2-00000002",
        f"{home}/2-00000002/bin:/usr/bin:/bin",  # the first one's folder is gone from PATH
        "/usr/bin:/bin",
    ]


def test_another_environment_takes_the_place_of_the_first_until_deactivate(home: Path) -> None:
    write_env(home, "1-00000001", {"X": "1", "ONLY": "1"})
    other = write_env(home.parent / "other", "3-00000003", {"X": "other $X"})
    script = f"source activate.fish; source ../other/activate.fish; {SHOW} echo $ONLY; deactivate; echo $X; "
    script += f"deactivate; {SHOW}"
    assert out(script, home, X="old") == [
        f"{other}/3-00000003/bin:/usr/bin:/bin", "other old", "", "", "", "1",
        "/usr/bin:/bin", "old", "", "", "none",
    ]  # fmt: skip


@pytest.mark.parametrize("parent", ["sh", "fish"])
def test_a_child_of_an_activated_shell_can_activate_another(home: Path, parent: str) -> None:
    write_env(home, "1-00000001", {"X": "1", "ONLY": "1"})
    other = write_env(home.parent / "other", "3-00000003", {"X": "other $X"})
    child = 'source ../other/activate.fish; echo "$X$ONLY $PATH[1]"; deactivate; echo $X$ONLY'
    start = {"sh": "sh -c '. ./activate; exec fish -c \"$CHILD\"'", "fish": 'source activate.fish; fish -c "$CHILD"'}
    assert out(start[parent], home, X="old", CHILD=child) == [f"other old {other}/3-00000003/bin", "11"]


def test_an_sh_below_fish_can_activate_another(home: Path) -> None:
    write_env(home, "1-00000001", {"X": "1", "ONLY": "1"})
    write_env(home.parent / "other", "3-00000003", {"X": "other $X"})
    script = 'source activate.fish; sh -euc \'. ../other/activate; echo "$X${ONLY-}"; deactivate; echo "$X"\''
    assert out(script, home, X="old") == ["other old", "1"]


def test_a_missing_environment_is_a_message_and_status_1(home: Path) -> None:
    (home / "current").unlink()
    script = 'source activate.fish; echo "status $status"; string join : $PATH; '
    done = run(f"{script} functions -a | grep airgap; functions -q deactivate; or echo clean", home)
    assert done.stdout.splitlines() == ["status 1", "/usr/bin:/bin", "clean"]
    assert done.stderr == f"airgap.conda: {home}/current is missing: deploy the environment demo to this host\n"


def test_a_missing_environment_leaves_the_active_one(home: Path) -> None:
    write_env(home.parent / "other", "3-00000003").joinpath("current").unlink()
    done = run("source activate.fish; source ../other/activate.fish; tool; deactivate; string join : $PATH", home)
    assert done.stdout.splitlines() == ["1-00000001", "/usr/bin:/bin"]


def test_scripts_of_packages_count_in_fish_too(home: Path) -> None:
    write_tree(
        home / "1-00000001/etc/conda/activate.d",
        {
            "a.sh": 'echo "a note"\nexport SEEN="a $UNSET_BY_NOBODY"\ncd /; unset GONE\n',
            "b.sh": 'SEEN="$SEEN b $CONDA_PREFIX"\nPATH=$PATH:/added\n',
            "c.csh": "setenv this is no sh\n",
        },
    )
    show = 'echo "$SEEN|$PATH[-1]|$GONE"; pwd;'
    script = f"source activate.fish 2>/dev/null; {show} deactivate; {show}"
    prefix = home / "1-00000001"
    assert out(script, home, GONE="back") == [f"a  b {prefix}|/added|", str(home), "|/bin|back", str(home)]


def test_a_script_that_ends_sh_changes_nothing(home: Path) -> None:
    write_tree(home / "1-00000001/etc/conda/activate.d", {"a.sh": "echo no GPU >&2\nexit 3\n"})
    done = run(f'{ALL} >one; source activate.fish; echo "status $status"; {ALL} >two; functions -q deactivate', home)
    assert (done.stdout, done.stderr, done.returncode) == ("status 1\n", "no GPU\n", 1)
    assert (home / "one").read_text() == (home / "two").read_text()


def test_what_was_not_exported_is_not_exported_after(home: Path) -> None:
    write_env(home, "1-00000001", {"X": "1", "U": "1"})
    script = "set -g X a b; set -Ux U universal; source activate.fish; echo $X $U; deactivate; count $X; echo $U; "
    script += "env | grep ^X=; set -qg U; or echo not global"
    assert out(script, home) == ["1 1", "2", "universal", "not global"]
