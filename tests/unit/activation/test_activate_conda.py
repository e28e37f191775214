# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``conda activate`` gives, variable by variable: the right values were seen with conda 26 and its hooks.

Each environment is one habit of packages' scripts. {p} stands for its prefix.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree
from ansible_collections.airgap.conda.tests.unit.tiny_shells import HERE, session, write_env

ON, OFF, VARS = "etc/conda/activate.d", "etc/conda/deactivate.d", "etc/conda/env_vars.d"
BEFORE = {"OLD": "mine"}


@dataclass(frozen=True)
class Habit:
    """The files of a package; what is different from before while it is active, and afterwards, but for conda's own."""

    files: Mapping[str, str]
    active: Mapping[str, str | None] = field(default_factory=dict)
    after: Mapping[str, str | None] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


HABITS = {
    "nothing": Habit({}),
    "writes a variable": Habit(
        {f"{ON}/a.sh": 'export A="$CONDA_PREFIX/x"\n', f"{OFF}/a.sh": "unset A\n"}, {"A": "{p}/x"}
    ),
    "leaves a variable": Habit({f"{ON}/a.sh": "export A=1\n"}, {"A": "1"}, {"A": "1"}),
    "keeps the old value": Habit(
        {
            f"{ON}/a.sh": 'if [ -n "${OLD-}" ]; then export _CONDA_BACKUP_OLD="$OLD"; fi\nexport OLD=new\n',
            f"{OFF}/a.sh": 'export OLD="$_CONDA_BACKUP_OLD"\nunset _CONDA_BACKUP_OLD\n',
        },
        {"OLD": "new", "_CONDA_BACKUP_OLD": "mine"},
    ),
    "takes a variable away": Habit({f"{ON}/a.sh": "unset OLD\n"}, {"OLD": None}, {"OLD": None}),
    "asks for an order": Habit(
        {
            f"{folder}/{name}.sh": f'export SEQ="$SEQ {name}"\n'
            for folder in (ON, OFF)
            for name in ("~z", "B", "a", "9")
        },
        {"SEQ": " 9 B a ~z"},
        {"SEQ": " 9 B a ~z ~z a B 9"},
    ),
    "puts folders into PATH": Habit(
        {f"{ON}/a.sh": 'export PATH="$CONDA_PREFIX/extra:$PATH:$CONDA_PREFIX/last"\n'},
        {"PATH": "{p}/extra:{p}/bin:/usr/bin:/bin:{p}/last"},
        {"PATH": "{p}/extra:/usr/bin:/bin:{p}/last"},
    ),
    "puts a folder into PATH and takes it out": Habit(
        {
            f"{ON}/a.sh": 'export PATH="$CONDA_PREFIX/extra:$PATH"\n',
            f"{OFF}/a.sh": 'export PATH=$(printf %s "$PATH" | sed "s|$CONDA_PREFIX/extra:||")\n',
        },
        {"PATH": "{p}/extra:{p}/bin:/usr/bin:/bin"},
    ),
    "returns an error": Habit(
        {f"{ON}/a.sh": "return 3\n", f"{ON}/b.sh": "export B=1\n", f"{OFF}/b.sh": "unset B\nfalse\n"}, {"B": "1"}
    ),
    "reads what conda sets": Habit(
        {
            f"{ON}/a.sh": 'export SAW="$CONDA_PREFIX|$CONDA_SHLVL|$OLD|$UNSET"\n',
            f"{OFF}/a.sh": 'unset SAW\nexport LEFT="$CONDA_PREFIX|$CONDA_SHLVL"\n',
        },
        {"SAW": "{p}|1|mine|"},
        {"LEFT": "{p}|1"},
    ),
    "has functions": Habit(
        {f"{ON}/a.sh": '_f() { export F="$1"; }\n_f 1\nunset -f _f\n', f"{OFF}/a.sh": "unset F\n"}, {"F": "1"}
    ),
    "declares variables": Habit(
        {
            f"{VARS}/a.json": json.dumps({"ONE": "1", "OLD": "of a", "SPACE": 'a b $HOME "q"'}),
            f"{VARS}/b.json": json.dumps({"ONE": "2", "NUM": 7}),
            f"{ON}/a.sh": "export SAW=$ONE$SPEC\n",
            f"{OFF}/a.sh": "unset SAW\n",
        },
        {"ONE": "2", "OLD": "of a", "SPACE": 'a b $HOME "q"', "NUM": "7", "SPEC": "of it", "SAW": "2of it"},
        variables={"SPEC": "of it"},
    ),
    "declares a variable unset": Habit({f"{VARS}/a.json": json.dumps({"OLD": "***unset***"})}),
}


def of_packages(changes: Mapping[str, str | None]) -> dict[str, str | None]:
    return {
        name: value for name, value in changes.items() if not name.startswith(("CONDA_", "__CONDA_SHLVL_", "PYTHONNO"))
    }


def filled(values: Mapping[str, str | None], prefix: Path) -> dict[str, str | None]:
    return {name: value.replace("{p}", str(prefix)) if value else value for name, value in values.items()}


@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize("shell", HERE)
def test_a_habit_of_packages(tmp_path: Path, shell: str, habit: str) -> None:
    asked = HABITS[habit]
    prefix = write_env(tmp_path / "demo", asked.files, asked.variables)
    seen = session(shell, tmp_path / "demo", ["show", "activate", "show", "deactivate", "show"], BEFORE)
    assert seen.stderr == ""
    active = filled({"PATH": "{p}/bin:/usr/bin:/bin", **asked.active}, prefix)
    # fish and csh give back what was there; they have taken over variables, and no scripts ran in them.
    after = {} if shell in ("fish", "tcsh") else filled(asked.after, prefix)
    assert of_packages(seen.changes(0, 1)) == active
    assert of_packages(seen.changes(0, 2)) == after


@pytest.mark.parametrize("shell", HERE)
def test_what_conda_itself_sets(tmp_path: Path, shell: str) -> None:
    prefix = write_env(tmp_path / "demo", {f"{VARS}/a.json": json.dumps({"OLD": "new"})})
    seen = session(shell, tmp_path / "demo", ["show", "activate", "show", "deactivate", "show"], BEFORE)
    assert seen.changes(0, 1) == {
        "CONDA_DEFAULT_ENV": "demo",
        "CONDA_PREFIX": str(prefix),
        "CONDA_PROMPT_MODIFIER": "(demo) ",
        "CONDA_SHLVL": "1",
        "OLD": "new",
        "PATH": f"{prefix}/bin:/usr/bin:/bin",
        "PYTHONNOUSERSITE": "1",
        "__CONDA_SHLVL_0_OLD": "mine",
    }
    assert seen.changes(0, 2) == {}


@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize("shell", HERE)
def test_activated_again_it_is_as_activated_once(tmp_path: Path, shell: str, habit: str) -> None:
    if habit in ("asks for an order", "puts folders into PATH", "reads what conda sets"):
        pytest.skip("its scripts leave something behind, in conda too")
    write_env(tmp_path / "demo", HABITS[habit].files, HABITS[habit].variables)
    steps = ["show", "activate", "show", "activate", "show", "deactivate", "show"]
    seen = session(shell, tmp_path / "demo", steps, BEFORE)
    assert seen.changes(1, 2) == {}
    assert of_packages(seen.changes(0, 3)) == ({} if shell in ("fish", "tcsh") else HABITS[habit].after)


@pytest.mark.parametrize("shell", HERE)
def test_scripts_for_the_shell_itself(tmp_path: Path, shell: str) -> None:
    """Where a package brings a script for fish or csh, that one runs there and that for sh does not."""
    tree = {f"{ON}/a.sh": "export A=sh\n", f"{ON}/b.sh": "export B=sh\n", f"{ON}/only.csh": "setenv C csh\n"}
    tree |= {f"{ON}/only.fish": "set -gx C fish\n", f"{ON}/a.csh": 'setenv A "csh $B $CONDA_SHLVL"\n'}
    tree |= {f"{ON}/a.fish": 'set -gx A "fish $B $CONDA_SHLVL"\n', f"{OFF}/a.fish": "set -e A C\n"}
    tree |= {f"{OFF}/a.csh": "unsetenv A\nunsetenv C\n", f"{OFF}/a.sh": "unset A\n", f"{OFF}/b.sh": "unset B\n"}
    write_env(tmp_path / "demo", tree)
    seen = session(shell, tmp_path / "demo", ["show", "activate", "show", "deactivate", "show"])
    assert seen.stderr == ""
    own = {"fish": "fish", "tcsh": "csh"}.get(shell, "sh")
    found = seen.changes()
    assert (found["B"], found["A"], found.get("C")) == ("sh", "sh", None) if own == "sh" else ("sh", f"{own} sh 1", own)
    assert seen.changes(0, 2) == {}


@pytest.mark.parametrize("shell", HERE)
def test_one_environment_in_the_place_of_another(tmp_path: Path, shell: str) -> None:
    own = f"{ON}/own.fish", f"{ON}/own.csh"
    first = write_env(tmp_path / "demo", {**HABITS["writes a variable"].files, own[0]: "set -gx OWN 1\n",
                                          own[1]: "setenv OWN 1\n", f"{OFF}/own.fish": "set -e OWN\n",
                                          f"{OFF}/own.csh": "unsetenv OWN\n"})  # fmt: skip
    second = write_env(tmp_path / "other", {f"{ON}/b.sh": 'export B="$CONDA_PREFIX"\n', f"{OFF}/b.sh": "unset B\n"})
    steps = ["show", "activate", "show", "../other", "show", "deactivate", "show", "deactivate", "show"]
    seen = session(shell, tmp_path / "demo", steps, BEFORE)
    assert seen.stderr == ""
    inner = seen.changes(0, 2)
    assert inner == {
        "B": str(second),
        "CONDA_DEFAULT_ENV": "other",
        "CONDA_PREFIX": str(second),
        "CONDA_PREFIX_1": str(first),
        "CONDA_PROMPT_MODIFIER": "(other) ",
        "CONDA_SHLVL": "2",
        "PATH": f"{second}/bin:/usr/bin:/bin",
        "PYTHONNOUSERSITE": "1",
        "__CONDA_SHLVL_1_PYTHONNOUSERSITE": "1",
    }
    assert seen.changes(1, 3) == {}
    assert seen.changes(0, 4) == {}


@pytest.mark.parametrize("shell", HERE)
def test_a_newer_release_takes_the_place_of_the_older(tmp_path: Path, shell: str) -> None:
    write_env(tmp_path / "demo", HABITS["writes a variable"].files)
    newer = tmp_path / "demo/2-00000002"
    write_tree(newer, {"bin/tool": "", **HABITS["leaves a variable"].files})
    steps = ["show", "activate", "rm current; ln -s 2-00000002 current", "activate", "show", "deactivate", "show"]
    seen = session(shell, tmp_path / "demo", steps, BEFORE)
    assert seen.stderr == ""
    assert of_packages(seen.changes(0, 1)) == {"A": "1", "PATH": f"{newer}/bin:/usr/bin:/bin"}
    assert seen.shows[1]["CONDA_SHLVL"] == "1"
    assert of_packages(seen.changes(0, 2)) == ({} if shell in ("fish", "tcsh") else {"A": "1"})
