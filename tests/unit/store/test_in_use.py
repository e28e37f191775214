# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who uses a release: shells that only stand open, processes that see the store elsewhere or are not seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.files import activate_files
from ansible_collections.airgap.conda.plugins.module_utils._store import in_use as _in_use
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import in_use, unseen, unused
from ansible_collections.airgap.conda.tests.conftest import COLLECTIONS
from ansible_collections.airgap.conda.tests.unit.tiny_processes import needs_mounts
from ansible_collections.airgap.conda.tests.unit.tiny_release import write_tree

SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell.split()[0]), reason="not here"))
    for shell in ("bash", "dash", "zsh -f", "busybox sh")
]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a look at all processes take its time on a machine that is busy."""
    monkeypatch.setattr(_in_use, "DEADLINE", 300.0)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A release with a program, and its activation."""
    folder = tmp_path / "opt/demo"
    prefix = write_tree(folder / "1-00000001", {"lib/data": "data\n" * 1000, "conda-meta/history": "==>\n"})
    (prefix / "bin").mkdir()
    shutil.copy("/bin/sleep", prefix / "bin/sleep")
    (folder / "current").symlink_to(prefix.name)
    for name, text in activate_files("demo", folder).items():
        (folder / name).write_text(text, encoding="utf-8")
    return prefix


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_that_only_stands_open_uses_its_release(prefix: Path, shell: str) -> None:
    with subprocess.Popen(
        [*shell.split(), "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
    ) as user:
        assert user.stdin is not None
        assert user.stdout is not None

        def do(line: str) -> None:
            assert user.stdin is not None
            assert user.stdout is not None
            user.stdin.write(f"{line}; echo done\n")
            user.stdin.flush()
            assert user.stdout.readline() == "done\n"

        do(":")
        assert in_use([prefix]) == {}
        do(f". {prefix.parent}/activate")
        assert in_use([prefix]) == {prefix: [user.pid]}
        do("deactivate")
        assert in_use([prefix]) == {}
        user.stdin.close()


PYTHON = f"exec {sys.executable} -IBSc '{{}}'"
WAIT = "print(flush=True); time.sleep(600)"
# What a process does with the release that it sees as ./here, and as nothing else.
USES = {
    "program": "exec here/bin/sleep 600",
    "folder": "cd here/lib; exec sleep 600",
    "root": PYTHON.format('import os, time; os.chroot("here"); time.sleep(600)'),
    "open": "exec sleep 600 <here/lib/data",
    "open folder": "exec sleep 600 <here/lib",
    "mapped": PYTHON.format(
        'import mmap, os, time; handle = os.open("here/lib/data", 0); '
        "area = mmap.mmap(handle, 0, access=mmap.ACCESS_READ); os.closerange(3, 99); time.sleep(600)"
    ),
}


@contextmanager
def elsewhere(script: str, place: Path, source: Path) -> Iterator[int]:
    """Run a script in a mount namespace where ``source`` is ./here; give its number when it is where it wants to be."""
    (place / "here").mkdir(parents=True)
    setup = 'mount --bind "$0" here && exec env -i PATH=/usr/bin:/bin sh -c "$1"'
    with subprocess.Popen(["unshare", "-m", "sh", "-c", setup, str(source), script], cwd=place) as user:
        try:
            yield user.pid
        finally:
            user.kill()


def settled(number: int) -> None:
    """Wait until a process sleeps in its last program."""
    end = time.monotonic() + 300
    while "nanosleep" not in Path(f"/proc/{number}/wchan").read_text(encoding="ascii"):
        assert time.monotonic() < end, Path(f"/proc/{number}/status").read_text(encoding="ascii")
        time.sleep(0.01)


@needs_mounts
@pytest.mark.parametrize("depth", ["", "demo", "demo/1-00000001"])
@pytest.mark.parametrize("use", USES)
def test_a_process_that_sees_the_store_under_another_name_uses_it(
    prefix: Path, tmp_path: Path, use: str, depth: str
) -> None:
    other = write_tree(prefix.parent / "2-00000002", {"lib/data": "other"})
    inside = f"here/{prefix.relative_to(tmp_path / 'opt' / depth)}".rstrip("/.")
    script = USES[use].replace("here", inside)
    with elsewhere(script, tmp_path / "place", tmp_path / "opt" / depth) as number:
        settled(number)
        assert in_use([prefix, other]) == {prefix: [number]}
    assert in_use([prefix, other]) == {}


@needs_mounts
@pytest.mark.parametrize("right", [True, False])
def test_where_proc_hides_processes_nothing_may_go(prefix: Path, right: bool) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        f"from {_in_use.__name__} import unused\n"
        "concerns = []; free = unused(Path('/'), [Path(sys.stdin.read())], concerns); print(len(free), *concerns)"
    )
    rights = "" if right else "setpriv --bounding-set=-sys_ptrace "
    script = f'mount -t proc -o hidepid=2 proc /proc && exec {rights}"$@"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-c", program]
    variables = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, input=str(prefix), env=variables)
    if right:
        assert done.stdout == "1\n"
    else:
        assert done.stdout.startswith("0 No old release was removed (demo 1-00000001), since a process may use it: ")
        assert "hidepid" in done.stdout


def test_a_user_who_cannot_see_others_leaves_what_they_may_use(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    root = prefix.parents[1]
    root.chmod(0o700)
    assert unseen(root) == ""
    monkeypatch.setattr(_in_use, "_is_private", lambda _root: False)
    concerns: list[str] = []
    assert unused(root, [prefix], concerns) == []
    assert "ordinary user" in concerns[0]
    assert unused(root, [], concerns) == []
    assert len(concerns) == 1


def test_a_process_whose_files_do_not_answer_is_not_waited_for(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for a file on a server that is away."""
    answer = threading.Event()

    def seen(_process: Path) -> tuple[set[str], set[tuple[int, int]]]:
        answer.wait(60)
        answer.set()
        return set(), set()

    monkeypatch.setattr(_in_use, "_seen", seen)
    monkeypatch.setattr(_in_use, "DEADLINE", 0.1)
    concerns: list[str] = []
    try:
        assert unused(prefix.parents[1], [prefix], concerns) == []
    finally:
        answer.set()
    assert "no end of it after" in concerns[0]
