# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""install.sh on a workstation: its shell is run for real, with drives that are right and drives that are not."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract import signature
from ansible_collections.airgap.conda.plugins.module_utils._media.kit import NAMESPACE, SIGNATURE, SUMS
from ansible_collections.airgap.conda.tests.unit.tiny_kit import (
    OLD_KEYGEN,
    ONE,
    OTHERS,
    SHELLS,
    Place,
    bare_path,
    host,
    installed,
)
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    make_key,
    release_id,
    write_tree,
)
from ansible_collections.airgap.conda.tests.unit.tiny_site import damage


@pytest.mark.parametrize("shell", SHELLS)
def test_a_workstation_gets_runtime_command_and_keys(place: Place, shell: str) -> None:
    done = place.install("--yes", str(place.drive), shell=shell, LANG="C.UTF-8")
    assert (done.returncode, done.stderr) == (0, "")
    installed(place)
    assert place.asked() == [f"install --yes {place.drive}/depot"]
    typed = [shlex.split(line.partition(":  ")[2]) for line in done.stdout.splitlines()[-4:]]
    assert typed[0] == [".", str(place.root / "demo/activate")]
    assert typed[3] == [str(place.store.command), "install", str(place.drive)]
    before = host(place)
    assert place.install("--yes", str(place.drive), shell=shell).returncode == 0
    place.log.unlink()
    assert {**host(place), "log": 0} == {**before, "log": 0}


def test_it_needs_coreutils_tar_and_gzip_only(place: Place) -> None:
    path = bare_path(place.path / "bare")
    text = place.script.read_text(encoding="utf-8")
    assert text.count("PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin") == 1
    place.script.write_text(
        text.replace("PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin", f"PATH='{path}'"), encoding="utf-8"
    )
    for words in (["--list"], ["--check", str(place.drive)], ["--yes", str(place.drive)], ["--remove", "--yes"]):
        command = [str(path / "sh"), str(place.script), *words]
        environment = {"PATH": str(path), "HOME": "/"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), words
    assert not place.root.exists()


def test_the_line_of_the_export_is_what_sha256sum_says(place: Place) -> None:
    kit = place.export()["kit"]
    done = subprocess.run(["sha256sum", "install.sh"], cwd=place.drive, capture_output=True, text=True, check=True)
    assert (kit["action"], [f"{line}\n" for line in kit["lines"]]) == ("unchanged", [done.stdout])
    shown = place.install("--list").stdout
    assert kit["lines"][0][:64] in shown
    keygen = subprocess.run(["ssh-keygen", "-lf", place.path / "key.pub"], capture_output=True, text=True, check=True)
    assert keygen.stdout.split()[1] in shown
    assert f"runtime {ONE}, demo {ONE}" in shown
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=place.drive, check=True)


@pytest.mark.parametrize("keygen", ["", "exit 127"])
def test_without_an_ssh_keygen_that_can_the_hashes_decide(place: Place, keygen: str) -> None:
    old = (
        OLD_KEYGEN
        if not keygen
        else f"#!/bin/sh\necho 'error while loading shared libraries: libcrypto' >&2\n{keygen}\n"
    )
    write_tree(place.programs("dash").parent, {"bin/ssh-keygen": old})
    (place.drive / SIGNATURE).unlink()
    done = place.install("--yes", str(place.drive))
    assert (done.returncode, done.stderr) == (0, "")
    assert "too old" in done.stdout
    installed(place)


@pytest.mark.parametrize("shell", SHELLS)
def test_check_changes_nothing(place: Place, shell: str) -> None:
    before = host(place)
    done = place.install("--check", str(place.drive), shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert host(place) == before
    place.install("--yes", str(place.drive), shell=shell)
    place.log.unlink()
    assert place.install("--check", "--env", "demo", str(place.drive), shell=shell).returncode == 0
    assert place.asked() == [f"check {place.drive}/depot --env demo"]


def _link_out(place: Place) -> None:
    shutil.move(place.drive / "kit", place.path / "elsewhere")
    (place.drive / "kit").symlink_to(place.path / "elsewhere")


def _link_of_releases(place: Place) -> None:
    shutil.move(place.drive / "depot/runtime", place.path / "elsewhere")
    (place.drive / "depot/runtime").symlink_to(place.path / "elsewhere")


def _sums_of_another(place: Place) -> None:
    key, _signers = make_key(place.path, "foreign")
    (place.drive / SIGNATURE).unlink()
    signature.sign(place.drive / SUMS, key, NAMESPACE)


def _pipe(place: Place) -> None:
    (_runtime(place) / "env.tar.gz.000").unlink()
    os.mkfifo(_runtime(place) / "env.tar.gz.000")


def _add(place: Place, more: bytes) -> None:
    (place.drive / SIGNATURE).write_bytes((place.drive / SIGNATURE).read_bytes() + more)


def _pipe_of_sums(place: Place) -> None:
    (place.drive / SUMS).unlink()
    os.mkfifo(place.drive / SUMS)


def _runtime(place: Place) -> Path:
    return place.drive / "depot/runtime" / ONE


DRIVES: dict[str, Callable[[Place], object]] = {
    "the runtime was changed": lambda place: damage(_runtime(place) / "env.tar.gz.001"),
    "its manifest was changed": lambda place: damage(_runtime(place) / "manifest.json"),
    "its signature was changed": lambda place: damage(_runtime(place) / "manifest.json.sig"),
    "a part is missing": lambda place: (_runtime(place) / "env.tar.gz.000").unlink(),
    "a part has terabytes": lambda place: os.truncate(_runtime(place) / "env.tar.gz.000", 4 << 40),
    "a part is a pipe": _pipe,
    "the command was changed": lambda place: damage(place.drive / "kit/airgap-envs"),
    "what compares was changed": lambda place: damage(place.drive / "kit/compare"),
    "what activates was changed": lambda place: damage(place.drive / "kit/scripts"),
    "the kit is a link": _link_out,
    "the releases are a link": _link_of_releases,
    "another key signed": _sums_of_another,
    "the sums were changed": lambda place: damage(place.drive / SUMS),
    "more than a signature": lambda place: _add(place, b"x"),
    "two signatures": lambda place: _add(place, (place.drive / SIGNATURE).read_bytes()),
    "there is no signature": lambda place: (place.drive / SIGNATURE).unlink(),
    "the sums are a pipe": _pipe_of_sums,
    "the sums have terabytes": lambda place: os.truncate(place.drive / SUMS, 4 << 40),
}


def _every() -> list[Any]:
    """Every drive with one shell, and a few with the others; the faults try all."""
    few = ("the runtime was changed", "a part is a pipe", "the command was changed", "the kit is a link")
    others = [pytest.param(*shell.values, what, marks=shell.marks) for shell in OTHERS for what in few]
    return [*(pytest.param("dash", what) for what in DRIVES), *others]


@pytest.mark.parametrize(("shell", "what"), _every())
def test_of_another_drive_nothing_runs_and_nothing_stays(place: Place, shell: str, what: str) -> None:
    DRIVES[what](place)
    before = host(place)
    for words in (["--check"], ["--yes"]):
        done = place.install(*words, str(place.drive), shell=shell)
        assert (done.returncode, done.stderr.count("\n")) == (1, 5), done.stderr
        assert place.asked() == []
    now = host(place)
    now.pop("it's $(odd) root", None)  # at most the state with its locks
    assert now == before
    left = {path.name for path in place.root.rglob("*")} if place.root.exists() else set()
    assert left <= {".state", "runtime", ".locks"}


def test_another_bastions_kit_is_not_taken(place: Place) -> None:
    assert place.install("--yes", str(place.drive)).returncode == 0
    before = host(place)
    shutil.rmtree(place.drive)
    place.drive.mkdir()
    shutil.rmtree(place.path / "depot")
    key, signers = make_key(place.path, "foreign")
    for name in ("key", "key.pub"):
        shutil.copy(key.with_name(name.replace("key", "foreign")), place.path / name)
    place.make("runtime", 2)
    place.make("demo", 2)
    place.export(signers=signers)
    place.take()
    done = place.install("--yes", str(place.drive))
    assert done.returncode == 1
    assert done.stderr.startswith("install.sh: This workstation trusts other keys than those of this kit\n")
    assert host(place) == before


def test_keys_that_are_known_already_stay_as_they_are(place: Place) -> None:
    more = f"{(place.path / 'key.signers').read_text(encoding='utf-8')}another ssh-ed25519 AAAA\n"
    place.pins.parent.mkdir()
    place.pins.write_text(more, encoding="utf-8")
    assert place.install("--yes", str(place.drive)).returncode == 0
    assert place.pins.read_text(encoding="utf-8") == more
    place.pins.write_text(more.replace("key@bastion", "#key@bastion", 1), encoding="utf-8")
    assert "trusts other keys" in place.install("--yes", str(place.drive)).stderr
    place.pins.unlink()
    place.pins.symlink_to(place.path / "key.signers")
    assert "keys of this workstation cannot be read" in place.install("--yes", str(place.drive)).stderr


def test_an_older_drive_brings_no_older_runtime_nor_command(place: Place) -> None:
    old = place.path / "old drive"
    shutil.copytree(place.drive, old)
    place.make("runtime", 2)
    place.export()
    kept, older = place.path / "kept", place.script
    shutil.copy(older, kept)
    place.take()
    assert place.install("--yes", str(place.drive)).returncode == 0
    place.store.command.write_bytes(place.store.command.read_bytes() + b"# newer\n")
    shutil.copy(kept, place.script)
    assert place.install("--yes", str(old)).returncode == 0
    assert place.store.current("runtime") == release_id(2)
    assert place.store.command.read_bytes().endswith(b"# newer\n")
    (place.store.release("runtime", release_id(2)) / "bin/python").write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    done = place.install("--yes", str(old))
    assert done.stderr.startswith("install.sh: The runtime of this drive is older than what this workstation has had\n")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--what"], 2, "unknown option --what"),
        (["--env"], 2, "--env needs a value"),
        (["--env="], 2, "--env needs a value"),
        (["--list", "--check"], 2, "--list and --check exclude each other"),
        (["a", "b"], 2, "more than one drive: b"),
        (["--env", "other", "DRIVE"], 1, "There is no environment of this name in this kit"),
        (["--env", "*", "DRIVE"], 1, "There is no environment of this name in this kit"),
        (["--root", "/home/ana/envs", "--yes", "DRIVE"], 1, "built for another folder"),
        (["--yes", "/nowhere"], 1, "There is no drive"),
        (["--yes", "/usr"], 1, "This is not the drive of this kit"),
        (["--yes"], 1, "This is not the drive of this kit"),
        (["DRIVE"], 1, "There is nobody to ask"),
    ],
)
def test_what_is_asked_wrongly_is_told(place: Place, words: list[str], status: int, said: str) -> None:
    before = host(place)
    done = place.install(*(str(place.drive) if word == "DRIVE" else word for word in words))
    assert (done.returncode, done.stdout.count("Install?")) == (status, 0)
    assert said in done.stderr
    assert host(place) == before


def test_help_and_an_environment_that_is_named(place: Place) -> None:
    assert "--remove" in place.install("--help").stdout
    done = place.install("-y", "--env=demo", f"--root={place.root}/", "--", str(place.drive))
    assert (done.returncode, place.asked()) == (0, [f"install --yes {place.drive}/depot --env demo"])


@pytest.mark.parametrize("answer", ["n\n", "\x03", "\x04"])
def test_a_person_who_does_not_agree_changes_nothing(place: Place, answer: str) -> None:
    before = host(place)
    status, said = in_terminal(place, answer)
    assert "Install? [y/N]" in said
    assert status == (130 if answer == "\x03" else 1)
    assert host(place) == before
    assert in_terminal(place, "y\n")[0] == 0
    installed(place)


def in_terminal(place: Place, answer: str) -> tuple[int, str]:
    """Run install.sh in a terminal, and type an answer when it asks."""
    environment = {**os.environ, "PATH": f"{place.programs('dash')}:{os.environ['PATH']}"}
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe("dash", ["dash", str(place.script), str(place.drive)], environment)  # noqa: S606 - it is a program
    said, typed = b"", False
    while True:
        ready = select.select([terminal], [], [], 1)[0]
        try:
            some = os.read(terminal, 4096) if ready else b""
        except OSError:
            break
        said += some
        # A shell that hears Ctrl-C when it is about to wait for a line does wait: a person presses it again.
        if b"[y/N] " in said and (not typed or (answer == "\x03" and not ready)):
            typed = True
            os.write(terminal, answer.encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode()


@pytest.mark.parametrize("shell", SHELLS)
def test_ctrl_c_leaves_nothing_half_done(place: Place, shell: str) -> None:
    reached = place.path / "reached"
    (place.programs(shell) / "flock").unlink(missing_ok=True)
    write_tree(place.programs(shell).parent, {"bin/flock": f"#!/bin/sh\n: >'{reached}'\nexec sleep 30\n"})
    command = [shell, *(["sh"] if shell == "busybox" else []), str(place.script), "--yes", str(place.drive)]
    environment = {"PATH": f"{place.programs(shell)}:{os.environ['PATH']}", "HOME": str(place.path)}
    with subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True) as run:
        end = time.monotonic() + 120
        while not reached.exists() and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGINT)
        said = run.communicate(timeout=20)[1]
    assert (run.returncode, said) == (130, "install.sh: interrupted; run it again to go on\n")
    assert not place.store.releases("runtime")
    assert not (place.root / ".staging").exists()
    write_tree(place.programs(shell).parent, {"bin/flock": "#!/bin/sh\n"})
    assert place.install("--yes", str(place.drive), shell=shell).returncode == 0
    installed(place)


def test_what_the_command_refuses_is_the_end(place: Place) -> None:
    Path(f"{place.log}.fails").touch()
    done = place.install("--yes", str(place.drive))
    assert (done.returncode, done.stderr) == (1, "airgap-envs: refused\n")
    assert "activate" not in done.stdout


def test_a_drive_that_changes_meanwhile_is_not_used(place: Place) -> None:
    """While the runtime is installed, for which the lock is asked first, somebody exchanges the command."""
    write_tree(
        place.programs("dash").parent, {"bin/flock": f"#!/bin/sh\necho evil >>'{place.drive}/kit/airgap-envs'\n"}
    )
    command = (place.drive / "kit/airgap-envs").read_bytes()
    assert place.install("--yes", str(place.drive)).returncode == 0
    assert (place.drive / "kit/airgap-envs").read_bytes() != command
    assert place.store.command.read_bytes() == command


LOST = "install.sh: The drive cannot be read any more\n"


@pytest.mark.parametrize("word", ["--check", "--yes"])
@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("rm -rf 'DRIVE'", LOST),
        ("rm -rf 'DRIVE'/*", LOST),
        ("echo \"dd: error reading '$2': Input/output error\" >&2; exit 1", LOST),
        ("kill -KILL $$", LOST),
        ('head -c 9 "$file"; exit', "install.sh: This drive is not as the bastion wrote it\n"),
    ],
)
def test_a_drive_that_was_pulled_is_not_called_another(place: Place, word: str, does: str, said: str) -> None:
    """While the runtime is read; dd is what reads."""
    programs, dd = place.programs("dash"), shutil.which("dd")
    does = does.replace("DRIVE", str(place.drive))
    part = f'case $1 in *env.tar.gz.000) file="${{1#if=}}"; {does} ;; esac'
    write_tree(programs.parent, {"bin/dd": f'#!/bin/sh\n{part}\nexec {dd} "$@"\n'})
    before = host(place)
    done = place.install(word, str(place.drive))
    assert (done.returncode, done.stderr.partition("  wanted")[0]) == (1, said), done.stderr
    assert place.asked() == before["log"]
    assert not place.store.releases("runtime")


def test_a_workstation_without_room_is_not_taken_for_a_bad_drive(place: Place) -> None:
    full = "dd: error writing 'standard output': No space left on device"
    part = f'case $1 in *env.tar.gz.000) echo "{full}" >&2; exit 1 ;; esac'
    write_tree(place.programs("dash").parent, {"bin/dd": f'#!/bin/sh\n{part}\nexec {shutil.which("dd")} "$@"\n'})
    done = place.install("--yes", str(place.drive))
    assert done.stderr.startswith("install.sh: The drive could not be copied to this workstation\n"), done.stderr
    assert "free space there" in done.stderr


def test_a_message_is_fit_for_a_terminal(place: Place) -> None:
    done = place.install("--env", "\x1b[2J\u202e\nother", str(place.drive))
    assert "  found:   [2J other\n" in done.stderr


def test_a_piece_of_it_does_nothing(place: Place) -> None:
    """A copy that was cut off, at the end of any of its lines."""
    lines = place.script.read_text(encoding="utf-8").splitlines(keepends=True)
    before = host(place)
    for count in (*range(100, len(lines) - 1, 40), len(lines) - 1):
        place.script.write_text("".join(lines[:count]), encoding="utf-8")
        place.install("--yes", str(place.drive))
        assert host(place) == before
