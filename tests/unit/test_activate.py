# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The activation script, sourced by every shell that is here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activate import activate_script
from ansible_collections.airgap.conda.plugins.module_utils._activation import activation_scripts
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

SHELLS = [name for name in ("dash", "bash", "zsh") if shutil.which(name)] + [
    pytest.param("busybox sh", marks=pytest.mark.skipif(not shutil.which("busybox"), reason="no busybox here"))
]
OPTIONS = ["", "set -u;", "set -e;", "set -eu;"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two releases and the activation script, below a root with an unusual name."""
    folder = tmp_path / "it's $odd/demo"
    for release in ("1-00000001", "2-00000002"):
        write_tree(folder / release, {"bin/tool": f"#!/bin/sh\necho {release}\n"})
    (folder / "current").symlink_to("1-00000001")
    (folder / "activate").write_text(activate_script("demo", folder / "current"), encoding="utf-8")
    return folder


def run(shell: str, script: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a shell without the user's own settings; $PATH is /usr/bin:/bin."""
    options = ["-f"] if shell == "zsh" else []
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", "LC_ALL": "C"}
    return subprocess.run(
        [*shell.split(), *options, "-c", script], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )


def out(shell: str, script: str, cwd: Path) -> list[str]:
    done = run(shell, script, cwd)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shell", SHELLS)
def test_activate_and_deactivate(home: Path, shell: str, options: str) -> None:
    script = f'{options} . ./activate; tool; echo "$CONDA_PREFIX|$CONDA_DEFAULT_ENV|$PATH"; deactivate; '
    script += 'echo "${CONDA_PREFIX-gone}|${CONDA_DEFAULT_ENV-gone}|$PATH"; set | grep -i "^_airgap_" || :'
    prefix = home / "1-00000001"
    assert out(shell, script, home) == [
        "1-00000001",
        f"{prefix}|demo|{prefix}/bin:/usr/bin:/bin",
        "gone|gone|/usr/bin:/bin",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_an_open_shell_keeps_its_release(home: Path, shell: str) -> None:
    script = ". ./activate; rm current; ln -s 2-00000002 current; tool; . ./activate; tool; echo $PATH"
    assert out(shell, script, home) == [
        "1-00000001",
        "2-00000002",
        f"{home}/2-00000002/bin:/usr/bin:/bin",  # the first one's folder is gone from PATH
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_another_environment_takes_the_place_of_the_first(home: Path, shell: str) -> None:
    write_tree(home.parent / "other/3-00000003", {"bin/other": "#!/bin/sh\necho other\n"})
    (home.parent / "other/current").symlink_to("3-00000003")
    (home.parent / "other/activate").write_text(
        activate_script("other", home.parent / "other/current"), encoding="utf-8"
    )
    script = "set -u; . ./activate; . ../other/activate; other; command -v tool || echo no tool; deactivate; echo $PATH"
    assert out(shell, script, home) == ["other", "no tool", "/usr/bin:/bin"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_environment_is_a_message_and_status_1(home: Path, shell: str) -> None:
    (home / "current").unlink()
    done = run(shell, '. ./activate; echo "status $?, ${CONDA_PREFIX-none}, $PATH"', home)
    assert done.stdout == "status 1, none, /usr/bin:/bin\n"
    assert done.stderr == (f"airgap.conda: {home}/current is missing: deploy the environment demo to this host\n")
    assert run(shell, "set -eu; . ./activate; echo never", home).returncode == 1


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_of_packages_are_sourced_in_order(home: Path, shell: str, options: str) -> None:
    write_tree(
        home / "1-00000001/etc/conda",
        {
            "activate.d/a one.sh": 'export SEEN="a $UNSET_BY_NOBODY"\n',  # not written for set -u
            "activate.d/b.sh": 'SEEN="$SEEN b $CONDA_PREFIX"\nexport DATA="$CONDA_PREFIX/data"\n',
            "activate.d/c.csh": "setenv this is no sh\n",
            "deactivate.d/a.sh": "unset SEEN DATA\n",
        },
    )
    script = f'{options} . ./activate; echo "$SEEN|$DATA"; tool; deactivate; echo "${{SEEN-gone}} $PATH"'
    prefix = home / "1-00000001"
    assert out(shell, script, home) == [f"a  b {prefix}|{prefix}/data", "1-00000001", "gone /usr/bin:/bin"]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("former", ["", "/a:/b"])
@pytest.mark.parametrize("shell", SHELLS)
def test_the_variables_of_a_gpu_environment(home: Path, shell: str, former: str, options: str) -> None:
    variables = {
        "LD_LIBRARY_PATH": "$CONDA_PREFIX/lib:$CONDA_PREFIX/lib/python3.8/nvidia/cudnn/lib:$LD_LIBRARY_PATH",
        "XLA_FLAGS": "--xla_gpu_cuda_data_dir=$CONDA_PREFIX/lib/",
    }
    write_tree(home / "1-00000001", activation_scripts(variables))
    show = "sh -c 'echo \"${LD_LIBRARY_PATH-unset}|${XLA_FLAGS-unset}\"';"
    before = f"export LD_LIBRARY_PATH={former};" if former else ""
    script = f"{before} {options} . ./activate; {show} deactivate; {show}"
    lib = home / "1-00000001/lib"
    assert out(shell, script, home) == [
        f"{lib}:{lib}/python3.8/nvidia/cudnn/lib{former and ':' + former}|--xla_gpu_cuda_data_dir={lib}/",
        f"{former or 'unset'}|unset",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_set_u_is_as_before(home: Path, shell: str) -> None:
    write_tree(home / "1-00000001/etc/conda", {"activate.d/a.sh": ":\n"})
    assert run(shell, "set -u; . ./activate; echo $NOT_SET_AT_ALL; echo never", home).stdout == ""
    assert out(shell, '. ./activate; echo "x$NOT_SET_AT_ALL"', home) == ["x"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_child_of_a_shell_that_exports_all_can_activate(home: Path, shell: str) -> None:
    inner = shell.replace("zsh", "zsh -f")
    script = f"set -a; . ./activate; {inner} -c '. ./activate && tool'"
    assert out(shell, script, home) == ["1-00000001"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_prompt_is_given_back(home: Path, shell: str) -> None:
    script = 'PS1=\'> \'; . ./activate; echo "$PS1"; deactivate; echo "$PS1"'
    assert out(shell, script, home) == ["(demo) > ", "> "]


def test_the_shells_that_hosts_have_were_tried() -> None:
    assert {"dash", "bash"} <= {shell for shell in SHELLS if isinstance(shell, str)}
