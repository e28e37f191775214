# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Python-free first step in a temporary folder whose owner exchanges things, on a host whose Python hangs."""

from __future__ import annotations

import io
import multiprocessing
import os
import shutil
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._activation.files import activate_files
from ansible_collections.airgap.conda.plugins.module_utils._first import install as _install
from ansible_collections.airgap.conda.plugins.module_utils._first import look as _look
from ansible_collections.airgap.conda.tests.unit.tiny_bare_host import SHELLS, Host
from ansible_collections.airgap.conda.tests.unit.tiny_release import TREE, release_id, write_tree

FORK = multiprocessing.get_context("fork")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
NOBODY = 65534
SECRET = "for root only"  # noqa: S105 - nobody's password
# Long enough for every machine, and less than what is waited for without the defence.
SOON = 60
HANGS = "#!/bin/sh\ntrap '' TERM INT HUP\nexec sleep 120\n"


pytestmark = [pytest.mark.usefixtures("quick_disk"), pytest.mark.slow]


@pytest.fixture(params=SHELLS)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Host:
    return Host(tmp_path, request.param)


def evil_part() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in ("bin/python", "evil"):
            member = tarfile.TarInfo(name)
            member.mode, member.size = 0o755, len(b"#!/bin/sh\n")
            archive.addfile(member, io.BytesIO(b"#!/bin/sh\n"))
    return stream.getvalue()


def wrap(host: Host, program: str, after: str) -> None:
    """Let ``after`` happen on the host each time that ``program`` was run."""
    real = shutil.which(program) if host.shell == ["/bin/sh"] else f"busybox {program}"
    (host.bin / program).unlink(missing_ok=True)
    write_tree(host.folder, {f"bin/{program}": f'#!/bin/sh\n{real} "$@"\nstatus=$?\n{after}\nexit $status\n'})


def is_told(host: Host, text: str) -> bool:
    """Tell whether ``text`` is anywhere below the root."""
    return any(text.encode() in path.read_bytes() for path in host.root.rglob("*") if path.is_file())


def test_what_is_exchanged_after_it_was_hashed_is_not_unpacked(host: Host) -> None:
    made = host.make(1, part_size=1 << 20)
    (host.folder / "evil").write_bytes(evil_part())
    wrap(host, "sha256sum", f"cp '{host.folder}/evil' '{host.tmp}/env.tar.gz'")
    done = host.install(made)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (host.store.release("runtime", release_id(1)) / "evil").exists()
    assert host.store.differences("runtime", release_id(1)) == []


@pytest.mark.parametrize(
    "name", ["manifest.json", "manifest.json.sig", "files.json.zst", "env.tar.gz", "compare", "scripts"]
)
@pytest.mark.parametrize("kind", ["link", "endless", "pipe", "folder", "huge", "missing"])
def test_only_regular_files_of_the_right_size_are_taken(host: Host, name: str, kind: str) -> None:
    made = host.make(1, part_size=1 << 20)
    host.send(made)
    secret, path = host.folder / "secret", host.tmp / name
    secret.write_text(SECRET, encoding="ascii")
    path.unlink()
    if kind in ("link", "endless"):
        path.symlink_to(secret if kind == "link" else "/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "huge":
        with open(path, "wb") as stream:
            stream.truncate(1 << 42)
    start = time.monotonic()
    done = host.install(made, send=False)
    assert time.monotonic() - start < SOON
    assert done.returncode == 1
    wanted = f"not as it was signed: {name}: FAILED" if kind == "huge" else f"no regular file: {host.tmp}/{name}"
    assert done.stderr == f"{wanted}\n"
    assert host.rest().keys() == {".state", ".state/runtime"}


@pytest.mark.parametrize("name", ["activate", "activate.csh", "activate.fish"])
def test_activate_is_not_taken_from_the_users_folder(host: Host, name: str) -> None:
    made = host.make(1)
    host.send(made)
    secret = host.folder / "secret"
    secret.write_text(SECRET, encoding="ascii")
    (host.tmp / name).symlink_to(secret)
    assert host.install(made, send=False).returncode == 0
    for script, text in activate_files("runtime", host.root / "runtime").items():
        assert (host.root / "runtime" / script).read_text(encoding="utf-8") == text
    assert not is_told(host, SECRET)


def _exchange(tmp: Path, name: str, secret: Path, ready: Any, done: Any) -> None:
    """Put, as an ordinary user, one thing after another in the place of a file."""
    os.chdir(tmp)  # the folders above it are pytest's, for its user only
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    shutil.copyfile(name, "good")
    number = 0
    while not done.is_set():
        number += 1
        with suppress(OSError):
            if number % 3 == 0:
                os.symlink(secret, "new")
            else:
                os.link("good" if number % 3 == 1 else "evil", "new")
            os.rename("new", name)
        ready.set()


@as_root
@pytest.mark.parametrize("name", ["env.tar.gz", "manifest.json.sig"])
def test_a_user_who_exchanges_a_file_all_the_time_gets_nothing(host: Host, name: str) -> None:
    made, secret = host.make(1, part_size=1 << 20), host.folder / "secret"
    secret.write_text(SECRET, encoding="ascii")
    secret.chmod(0o600)
    counts = {0: 0, 1: 0}
    for _round in range(8):
        host.send(made)
        (host.tmp / "evil").write_bytes(evil_part())
        for path in [host.tmp, *host.tmp.iterdir()]:
            os.chown(path, NOBODY, NOBODY)
        ready, done = FORK.Event(), FORK.Event()
        user = FORK.Process(target=_exchange, args=(host.tmp, name, secret, ready, done))
        user.start()
        try:
            assert ready.wait(300)
            installed = host.install(made, send=False)
        finally:
            done.set()
            user.join()
        counts[installed.returncode] += 1
        if installed.returncode == 0:
            assert host.store.differences("runtime", release_id(1)) == []
            shutil.rmtree(host.root)
        assert SECRET not in installed.stderr
        assert not is_told(host, SECRET)
    assert sum(counts.values()) == 8


@pytest.mark.parametrize("damage", ["printf x >>lib/data.txt", "touch more", "rm share -r", "chmod 4755 bin/python"])
def test_a_tree_that_is_not_the_signed_one_does_not_become_current(host: Host, damage: str) -> None:
    """As it is after a disk that lost something, or an archive that holds something else than the list."""
    made = host.make(1, tree={**TREE, "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'})
    assert host.install(made).returncode == 0
    shutil.rmtree(host.root)
    wrap(host, "tar", f"cd '{host.folder}'/it*/.staging/runtime/tree && {damage}")
    done = host.install(made)
    assert done.returncode == 1
    assert "is not as it was signed. Wanted: " in done.stderr
    assert host.rest().keys() == {".state", ".state/runtime"}


def test_a_release_that_was_damaged_where_it_is_gets_replaced(host: Host) -> None:
    made = host.bring(1, tree={**TREE, "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'})
    (host.store.release("runtime", release_id(1)) / "lib/data.txt").write_text("other", encoding="ascii")
    assert host.install(made).returncode == 0
    assert host.store.differences("runtime", release_id(1)) == []


def test_a_python_that_hangs_holds_nobody(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_look, "START_LIMIT", 1)
    monkeypatch.setattr(_install, "INSTALL_LIMIT", 1)
    made = host.bring(1)
    start = time.monotonic()
    (host.store.release("runtime", release_id(1)) / "bin/python").write_text(HANGS, encoding="ascii")
    assert "works" not in host.look()
    done = host.install(host.make(2, tree={**TREE, "bin/python": HANGS}))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("/bin/python did not end within 1 s")
    assert host.store.current("runtime") == made.manifest.id
    assert host.install(made).returncode == 0  # it replaces the one that hangs
    assert time.monotonic() - start < SOON
