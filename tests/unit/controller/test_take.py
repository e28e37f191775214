# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What arrives in the remote user's temporary folder is copied as a regular file of its size, or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import SIGNATURE
from ansible_collections.airgap.conda.plugins.module_utils._first.take import take_script
from ansible_collections.airgap.conda.plugins.module_utils._store.repair import repair
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store
from ansible_collections.airgap.conda.tests.unit.tiny_bare_host import SHELLS, Host
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_release import make_release

# Long enough for every machine, and less than what is waited for without the defence.
SOON = 60


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture(params=SHELLS)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Host:
    host = Host(tmp_path, request.param)
    host.tmp.mkdir()
    return host


def test_files_are_copied_and_belong_to_root_only(host: Host) -> None:
    into = host.root / ".incoming/demo/1-00000001"
    content = os.urandom(200_000)
    (host.tmp / "there").write_bytes(content)
    (host.tmp / "empty").touch()
    files = [("there", len(content), "it's here"), ("empty", 0, "empty")]
    done = host.sh(take_script(str(host.tmp), str(into), files))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name: path.read_bytes() for path in into.iterdir()} == {"it's here": content, "empty": b""}
    assert [path.stat().st_mode & 0o077 for path in (into, *into.iterdir())] == [0, 0, 0]
    # What its owner still holds open is another file, and nothing there was removed by name.
    assert (into / "it's here").stat().st_ino != (host.tmp / "there").stat().st_ino
    assert sorted(os.listdir(host.tmp)) == ["empty", "there"]


@pytest.mark.parametrize("kind", ["link", "endless", "pipe", "folder", "missing"])
def test_nothing_else_is_taken(host: Host, kind: str) -> None:
    path, into, start = host.tmp / "it", host.folder / "into", time.monotonic()
    if kind in ("link", "endless"):
        path.symlink_to("/etc/passwd" if kind == "link" else "/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    done = host.sh(take_script(str(host.tmp), str(into), [("it", 10, "it")]))
    assert (done.returncode, done.stderr) == (1, f"no regular file: {path}\n")
    assert time.monotonic() - start < SOON
    assert not list(into.iterdir())


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_nor_when_it_is_exchanged_after_the_look(host: Host, kind: str) -> None:
    """GNU dd refuses it as it opens it; busybox's cannot."""
    if host.shell != ["/bin/sh"]:
        pytest.skip("its dd has no iflag=nofollow")
    (host.tmp / "it").touch()
    exchange = "ln -sf /etc/passwd it" if kind == "link" else "rm it; mkfifo it"
    once = f"case $1 in if=/dev/null) ;; *) (cd '{host.tmp}' && {exchange}) ;; esac"
    (host.bin / "dd").write_text(f'#!/bin/sh\n{once}\nexec /bin/dd "$@"\n', encoding="ascii")
    (host.bin / "dd").chmod(0o755)
    start = time.monotonic()
    done = host.sh(take_script(str(host.tmp), str(host.folder / "into"), [("it", 10, "it")]))
    assert time.monotonic() - start < SOON
    # A pipe is empty; of what could not be read nothing stays.
    assert done.returncode == (1 if kind == "link" else 0)
    assert [path.read_bytes() for path in (host.folder / "into").iterdir()] == ([] if kind == "link" else [b""])


def test_no_more_is_read_than_there_should_be(host: Host) -> None:
    with open(host.tmp / "it", "wb") as stream:
        stream.truncate(1 << 42)
    assert host.sh(take_script(str(host.tmp), str(host.folder / "into"), [("it", 10, "it")])).returncode == 0
    assert (host.folder / "into/it").stat().st_size == 65536


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_an_earlier_version_moved_there_is_not_written_through(host: Host, kind: str) -> None:
    into, elsewhere = host.folder / "into", host.folder / "elsewhere"
    into.mkdir()
    elsewhere.write_text("kept", encoding="ascii")
    (host.tmp / "it").write_text("new", encoding="ascii")
    if kind == "link":
        (into / "it").symlink_to(elsewhere)
    else:
        (into / "it/deep").mkdir(parents=True)
    assert host.sh(take_script(str(host.tmp), str(into), [("it", 3, "it")])).returncode == 0
    assert elsewhere.read_text(encoding="ascii") == "kept"
    assert (into / "it").read_text(encoding="ascii") == "new"


@pytest.mark.parametrize("kind", ["link", "other"])
def test_a_signature_that_is_not_the_verified_one_is_not_recorded(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path / "opt")
    made = make_release(tmp_path / "depot", store.root)
    signature = made.result["signature_sha256"]
    secret = tmp_path / "secret"
    secret.write_text("for root only", encoding="ascii")

    def plant() -> None:
        path = made.send(store) / SIGNATURE
        path.unlink()
        if kind == "link":
            path.symlink_to(secret)
        else:
            path.write_text("for root only", encoding="ascii")

    plant()
    with raised("file-damaged") as caught, store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst", signature)
    assert caught.value.where.endswith(SIGNATURE)
    made.send(store)
    with store.lock("demo"):
        store.install("demo", made.manifest.id, made.sha256, "tar.zst", signature)
        store.switch("demo", made.manifest.id)
    record = store.state("demo") / made.manifest.id / SIGNATURE
    before = record.read_bytes()
    record.unlink()
    plant()
    with raised("file-damaged"):
        repair(store, "demo", ["tar.zst"], made.wanted)
    assert not record.exists()
    store.clear_incoming("demo", made.manifest.id)
    made.send(store)
    repair(store, "demo", ["tar.zst"], made.wanted)
    assert record.read_bytes() == before
