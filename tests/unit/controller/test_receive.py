# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a command gets as its input becomes files of the store, whole or not at all."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.airgap.conda.plugins.module_utils._first.receive import ARRIVING, RECEIVED, receive_script
from ansible_collections.airgap.conda.plugins.plugin_utils import _feed
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard, listen, marked, new_mark
from ansible_collections.airgap.conda.plugins.plugin_utils._feed import Feed
from ansible_collections.airgap.conda.plugins.plugin_utils._host_action import HostAction
from ansible_collections.airgap.conda.plugins.plugin_utils._transport import File, Missing
from ansible_collections.airgap.conda.plugins.plugin_utils._transport_push import Push
from ansible_collections.airgap.conda.tests.unit.tiny_bare_host import SHELLS, Host
from ansible_collections.airgap.conda.tests.unit.tiny_errors import raised
from ansible_collections.airgap.conda.tests.unit.tiny_processes import needs_mounts

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture(params=SHELLS)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Host:
    return Host(tmp_path, request.param)


class Way:
    """The way of the controller to the folder where a release of a host arrives, piece by piece."""

    def __init__(self, host: Host, run: str = "run") -> None:
        self.host, self.run = host, run
        self.into = host.root / ".incoming/demo/1-00000001"

    def piece(self, data: bytes, count: int, offset: int = 0, **files: int) -> Heard:
        mark = new_mark()
        script = receive_script(str(self.host.root), str(self.into), self.run, offset, count, files)
        return listen(self.host.sh(marked(script, mark), data).stdout, mark, RECEIVED)

    @property
    def there(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.into.iterdir()}


def test_files_come_in_one_stream_and_belong_to_one_user_alone(host: Host) -> None:
    way, files = Way(host), {"manifest": b"{}", "it's here": os.urandom(200_000), "empty": b"", "last": b"\n\0"}
    heard = way.piece(b"".join(files.values()), 200_004, **{name: len(data) for name, data in files.items()})
    assert (heard.status, heard.text, heard.first()) == (0, "", {RECEIVED: "200004"})
    assert way.there == files
    assert {path.stat().st_mode & 0o077 for path in (way.into.parent, way.into, *way.into.iterdir())} == {0}
    assert host.root.stat().st_mode & 0o777 == 0o755


def test_a_large_file_comes_in_pieces_and_gets_its_name_with_the_last(host: Host) -> None:
    way, data = Way(host), os.urandom(150_000)
    assert way.piece(data[:70_000], 70_000).status == 0
    assert list(way.there) == [f"{ARRIVING}run"]
    # The connection broke off, and who sends tries once more.
    assert way.piece(data[70_000:90_000], 80_000, 70_000, part=150_000).status == 1
    assert way.there == {}
    assert way.piece(data[:70_000], 70_000).status == 0
    with (way.into / f"{ARRIVING}run").open("ab") as stream:
        stream.write(b"of the first try")
    assert way.piece(data[70_000:], 80_000, 70_000, part=150_000).status == 0
    assert way.there == {"part": data}


@pytest.mark.parametrize("sent", [0, 9])
def test_what_is_not_whole_is_not_left(host: Host, sent: int) -> None:
    way = Way(host)
    way.into.mkdir(parents=True)
    (way.into / "part").write_bytes(b"of before")
    heard = way.piece(b"x" * sent, 10, part=10)
    assert (heard.status, heard.first()) == (1, {RECEIVED: str(sent)})
    assert f"{sent} of 10 bytes arrived" in heard.text
    assert way.there == {"part": b"of before"}


def test_no_more_is_taken_than_was_announced(host: Host) -> None:
    way = Way(host)
    assert way.piece(b"0123456789 and more" * 50_000, 10, part=10).status == 0
    assert way.there == {"part": b"0123456789"}


@pytest.mark.parametrize("kind", ["link", "pipe", "file"])
@pytest.mark.parametrize("offset", [0, 3])
def test_nothing_is_written_through_what_lies_there(host: Host, kind: str, offset: int) -> None:
    way, elsewhere = Way(host), host.folder / "elsewhere"
    way.into.mkdir(parents=True)
    elsewhere.write_text("kept", encoding="ascii")
    path = way.into / f"{ARRIVING}run"
    if kind == "link":
        path.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        os.link(elsewhere, path)
    if (kind, offset) == ("file", 3):
        return  # this is how it is between two pieces
    assert way.piece(b"new", 3, offset, part=3 + offset).status == 1
    assert elsewhere.read_text(encoding="ascii") == "kept"
    assert not (way.into / "part").exists()


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_has_the_name_of_a_file_is_replaced(host: Host, kind: str) -> None:
    way, elsewhere = Way(host), host.folder / "elsewhere"
    way.into.mkdir(parents=True)
    elsewhere.write_text("kept", encoding="ascii")
    for name in ("part", "other"):
        if kind == "link":
            (way.into / name).symlink_to(elsewhere)
        else:
            (way.into / name / "deep").mkdir(parents=True)
    assert way.piece(b"new", 3, part=3).status == 0
    assert way.piece(b"onetwo", 6, part=3, other=3).status == 0
    assert way.there == {"part": b"one", "other": b"two"}
    assert elsewhere.read_text(encoding="ascii") == "kept"


def test_a_folder_that_others_may_enter_is_closed(host: Host) -> None:
    way = Way(host)
    way.into.mkdir(parents=True)
    way.into.chmod(0o777)
    assert way.piece(b"new", 3, part=3).status == 0
    assert way.into.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away needs root")
def test_a_folder_of_another_user_is_not_entered(host: Host) -> None:
    way = Way(host)
    way.into.mkdir(parents=True)
    os.chown(way.into, 65534, 65534)
    heard = way.piece(b"new", 3, part=3)
    assert (heard.status, way.there) == (1, {})
    assert "another user" in heard.text


@needs_mounts
@pytest.mark.parametrize("files", [{"part": 900_000}, {"one": 450_000, "two": 450_000}])
def test_a_full_disk_is_not_kept_full(host: Host, files: Mapping[str, int]) -> None:
    way = Way(host)
    way.into.mkdir(parents=True)
    size = "800k" if len(files) == 1 else "1m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", way.into], check=True)
    try:
        heard = way.piece(bytes(900_000), 900_000, **files)
        assert heard.status == 1
        assert len(way.there) < len(files)
    finally:
        subprocess.run(["umount", way.into], check=True)


# --- the controller's part -------------------------------------------------------------------------------------------


def in_a_terminal(command: str, data: bytes) -> str:
    """Run a command as ssh does that gives it a terminal, and type what it would get as input."""
    mine, its = pty.openpty()
    kill = ["timeout", "-s", "KILL", "10", "sh", "-c", command]  # what waits for the end of a line that is none
    with subprocess.Popen(kill, stdin=its, stdout=subprocess.PIPE, stderr=its, text=True) as process:
        os.write(mine, data)
        assert process.stdout is not None
        said = process.stdout.read()
    os.close(mine)
    os.close(its)
    return said


class Action(HostAction):
    """An action with the shell of a host in place of a connection, to which it ``gives`` input in one of some ways."""

    def __init__(self, host: Host, gives: str = "all") -> None:
        self.host, self.gives = host, gives
        self.asked: list[int] = []
        self.put_there: list[str] = []
        become = {"su": SimpleNamespace(name="su", pipelining=False), "old su": SimpleNamespace(name="su")}.get(gives)
        if gives in ("sudo", "local sudo"):
            become = SimpleNamespace(name="sudo", pipelining=True)
        transport = "local" if gives == "local sudo" else "ssh"
        self._connection = SimpleNamespace(
            has_pipelining=gives != "none", become=become, transport=transport, get_option=lambda _name: ""
        )

    def _is_pipelining_enabled(self, *_more: Any, **_others: Any) -> bool:
        return False

    def _low_level_execute_command(self, cmd: str, *, in_data: Any = None, **_: Any) -> Any:
        if in_data:
            self.asked.append(len(in_data))
        if in_data and self.gives == "no terminal":
            return {"rc": 1, "stdout": "", "stderr": "sudo: sorry, you must have a tty to run sudo"}
        if in_data and self.gives == "broken":
            raise AnsibleConnectionFailure("Data could not be sent")
        if in_data and self.gives == "a terminal":
            return {"rc": 0, "stdout": in_a_terminal(cmd, in_data), "stderr": ""}
        done = self.host.sh(cmd, b"" if self.gives == "swallowed" else in_data or b"")
        return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    def folder_for(self, _need: int, _host: str) -> Any:
        return _Folder(self.host.tmp)

    def put(self, folder: str, files: Mapping[str, Path | bytes], _host: str) -> None:
        for name, file in files.items():
            self.put_there.append(file.name if isinstance(file, Path) else name)
            Path(folder, name).write_bytes(file.read_bytes() if isinstance(file, Path) else file)


class _Folder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> str:
        self.folder.mkdir()
        return str(self.folder)

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)


def missing(host: Host) -> Missing:
    """Make what a host is missing: a record of two files, and two parts of 250 and 100 bytes."""
    depot = host.folder / "depot"
    depot.mkdir()
    sizes = {"manifest.json": 20, "files.json": 30, "part.0": 250, "part.1": 100}
    for name, size in sizes.items():
        (depot / name).write_bytes(os.urandom(size))
    files = [File(name, size, "", depot / name) for name, size in sizes.items()]
    into = f"{host.root}/.incoming/demo/1-00000001"
    return Missing("demo", "1-00000001", str(host.root), into, (*files[:2],), (*files[2:],))


@pytest.mark.parametrize(
    ("gives", "asked"),
    [
        ("all", [13, 50, 100, 100, 50, 100]), ("sudo", [13, 50, 100, 100, 50, 100]),
        ("none", []), ("su", []), ("old su", []), ("local sudo", []),
        ("no terminal", [13]), ("broken", [13]), ("swallowed", [13]), ("a terminal", [13]),
    ],
)  # fmt: skip
def test_parts_go_in_pieces_or_by_the_folder_where_no_input_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gives: str, asked: list[int]
) -> None:
    monkeypatch.setattr(_feed, "PIECE", 100)
    host = Host(tmp_path)
    one, action = missing(host), Action(host, gives)
    arrived = Push().bring([one], action, "ws1")
    assert arrived == {("demo", "1-00000001", file.name): "push" for file in one.files}
    assert {path.name: path.read_bytes() for path in Path(one.incoming).iterdir()} == {
        file.name: file.path.read_bytes() for file in one.files
    }
    assert action.asked == asked
    assert action.put_there == ([] if len(asked) > 1 else [file.name for file in one.files])


def test_a_part_that_is_cut_off_fails_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_feed, "PIECE", 100)
    host = Host(tmp_path)
    one, action = missing(host), Action(host)
    real = action.host.sh
    monkeypatch.setattr(host, "sh", lambda script, data=b"": real(script, data[:90]))
    with raised("send-failed") as caught:
        Push().bring([one], action, "ws1")
    assert "90 of 100 bytes arrived" in caught.value.found
    assert sorted(path.name for path in Path(one.incoming).iterdir()) == ["files.json", "manifest.json"]


def test_a_part_that_changes_in_the_depot_is_not_sent(tmp_path: Path) -> None:
    host = Host(tmp_path)
    one = missing(host)
    feed = Feed(Action(host), "ws1", one.root, one.incoming)
    with raised("send-failed"):
        feed.send("part.0", one.parts[0].path, 251)
    assert not Path(one.incoming).exists()
