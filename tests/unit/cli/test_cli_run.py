# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""airgap-envs run: a command in an activated environment, for cron, systemd and Jupyter; no shell is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.shells import SH, shell
from ansible_collections.airgap.conda.plugins.module_utils._cli import main
from ansible_collections.airgap.conda.plugins.module_utils._cli.file import write_command
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import in_use
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_shells import write_env

SHOW = "#!/bin/sh\nprintf '%s|' \"$@\"; printf '%s' \"$X\"\n"
NEEDS_BASH = "function f() { local -a a=(1 2); export BASHED=${a[1]}; }; f\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one environment and the command; there is no runtime, and none is needed."""
    store = Store(tmp_path / "o p't")
    tree = {"bin/show": SHOW, "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}
    write_env(store.root / "demo", {**tree, "etc/conda/activate.d/a.sh": "export X=active\n"})
    write_command(store)
    return store


def run(store: Store, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing in its environment, no home and no terminal."""
    command = [str(store.command), "run", *words]
    return subprocess.run(
        command, env=dict(env or {}), capture_output=True, text=True, check=False, cwd="/", stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("dashes", [[], ["--"]])
def test_arguments_come_as_they_are(store: Store, dashes: list[str]) -> None:
    words = ["", "a b", "$HOME", "`x`", "'q'", '"q"', "*", "-x", "--", "\n", "\\"]
    done = run(store, "demo", *dashes, "show", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "".join(f"{word}|" for word in words) + "active"


def test_what_the_command_sees(store: Store) -> None:
    prefix = store.root / "demo/1-00000001"
    done = run(store, "demo", "--", "/usr/bin/env", "-0", env={"KEPT": "a\nb"})
    seen = dict(item.partition("=")[::2] for item in done.stdout.split("\0") if item)
    assert seen["CONDA_PREFIX"] == str(prefix)
    assert seen["PATH"] == f"{prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert seen["KEPT"] == "a\nb"
    assert {name for name in seen if not name.startswith("CONDA_")} - {"PWD", "SHLVL", "_", "OLDPWD"} == {
        "PATH", "KEPT", "X", "PYTHONNOUSERSITE",
    }  # fmt: skip


def test_exit_status_and_output_are_those_of_the_command(store: Store) -> None:
    done = run(store, "demo", "--", "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (done.returncode, done.stdout, done.stderr) == (42, "out\n", "err\n")
    assert run(store, "demo", "--", "no-such-program").returncode == 127
    assert run(store, "demo", "--", "/etc/passwd").returncode == 126


def test_it_becomes_the_command(store: Store) -> None:
    script = "import os, signal, sys; print(os.getpid(), os.getppid(), flush=True); signal.pause()"
    command = [str(store.command), "run", "demo", "--", "python", "-c", script]
    with subprocess.Popen(command, env={}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().split() == [str(process.pid), str(os.getpid())]
        prefix = store.root / "demo/1-00000001"
        assert in_use([prefix]) == {prefix: [process.pid]}
        held = {os.readlink(path) for path in Path(f"/proc/{process.pid}/fd").iterdir() if path.is_symlink()}
        assert any(target.startswith(str(prefix)) for target in held)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM


def test_what_the_caller_exports_does_not_change_it(store: Store, tmp_path: Path) -> None:
    (tmp_path / "rc").write_text("echo wrong; exit 9\n", encoding="utf-8")
    env = {"BASH_ENV": str(tmp_path / "rc"), "ENV": str(tmp_path / "rc"), "SHELLOPTS": "errexit:nounset:noexec"}
    env |= {"BASH_FUNC_exec%%": "() { echo wrong; }", "CDPATH": "/usr", "PATH": ""}
    done = run(store, "demo", "--", "show", env=env)
    assert (done.returncode, done.stdout) == (0, "|active")


@pytest.mark.skipif(shell()[0] == SH, reason="no bash here")
def test_scripts_that_need_bash_have_it(store: Store) -> None:
    path = store.root / "demo/1-00000001/etc/conda/activate.d/b.sh"
    path.write_text(NEEDS_BASH, encoding="ascii")
    done = run(store, "demo", "--", "sh", "-c", 'echo "$BASHED"')
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_a_script_that_ends_the_shell_is_said(store: Store) -> None:
    (store.root / "demo/1-00000001/etc/conda/activate.d/b.sh").write_text("exit 3\n", encoding="ascii")
    done = run(store, "demo", "--", "show")
    assert (done.returncode, done.stdout) == (3, "")
    assert "a script of the environment ended the shell" in done.stderr


def test_scripts_that_fail_or_set_e_do_not_keep_it_from_starting(store: Store) -> None:
    folder = store.root / "demo/1-00000001/etc/conda/activate.d"
    (folder / "0.sh").write_text("set -eu\nfalse\nreturn 4\n", encoding="ascii")
    done = run(store, "demo", "--", "show")
    assert (done.returncode, done.stdout) == (0, "|active")


@pytest.mark.parametrize("env", ["other", "", "..", ".state", "demo/../demo", "a b"])
def test_an_unknown_environment_is_named(store: Store, env: str) -> None:
    done = run(store, env, "--", "show")
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[0] == f"airgap-envs: There is no environment {env} on this host"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["wanted", "found", "where", "remedy"]
    assert "environments demo" in done.stderr


def test_an_environment_without_a_release_says_so(store: Store) -> None:
    (store.root / "demo/current").unlink()
    done = run(store, "demo", "--", "show")
    assert done.returncode == 1
    assert "deploy the environment demo to this host" in done.stderr
    assert "ended the shell" not in done.stderr


@pytest.mark.parametrize("words", [[], ["demo"], ["demo", "--"], ["--", "demo"], ["-x", "demo", "show"]])
def test_a_wrong_command_line_shows_the_right_one(store: Store, words: list[str]) -> None:
    done = run(store, *words)
    assert done.returncode == 2
    assert "usage: airgap-envs run ENV [--] COMMAND" in done.stderr


def test_help(store: Store) -> None:
    done = run(store, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "becomes COMMAND" in done.stdout


def test_the_python_of_it_hands_over(store: Store) -> None:
    code = f"import sys; sys.path[:0] = {json.dumps(sys.path)}\n"
    code += f"from pathlib import Path\nfrom {main.__name__} import main\nmain(Path(sys.argv[1]), sys.argv[2:])"
    words = [sys.executable, "-c", code, str(store.root), "run", "demo", "--", "show", "-x"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"})
    assert done.stdout == "-x|active"
