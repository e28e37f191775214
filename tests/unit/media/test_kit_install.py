# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""install.sh on a workstation: its shell is run for real, with drives that are right and drives that are not."""

from __future__ import annotations

import os
import pty
import re
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
from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import folder_fault
from ansible_collections.airgap.conda.plugins.module_utils._media.kit import NAMESPACE, SIGNATURE, SUMS
from ansible_collections.airgap.conda.tests.unit.tiny_kit import OLD_KEYGEN, Place, bare_path, stand_in
from ansible_collections.airgap.conda.tests.unit.tiny_release import (
    make_key,
    release_id,
    snapshot,
    without_locks,
    write_tree,
)
from ansible_collections.airgap.conda.tests.unit.tiny_site import damage

GUIDE = Path(__file__).parents[3] / "docs/guide/lone-workstation.md"
ONE = release_id(1)
BROKEN_KEYGEN = "#!/bin/sh\necho 'error while loading shared libraries: libcrypto.so.3' >&2\nexit 127\n"
OTHERS = [
    pytest.param("bash"),
    pytest.param("busybox", marks=pytest.mark.skipif(not shutil.which("busybox"), reason="no busybox here")),
]
SHELLS = ["dash", *OTHERS]


def host(place: Place) -> dict[str, object]:
    """What is on the workstation, but for locks."""
    there = {
        name: without_locks(place.path / name) for name in ("etc", "it's $(odd) root") if (place.path / name).exists()
    }
    return {**there, "log": place.asked()}


def installed(place: Place) -> None:
    assert (place.store.current("runtime"), place.store.releases("runtime")) == (ONE, [ONE])
    assert place.store.differences("runtime", ONE) == []
    assert os.access(place.store.command, os.X_OK)
    assert place.pins.read_text(encoding="utf-8").splitlines()[1:] == [
        (place.path / "key.signers").read_text(encoding="utf-8").strip()
    ]
    assert place.pins.stat().st_mode & 0o777 == 0o644


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
    "something follows the signature": lambda place: _add(place, b"x"),
    "a second signature follows": lambda place: _add(place, (place.drive / SIGNATURE).read_bytes()),
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
    said = b""
    while True:
        try:
            some = os.read(terminal, 4096)
        except OSError:
            break
        if not some:
            break
        said += some
        if b"[y/N] " in said and answer:
            os.write(terminal, answer.encode())
            answer = ""
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


# --- this workstation ------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_told_before_anything_is_written(place: Place) -> None:
    programs = place.programs("dash")
    before = host(place)
    for name, text, said in (
        ("uname", "echo aarch64", "found:   aarch64"),
        ("df", "printf 'x\\nnone 9 0 9 0%% /\\n'", "found:   9 KiB free"),
        ("id", "echo 4321", "found:   it belongs to user 0" if os.geteuid() == 0 else "found:   it belongs to user"),
    ):
        write_tree(programs.parent, {f"bin/{name}": f"#!/bin/sh\n{text}\n"})
        if name == "id":
            os.chown(place.path, 12, 12) if os.geteuid() == 0 else None
        done = place.install("--yes", str(place.drive))
        (programs / name).unlink()
        os.chown(place.path, os.geteuid(), os.getegid())
        if name != "id":
            assert said in done.stderr, (name, done.stderr)
        assert done.returncode == 1
        assert host(place) == before


def test_a_glibc_that_is_too_old(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(place, monkeypatch)
    place.make("runtime", 2, glibc="2.31")
    place.export()
    place.take()
    for found, status in (("2.4", 1), ("2.30", 1), ("1.99", 1), ("2.31", 0), ("2.100", 0), ("3.0", 0)):
        write_tree(place.programs("dash").parent, {"bin/getconf": f"#!/bin/sh\necho glibc {found}\n"})
        done = place.install("--check", str(place.drive))
        assert done.returncode == status, (found, done.stderr)
        if status:
            assert f"wanted:  glibc 2.31 or newer\n  found:   glibc {found}\n" in done.stderr


@pytest.mark.parametrize("owner", [0, 4321, 99])
@pytest.mark.parametrize("mode", [0o40755, 0o40777, 0o41777, 0o120777, 0o100755])
def test_folders_are_judged_as_preflight_judges_them(place: Place, owner: int, mode: int) -> None:
    write_tree(
        place.programs("dash").parent,
        {
            "bin/stat": f"#!/bin/sh\necho '{owner}:0:{mode:x}:/a b'\n",
            "bin/id": "#!/bin/sh\necho 4321\n",
        },
    )
    fault = folder_fault(owner, 0, mode, 4321)
    done = place.install("--check", str(place.drive), XDG_CONFIG_HOME=str(place.path / "etc"))
    assert (done.returncode == 1) == bool(fault), done.stderr
    if fault:
        assert "Others could exchange what is installed" in done.stderr
        assert fault.rpartition(": ")[2].split(" to ")[0] in done.stderr


def test_a_user_without_root_has_keys_of_their_own(place: Place) -> None:
    write_tree(place.programs("dash").parent, {"bin/id": f"#!/bin/sh\necho {os.geteuid() or 4321}\n"})
    if os.geteuid() == 0:  # as if it were that user's
        write_tree(place.programs("dash").parent, {"bin/stat": "#!/bin/sh\necho '4321:0:41ed:/'\n"})
    done = place.install("--yes", str(place.drive), HOME=str(place.path / "home"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (place.path / "home/.config/airgap-conda/allowed_signers").exists()
    assert not place.pins.exists()


# --- the guide, typed on a workstation -------------------------------------------------------------------------------


def type_in(place: Place, part: str) -> subprocess.CompletedProcess[str]:
    """Type what the guide says, with the paths of the test and the stand-in for the command."""
    for name, target in (("usb", place.drive), ("opt", place.root), ("home", place.path)):
        if not (place.path / name).exists() and not (place.path / name).is_symlink():
            (place.path / name).symlink_to(target)
    text = "".join(re.findall(rf"(?ms)^```sh {part}$(.*?)^```", GUIDE.read_text(encoding="utf-8")))
    for name, here in (("/media/usb", "usb"), ("/opt/conda-envs", "opt"), ("/root", "home")):
        text = text.replace(name, str(place.path / here))
    environment = {"PATH": f"{place.programs('dash')}:{os.environ['PATH']}", "HOME": str(place.path)}
    command = ["dash", "-euc", text]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_guide_leads_from_the_first_drive_to_the_removal(place: Place) -> None:
    line = place.export()["kit"]["lines"][0]
    place.script.unlink()
    done = type_in(place, "workstation-once")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{line}\n")
    installed(place)
    for part, asked in (
        ("workstation", [f"check {place.path}/usb", f"install --yes {place.path}/usb"]),
        ("rollback", ["rollback hello"]),
    ):
        place.log.unlink()
        assert type_in(place, part).returncode == 0
        assert place.asked() == asked
    done = type_in(place, "remove")
    assert (done.returncode, done.stderr) == (0, "")
    assert not place.root.exists()
    assert not place.script.exists()


# --- removal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_removal_leaves_no_trace(place: Place, shell: str) -> None:
    place.programs(shell)
    before = snapshot(place.path)
    assert place.install("--yes", str(place.drive), shell=shell).returncode == 0
    write_tree(place.root, {"demo/current": Path(ONE), f"demo/{ONE}/bin/x": "", ".state/demo/high-water": "1"})
    done = place.install("--remove", "--yes", shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert place.asked()[-1] == "remove demo --yes"
    place.log.unlink()
    assert snapshot(place.path) == before
    assert "nothing to remove" in place.install("--remove", shell=shell).stdout


def test_removal_asks_and_keeps_what_is_not_ours(place: Place) -> None:
    assert place.install("--yes", str(place.drive)).returncode == 0
    before = host(place)
    assert "nobody to ask" in place.install("--remove").stderr
    assert host(place) == before
    write_tree(place.root, {"notes": "mine", "demo/current": Path(ONE), f"demo/{ONE}/bin/x": ""})
    Path(f"{place.log}.fails").touch()
    assert place.install("--remove", "--yes").returncode == 1
    assert place.store.current("runtime") == ONE
    Path(f"{place.log}.fails").unlink()
    done = place.install("--remove", "--yes")
    assert (done.returncode, "found:   notes" in done.stderr) == (1, True)
    assert [path.name for path in place.root.iterdir()] == ["notes"]
    done = place.install("--remove", "--yes")
    assert (done.returncode, "not made by this kit" in done.stderr) == (1, True)
