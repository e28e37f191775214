# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""etc/conda/env_vars.d and the spec's variables: exported as conda does, in every shell, and taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.env_vars import env_var_files, env_vars
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree
from ansible_collections.airgap.conda.tests.unit.tiny_shells import HERE, session, write_env

NASTY = "a b\t$(touch x) `touch x` \"q\" 'q' \\ \\$ ! * ~ $1 ${ $$ ; # é =\n2nd\\\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "it's $odd/demo"


@pytest.mark.parametrize("shell", HERE)
def test_they_are_exported_and_taken_back(home: Path, shell: str) -> None:
    prefix = write_env(
        home,
        {
            "etc/conda/env_vars.d/b.json": json.dumps({"ONE": "of b", "NASTY": NASTY, "NUMBER": 5, "YES": True}),
            "etc/conda/env_vars.d/a.json": json.dumps({"ONE": "of a", "TWO": "of a", "EMPTY": "", "KEPT": "x"}),
            "etc/conda/activate.d/a.sh": 'export SAW="$ONE"\n',
            "etc/conda/deactivate.d/a.sh": "unset SAW\n",
        },
        {"TWO": "of the spec", "HOME_IS": "$HOME", "KEPT": "***unset***"},
    )
    before = {"ONE": "old", "EMPTY": "was\nnot", "KEPT": "mine"}
    seen = session(shell, home, ["show", "activate", "show", "deactivate", "show"], before)
    assert seen.stderr == ""
    found = seen.changes()
    assert {name: found.get(name) for name in ("ONE", "TWO", "NASTY", "NUMBER", "YES", "EMPTY", "HOME_IS", "SAW")} == {
        "ONE": "of b",
        "TWO": "of the spec",
        "NASTY": NASTY,
        "NUMBER": "5",
        "YES": "True",
        "EMPTY": "",
        "HOME_IS": "$HOME",
        "SAW": "of b",
    }
    assert "KEPT" not in found
    assert not (prefix / "x").exists()
    assert seen.changes(0, 2) == {}


def test_a_value_with_the_prefix_has_that_of_the_host(tmp_path: Path) -> None:
    built = tmp_path / "built/it's"
    write_tree(built, {"etc/conda/env_vars.d/a.json": json.dumps({"DATA": f"{built}/share:{built}"})})
    files = env_var_files(built, {})
    assert files == {
        "etc/conda/airgap-conda.env.sh": "# Made by airgap.conda from env_vars.d and the spec's variables.\n"
        "_airgap_variable DATA ''\"$CONDA_PREFIX\"'/share:'\"$CONDA_PREFIX\"''\n"
    }


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{", "invalid JSON: "),
        ('["A"]', "not an object of names and values"),
        ('{"A": "1", "A": "2"}', "a duplicate name"),
        ('{"A-B": "1"}', "'A-B' is not the name of a variable"),
        ('{"1A": "1"}', "'1A' is not"),
        ('{"": "1"}', "'' is not"),
        ('{"A\\n": "1"}', "is not the name"),
        ('{"X": null}', "the value of X is null, not text"),
        ('{"X": ["a"]}', 'the value of X is ["a"], not text'),
        ('{"X": "a\\u0000b"}', "contains a NUL"),
        ('{"PATH": "/x"}', "PATH belongs to the shell or to the activation itself"),
        ('{"CONDA_PREFIX": "/x"}', "CONDA_PREFIX belongs"),
        ('{"SHELLOPTS": "/x"}', "SHELLOPTS belongs"),
        (b"\xff\xfe", "invalid JSON"),
    ],
)
def test_what_is_no_variable_is_told_and_left_out(tmp_path: Path, content: str | bytes, what: str) -> None:
    write_tree(tmp_path, {"etc/conda/env_vars.d/a.json": content, "etc/conda/env_vars.d/b.json": '{"GOOD": "1"}'})
    found, faults = env_vars(tmp_path, {})
    assert found == {"GOOD": "1"}
    assert [fault.path for fault in faults] == ["etc/conda/env_vars.d/a.json"]
    assert what in faults[0].what


def test_an_environment_without_any_has_no_files(tmp_path: Path) -> None:
    assert env_var_files(tmp_path, {}) == {}
