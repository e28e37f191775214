# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The activation script, sourced by every shell that is here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.script import activate_script
from ansible_collections.airgap.conda.plugins.module_utils._activation.variables import USER_SITE, activation_scripts
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
def test_another_environment_takes_the_place_of_the_first_until_deactivate(home: Path, shell: str) -> None:
    write_tree(home.parent / "other/3-00000003", {"bin/other": "#!/bin/sh\necho other\n"})
    (home.parent / "other/current").symlink_to("3-00000003")
    (home.parent / "other/activate").write_text(
        activate_script("other", home.parent / "other/current"), encoding="utf-8"
    )
    script = "set -u; . ./activate; . ../other/activate; other; command -v tool || echo no tool; deactivate; tool; "
    script += "deactivate; echo $PATH"
    assert out(shell, script, home) == ["other", "no tool", "1-00000001", "/usr/bin:/bin"]


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


# What users define, and tools that hook into shells. The special ones are no names of functions in dash and busybox.
NAMES = ["cd", "pwd", "test", "echo", "printf", "hash", "readlink", "ls", "sh", "env"]
SPECIAL = ["unset", "export", "set", "eval", "exec", ".", "[", ":", "shift"]


@pytest.mark.parametrize("kind", ["function", "alias"])
@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_user_has_given_the_name_of_a_command_changes_nothing(home: Path, shell: str, kind: str) -> None:
    write_tree(home / "1-00000001", activation_scripts({"SEEN": "$CONDA_PREFIX/x"}))
    end = "--" if shell in ("bash", "zsh") else ""
    form = f"alias {end} '{{name}}'='false wrong'" if kind == "alias" else "{name}() {{ /bin/echo wrong; return 1; }}"
    (home / "show").write_text('/bin/echo "$1|$CONDA_PREFIX|$SEEN|${PATH%%/bin*}"\n', encoding="utf-8")
    prefix = home / "1-00000001"
    for name in NAMES + (SPECIAL if shell in ("bash", "zsh") else []):
        (home / "rc").write_text(form.format(name=name) + "\n", encoding="utf-8")
        start = "shopt -s expand_aliases\n" if shell == "bash" else ""
        dot = "builtin ." if shell in ("bash", "zsh") else "\\."
        script = f"{start}. ./rc\n{dot} ./activate\n{dot} ./show\ndeactivate\n/bin/echo ${{CONDA_PREFIX-gone}} $PATH"
        assert out(shell, script, home) == [f"|{prefix}|{prefix}/x|{prefix}", "gone /usr/bin:/bin"], name


@pytest.mark.parametrize(
    "setting", ["CDPATH=/usr:/", "IFS=/9u-", "set -f", "set -C", "export CDPATH=/ IFS=e", "POSIXLY_CORRECT=1"]
)
@pytest.mark.parametrize("shell", SHELLS)
def test_settings_of_a_shell_change_nothing_and_stay(home: Path, shell: str, setting: str) -> None:
    write_tree(home / "1-00000001", activation_scripts({"SEEN": "$CONDA_PREFIX/x"}))
    prefix = home / "1-00000001"
    script = f'{setting}; before="$-$IFS"; . ./activate; tool; echo "$CONDA_PREFIX|$SEEN"; deactivate; '
    script += '[ "$before" = "$-$IFS" ] || echo changed; echo "${SEEN-gone}"'
    assert out(shell, script, home) == ["1-00000001", f"{prefix}|{prefix}/x", "gone"]


# --- a file of the release is held open ------------------------------------------------------------------------------

# What the shell itself has open below ./: the file with which it holds its release.
HELD = 'for fd in /proc/$$/fd/?; do readlink "$fd" || :; done | sed -n "s:^$PWD/::p"; '


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shell", SHELLS)
def test_an_active_shell_holds_a_file_of_its_release(home: Path, shell: str, options: str) -> None:
    write_tree(home / "2-00000002", {"conda-meta/history": "", "conda-meta/a.json": ""})
    held, second = "1-00000001/bin/tool", "2-00000002/conda-meta/a.json"
    assert out(shell, f"{options} . ./activate; {HELD} deactivate; {HELD} :", home) == [held]
    script = f"{options} . ./activate; rm current; ln -s 2-00000002 current; {HELD} . ./activate; {HELD} "
    assert out(shell, f"{script} deactivate; {HELD} :", home) == [held, second]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_held_is_passed_on_and_is_no_folder(home: Path, shell: str) -> None:
    inner = shell.replace("zsh", "zsh -f")
    assert out(shell, f". ./activate; {inner} -c '{HELD} :'", home) == ["1-00000001/bin/tool"]
    (home / "1-00000001/bin/tool").unlink()
    assert out(shell, f". ./activate; {HELD} echo $CONDA_DEFAULT_ENV; deactivate", home) == ["demo"]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_script_has_open_stays_its_own(home: Path, shell: str) -> None:
    (home / "mine").touch()
    script = f"exec 9<mine; . ./activate; {HELD} deactivate; {HELD} exec 9<&-; echo; "
    script += f". ./activate; exec 9<mine; deactivate; {HELD} :"
    seen = out(shell, script, home)
    assert seen == ["1-00000001/bin/tool", "mine", "mine", "", "mine"]
    everything = "exec 3<mine 4<mine 5<mine 6<mine 7<mine 8<mine 9<mine; . ./activate; deactivate; "
    assert out(shell, f"{everything} {HELD} :", home) == ["mine"] * 7


# --- packages of the user's own --------------------------------------------------------------------------------------

USER = "sh -c 'echo \"${PYTHONNOUSERSITE-unset}\"'; "


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("former", [None, "", "0"])
@pytest.mark.parametrize("shell", SHELLS)
def test_the_packages_of_a_user_stay_out_until_deactivate(
    home: Path, shell: str, former: str | None, options: str
) -> None:
    before = "" if former is None else f"export PYTHONNOUSERSITE={former}; "
    kept = "unset" if former is None else former
    assert out(shell, f"{before}{options} . ./activate; {USER} deactivate; {USER}", home) == ["1", kept]
    twice = f"{before}{options} . ./activate; . ./activate; {USER} deactivate; {USER}"
    assert out(shell, twice, home) == ["1", kept]


@pytest.mark.parametrize("former", [None, "", "1"])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_release_may_leave_the_packages_of_a_user_in(home: Path, shell: str, former: str | None) -> None:
    write_tree(home / "1-00000001", activation_scripts({}, user_site=True))
    assert (home / "1-00000001" / USER_SITE).is_file()
    before = "" if former is None else f"export PYTHONNOUSERSITE={former}; "
    kept = "unset" if former is None else former
    assert out(shell, f"{before} . ./activate; {USER} deactivate; {USER}", home) == [kept, kept]


# --- as conda does it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("former", ["unset PATH", "PATH="])
@pytest.mark.parametrize("shell", SHELLS)
def test_an_empty_path_leaves_no_empty_item(home: Path, shell: str, former: str) -> None:
    assert out(shell, f"{former}; . ./activate; /bin/echo $PATH", home) == [f"{home}/1-00000001/bin"]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_that_fails_ends_no_shell(home: Path, shell: str, options: str) -> None:
    write_tree(
        home / "1-00000001/etc/conda",
        {
            "activate.d/a.sh": "return 3\n",
            "activate.d/b.sh": "set -e -u\nexport B=1\n",  # what it sets does not stay with the user
            "activate.d/c.sh": 'export C="$UNSET"\n',
            # dash and busybox end at this whatever stands around the dot, as they do with conda.
            "activate.d/d.sh": "set -e\nreturn 4\n" if shell in ("bash", "zsh") else ":\n",
            "deactivate.d/a.sh": "unset B C\nfalse\n",
        },
    )
    script = f'{options} before=$-; . ./activate; /bin/echo "$B$C"; [ "$before" = "$-" ] || /bin/echo "$before $-"; '
    assert out(shell, f"{script} deactivate; /bin/echo ${{B-gone}}", home) == ["1", "gone"]


@pytest.mark.parametrize("options", ["set -f; ", ""])
@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_of_packages_expand_patterns(home: Path, shell: str, options: str) -> None:
    script = 'for file in "$CONDA_PREFIX"/bin/*; do export FOUND="$file"; done\n'
    write_tree(home / "1-00000001/etc/conda/activate.d", {"a.sh": script})
    assert out(shell, f"{options}. ./activate; echo $FOUND", home) == [f"{home}/1-00000001/bin/tool"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_path_of_the_user_stays(home: Path, shell: str) -> None:
    script = ". ./activate; PATH=/mine:$PATH:/last; deactivate; echo $PATH"
    assert out(shell, script, home) == ["/mine:/usr/bin:/bin:/last"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_prompt_that_the_user_changed_stays(home: Path, shell: str) -> None:
    script = 'PS1=\'> \'; . ./activate; PS1="x$PS1"; . ./activate; echo "$PS1"; deactivate; echo "$PS1"'
    assert out(shell, script, home) == ["(demo) x> ", "x> "]


# An environment of the user's own, as conda's hook leaves it.
CONDA = (
    "export CONDA_PREFIX=/mini CONDA_SHLVL=1 CONDA_DEFAULT_ENV=base CONDA_PROMPT_MODIFIER='(base) ' PS1='(base) > '; "
    "export PATH=/mini/bin:/mini/condabin:$PATH; "
)
STATE = 'echo "$CONDA_PREFIX|${CONDA_PREFIX_1-}|$CONDA_SHLVL|$CONDA_DEFAULT_ENV|$CONDA_PROMPT_MODIFIER|$PS1|$PATH"; '


@pytest.mark.parametrize("shell", SHELLS)
def test_an_environment_of_conda_comes_back(home: Path, shell: str) -> None:
    prefix = home / "1-00000001"
    before = "/mini||1|base|(base) |(base) > |/mini/bin:/mini/condabin:/usr/bin:/bin"
    assert out(shell, f"{CONDA}{STATE} . ./activate; {STATE} deactivate; {STATE}", home) == [
        before,
        f"{prefix}|/mini|2|demo|(demo) |(demo) > |{prefix}/bin:/mini/condabin:/usr/bin:/bin",
        before,
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_newer_release_takes_the_place_of_the_older(home: Path, shell: str) -> None:
    script = f". ./activate; rm current; ln -s 2-00000002 current; . ./activate; {STATE} deactivate; "
    script += 'echo "${CONDA_SHLVL-none}|$PATH"; set | grep -i "^_airgap_" || :'
    prefix = home / "2-00000002"
    assert out(shell, f"PS1='> '; {script}", home) == [
        f"{prefix}||1|demo|(demo) |(demo) > |{prefix}/bin:/usr/bin:/bin",
        "none|/usr/bin:/bin",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_in_a_child_shell_it_is_not_nested(home: Path, shell: str) -> None:
    inner = shell.replace("zsh", "zsh -f")
    (home / "child").write_text(f'PS1=; . ./activate; {STATE} deactivate; echo "$PATH"\n', encoding="utf-8")
    prefix = home / "1-00000001"
    assert out(shell, f". ./activate; {inner} ./child", home) == [
        f"{prefix}||1|demo|(demo) ||{prefix}/bin:/usr/bin:/bin",
        "/usr/bin:/bin",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_level_that_is_no_number_is_none(home: Path, shell: str) -> None:
    script = "export CONDA_PREFIX=/x CONDA_SHLVL=many; . ./activate; echo $CONDA_SHLVL; deactivate; echo $PATH"
    assert out(shell, script, home) == ["1", "/usr/bin:/bin"]


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_come_in_the_order_of_bytes_and_go_backwards(home: Path, shell: str) -> None:
    names = ["10", "9", "B", "_x", "a", "~z"]
    for folder in ("activate.d", "deactivate.d"):
        write_tree(home / "1-00000001/etc/conda" / folder, {f"{name}.sh": f'SEEN="$SEEN {name}"\n' for name in names})
    script = "SEEN=; . ./activate; echo $SEEN; SEEN=; deactivate; echo $SEEN".replace("$SEEN", '"$SEEN"')
    assert out(shell, script, home) == [f" {' '.join(names)}", f" {' '.join(reversed(names))}"]


@pytest.mark.parametrize("shell", SHELLS)
def test_two_environments_hold_two_files(home: Path, shell: str) -> None:
    write_tree(home.parent / "other/3-00000003", {"bin/other": ""})
    (home.parent / "other/current").symlink_to("3-00000003")
    (home.parent / "other/activate").write_text(
        activate_script("other", home.parent / "other/current"), encoding="utf-8"
    )
    held = HELD.replace("$PWD", "${PWD%/*}")
    script = f". ./activate; . ../other/activate; {held} echo; deactivate; {held} echo; deactivate; {held} :"
    seen = out(shell, script, home)
    assert sorted(seen[:2]) == ["demo/1-00000001/bin/tool", "other/3-00000003/bin/other"]
    assert seen[2:] == ["", "demo/1-00000001/bin/tool", ""]


def test_the_shells_that_hosts_have_were_tried() -> None:
    assert {"dash", "bash"} <= {shell for shell in SHELLS if isinstance(shell, str)}
