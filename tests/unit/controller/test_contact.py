# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shell for a host whose login shell nobody knows, and what is taken for its answer."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import VALUE
from ansible_collections.airgap.conda.plugins.module_utils._first import install as _install
from ansible_collections.airgap.conda.plugins.module_utils._first import look as _look
from ansible_collections.airgap.conda.plugins.plugin_utils import _bootstrap, _contact, _host_action, _links
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard, command, listen, new_mark
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import Made, make_release

LOGIN = ("sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "tcsh", "csh", "busybox sh")
ODD = """it's "odd" $(touch x) `id` !! %s \\n {a,b} ~ * caf\u00e9"""
# Seconds that nothing here takes unless something hangs.
SOON = 30


def wrapped(line: str, become: bool) -> str:
    """Return a command as ansible-core sends it, and as sudo, su and doas get it."""
    if become:
        line = f"env DEMO=1 /bin/sh -c {shlex.quote(f'echo BECOME-SUCCESS-x ; {line}')}"
    return f"/bin/sh -c {shlex.quote(f'{line} && sleep 0')}"


def told(
    script: str, names: str = "x|y", login: str = "sh", become: bool = False, limit: int = 0, **environment: str
) -> Heard:
    mark = new_mark()
    functions = {f"BASH_FUNC_{name}%%": environment.pop(name) for name in [*environment] if name == "readlink"}
    done = subprocess.run(
        [*login.split(), "-c", wrapped(command(script, mark, limit), become)],
        capture_output=True, env={**os.environ, **environment, **functions}, check=False, timeout=2 * SOON,
    )  # fmt: skip
    assert done.stderr == b""
    return listen(done.stdout.decode(), mark, names)


@pytest.mark.parametrize("become", [False, True])
@pytest.mark.parametrize("limit", [0, SOON])
@pytest.mark.parametrize("login", LOGIN)
def test_every_login_shell_runs_the_same(tmp_path: Path, login: str, limit: int, become: bool) -> None:
    if not shutil.which(login.split(maxsplit=1)[0]):
        pytest.skip(f"no {login} here")
    script = f"cd {shlex.quote(str(tmp_path))}\nsay x {shlex.quote(ODD)}\n# it's a comment\nexit 3"
    heard = told(script, login=login, limit=limit, become=become)
    assert (heard.first(), heard.text, heard.status) == ({"x": ODD}, "", 3)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_release(tmp_path_factory.mktemp("depot"), Path("/opt/conda-envs"), env="runtime", formats=("tar.gz",))


def test_the_longest_command_fits_the_csh_of_bsd(runtime: Made) -> None:
    script = _install.install_script("/opt/conda-envs", "/home/somebody/.ansible/tmp/" + "x" * 60, runtime.wanted)
    assert len(wrapped(command(script, new_mark()), become=True)) < 8_000


def test_a_command_that_no_host_takes_is_not_sent() -> None:
    with raised("command-too-long") as caught:
        command(f"# {os.urandom(200_000).hex()}", new_mark())
    assert "build_part_size" in caught.value.remedy


# --- what surrounds the answer ---------------------------------------------------------------------------------------

FAKE = "works=yes\ncurrent=9-99999999\nairgap-000000000000000000000000 current=9-99999999\n"
AROUND = {
    "nothing": ("", ""),
    "a banner that fakes": (f"begin\n{FAKE}", FAKE),
    "a title without an end of line": ("\x1b]0;ws1\x07", "\x1b]0;ws1\x07"),
    "a lecture": ("We trust you have received the usual lecture\nsudo: unable to resolve host ws1\n", ""),
    "a terminal": ("\r\nLast login: today\r\n", "\r\nlogout\r\n"),
    "bytes that are no text": ("\udcff\x00", "\udcff"),
}


@pytest.mark.parametrize("lines", ["\n", "\r\n"])
@pytest.mark.parametrize("around", AROUND)
def test_what_surrounds_the_answer_is_no_part_of_it(around: str, lines: str) -> None:
    before, after = AROUND[around]
    mark = new_mark()
    said = f"\n{mark} begin\n{mark} current=1-00000001\nsome message\n{mark} other=9\n{mark} end=0\n"
    heard = listen(before + said.replace("\n", lines) + after, mark, _look.LOOKED)
    assert (heard.first(), heard.text, heard.status) == ({"current": "1-00000001"}, "some message", 0)
    assert _bootstrap.parse_look(heard, "/opt") == {"current": "1-00000001", "root": "/opt"}


@pytest.mark.parametrize("said", ["", FAKE, "{other} begin\n{other} works=yes\n{other} end=0\n", "x{mark} begin\n"])
def test_what_bears_no_mark_is_no_answer(said: str) -> None:
    mark = new_mark()
    heard = listen(said.format(mark=mark, other=new_mark()), mark, ".*")
    assert (heard.values, heard.begun, heard.status) == ((), False, -1)


def test_a_trace_of_the_shell_is_no_answer() -> None:
    heard = told("set -x\nsay x 1")
    assert (heard.values, heard.status) == ((("x", "1"),), 0)
    assert "+ say x 1" in heard.text


def test_an_answer_is_bounded() -> None:
    many = "".join(f"m x={number}\n" for number in range(10_000))
    heard = listen(f"m begin\n{many}m end=0\n", "m", "x")
    assert len(heard.values) == _contact.VALUES
    assert heard.status == 0
    heard = listen(f"m begin\nm x={'9' * 10**6}\nm x=a\x1b\u202eb\n{'z' * 10**6}\nm end=7777\n", "m", "x")
    assert max(len(value) for value in heard.of("x")) <= VALUE
    assert list(heard.of("x"))[1:] == ["a  b"]
    assert (len(heard.text) < 5_000, heard.status) == (True, -1)


def test_a_value_with_an_end_of_line_forges_no_other() -> None:
    heard = told("say x \"$(printf '1\\nm y=2\\ny=3')\"")
    assert heard.values == (("x", "1"),)


# --- where it runs ---------------------------------------------------------------------------------------------------


def test_the_users_environment_does_not_reach_it(tmp_path: Path) -> None:
    (tmp_path / "readlink").write_text("#!/bin/sh\necho hijacked\n", encoding="ascii")
    (tmp_path / "readlink").chmod(0o755)
    (tmp_path / "link").symlink_to("target")
    script = (
        f'say x "$(readlink {tmp_path}/link) $LC_ALL $CDPATH $TMPDIR $TAR_OPTIONS"\nsay y "$HOME"\ncommand -v useradd'
    )
    heard = told(
        script, LC_ALL="de_DE.UTF-8", CDPATH="/usr", TMPDIR="/nowhere", TAR_OPTIONS="--wrong", HOME="/home/x",
        PATH=f"{tmp_path}:/usr/bin:/bin", ENV=str(tmp_path / "rc"), BASH_ENV=str(tmp_path / "rc"),
    )  # fmt: skip
    assert heard.first() == {"x": "target C   ", "y": "/home/x"}
    assert heard.text == "/usr/sbin/useradd"


def test_options_and_functions_of_a_shell_do_not_reach_it() -> None:
    heard = told(
        "set -- 1\nsay x \"$-\"\nsay y \"$(readlink /proc/self/cwd >/dev/null && echo fine)\"",
        login="bash", SHELLOPTS="errexit:nounset:noclobber", readlink="() { return 1; }",
    )  # fmt: skip
    assert heard.first()["y"] == "fine"
    assert not {*"euC"} & {*heard.first()["x"]}


def test_a_script_gets_no_input() -> None:
    assert told('read -r line\nsay x "$line."').first() == {"x": "."}


@pytest.mark.parametrize("become", [False, True])
@pytest.mark.parametrize("login", LOGIN)
def test_a_script_that_is_fed_gets_all_of_its_input(tmp_path: Path, login: str, become: bool) -> None:
    if not shutil.which(login.split(maxsplit=1)[0]):
        pytest.skip(f"no {login} here")
    mark, data = new_mark(), os.urandom(300_000)
    place = tmp_path / "it's here"
    script = f"say x {shlex.quote(ODD)}\ncat >{shlex.quote(str(place))}\nexit 3"
    done = subprocess.run(
        [*login.split(), "-c", wrapped(command(script, mark, fed=True), become)],
        input=data, capture_output=True, check=False, timeout=SOON,
    )  # fmt: skip
    heard = listen(done.stdout.decode(), mark, "x")
    assert (done.stderr, heard.first(), heard.text, heard.status) == (b"", {"x": ODD}, "", 3)
    assert place.read_bytes() == data


# --- what hangs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stuck", ["sleep 60", "trap '' TERM INT HUP; sleep 60 & wait; wait"])
def test_what_hangs_is_left_behind_and_named(stuck: str) -> None:
    start = time.monotonic()
    heard = told(f"say at 'df of /mnt/dead'\nsay x 1\n{stuck}", limit=1)
    assert time.monotonic() - start < SOON
    assert (heard.values, heard.status, heard.at) == ((("x", "1"),), -1, "df of /mnt/dead")
    error = _host_action.unheard("look at the host", "ws1", heard, 1)
    assert (error.wanted, error.found) == ("an answer within 1 s", "none; it was at df of /mnt/dead")


def test_nor_is_the_end_waited_for_of_what_cannot_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process in an uninterruptible call: here one that left the group that is killed."""
    monkeypatch.setattr(_contact, "LATER", 1)
    start = time.monotonic()
    heard = told("setsid sleep 60", limit=1)
    assert time.monotonic() - start < SOON
    assert heard.status == -1


def test_what_a_host_prints_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_contact, "HEARD", 1 << 12)
    heard = told("say x 1\nwhile :; do echo flood; done", limit=SOON)
    assert (heard.values, heard.status) == ((("x", "1"),), -1)


# --- the links of a store --------------------------------------------------------------------------------------------


def test_the_links_are_read_where_no_python_is(tmp_path: Path) -> None:
    root = tmp_path / "it's $(odd) root"
    for env, release in (
        ("demo", "1-00000001"),
        ("runtime", "2-00000002"),
        ("caf\u00e9", "x"),
        (".state", "1-00000001"),
    ):
        (root / env).mkdir(parents=True)
        (root / env / "current").symlink_to(release)
    (root / "empty").mkdir()
    (root / "odd\nx").mkdir()
    (root / "odd\nx/current").symlink_to("1-00000001")
    heard = told(_links.links_script(str(root)), _links.SAID, login="dash", limit=SOON)
    parsed = _links.parse_links(heard)
    assert heard.status == 0  # a name with an end of line in it is two: neither is a value of its own
    assert [(link["env"], link["release"]) for link in parsed["links"]][:2] == [
        ("demo", "1-00000001"), ("odd", "1-00000001"),
    ]  # fmt: skip
    assert parsed["links"][0]["since"] == int((root / "demo/current").lstat().st_mtime)
    assert {"demo", "runtime", "caf?"} <= {*parsed["envs"]}


def test_no_store_is_no_link_and_no_permission_is_a_failure(tmp_path: Path) -> None:
    heard = told(_links.links_script(str(tmp_path / "no")), _links.SAID)
    assert (heard.status, _links.parse_links(heard)) == (0, {"envs": [], "links": []})
    (tmp_path / "file").touch()
    heard = told(_links.links_script(str(tmp_path / "file")), _links.SAID)
    assert heard.status == 1
    assert "cd" in heard.text
