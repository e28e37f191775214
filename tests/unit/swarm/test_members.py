# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real members of a swarm on addresses of this machine, as a controller tells hosts to take part."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._base.lock import lock_file, lock_holder
from ansible_collections.airgap.conda.plugins.module_utils._run.background import Begun
from ansible_collections.airgap.conda.plugins.module_utils._swarm import peer, told
from ansible_collections.airgap.conda.plugins.module_utils._swarm.background import Member
from ansible_collections.airgap.conda.plugins.module_utils._swarm.torrent import make, require

needs_libtorrent = pytest.mark.skipif(not peer.available(), reason="this Python has no libtorrent")
NAMES = ("manifest.json", "env.tar.zst.001", "env.tar.zst.002")
SIZES = (700, 300_000, 200_001)
PIECE = 32 << 10


def _until(true: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


class Site:
    """Hosts on addresses of their own, and the release that they want."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.release = folder, folder / "depot"
        self.release.mkdir()
        for name, size in zip(NAMES, SIZES, strict=True):
            (self.release / name).write_bytes(os.urandom(size))
        self.torrent = make(self.release, NAMES, PIECE)
        self.name = require(self.torrent, dict(zip(NAMES, SIZES, strict=True)), "here")
        # Of this process alone, so that tests can run at the same time.
        net = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"
        self.hosts = {f"ws{number}": (f"{net}.{number}", 6881) for number in (1, 2, 3, 4)}

    def root(self, host: str) -> Path:
        return self.folder / host

    def incoming(self, host: str) -> Path:
        return self.root(host) / ".incoming/demo/1-00000001"

    def member(self, host: str) -> Member:
        return Member(self.root(host) / told.AREA, self.name)

    def process(self, host: str) -> int:
        """Return the number of the process that is the member."""
        path, found = lock_file(self.root(host) / told.AREA, self.name), ""
        while not found:
            assert self.member(host).is_alive
            found = lock_holder(path)
        return int(found)

    def seed(self, host: str, *others: str, **also: Any) -> dict[str, Any]:
        shutil.copytree(self.release, self.incoming(host))
        return self.begin(host, *others, seed=True, have=list(NAMES), **also)

    def files(self) -> list[dict[str, Any]]:
        sums = [hashlib.sha256((self.release / name).read_bytes()).hexdigest() for name in NAMES]
        return [{"name": n, "size": size, "sha256": sha} for n, size, sha in zip(NAMES, SIZES, sums, strict=True)]

    def begin(self, host: str, *others: str, **also: Any) -> dict[str, Any]:
        address, port = self.hosts[host]
        one: dict[str, Any] = {
            "torrent": base64.b64encode(self.torrent).decode(),
            "files": self.files(),
            "have": [],
            "incoming": str(self.incoming(host)),
            "address": address,
            "port": port,
            "peers": [self.hosts[other] for other in others],
            "behind": [],
            "upload": 0,
            "seed": False,
            "linger": 60,
            "deadline": 120,
            "idle": 60,
            **also,
        }
        return told.take_part({"root": str(self.root(host)), "begin": [one]})

    def end(self, host: str, wait: float = 20, patience: float = 10) -> dict[str, Any]:
        one = {"env": "demo", "release": "1-00000001", "name": self.name}
        return told.take_part({"root": str(self.root(host)), "end": [one], "wait": wait, "patience": patience})

    def there(self, host: str) -> list[str]:
        """Return the files that arrived and are right."""
        folder = self.incoming(host)
        return [
            n for n in NAMES if (folder / n).is_file() and (folder / n).read_bytes() == (self.release / n).read_bytes()
        ]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    for host in made.hosts:
        made.member(host).end()


@needs_libtorrent
def test_hosts_get_all_from_each_other_and_nothing_is_left(site: Site) -> None:
    everybody = list(site.hosts)[:3]
    # ws3 knows ws2 alone: what it gets went from host to host.
    assert site.begin("ws3", "ws2", linger=3)["failure"] == {}
    assert site.begin("ws2", "ws1", "ws3", linger=3)["failure"] == {}
    assert site.seed("ws1", *everybody, linger=3)["failure"] == {}
    for host in ("ws2", "ws3"):
        answer = site.end(host)
        assert sorted(name for _env, _release, name in answer["arrived"]) == sorted(NAMES)
        assert (answer["failure"], [one["reason"] for one in answer["swarms"]]) == ({}, [""])
        assert site.there(host) == list(NAMES)
        assert {path.stat().st_mode & 0o7777 for path in site.incoming(host).iterdir()} == {0o600}
        assert site.incoming(host).stat().st_mode & 0o7777 == 0o700
    for host in everybody:  # each ends by itself
        area = site.root(host) / told.AREA
        _until(lambda area=area: not area.exists())  # type: ignore[misc]


@needs_libtorrent
def test_a_host_with_other_content_is_no_harm(site: Site) -> None:
    # It says that it has all of it, and gives other bytes.
    shutil.copytree(site.release, site.incoming("ws1"))
    (site.incoming("ws1") / NAMES[1]).write_bytes(b"x" * SIZES[1])
    assert site.begin("ws1", "ws2", seed=True, have=list(NAMES))["failure"] == {}
    assert site.begin("ws2", "ws1")["failure"] == {}
    answer = site.end("ws2", patience=2)
    assert NAMES[1] not in [name for _env, _release, name in answer["arrived"]]
    assert [bool(one["reason"]) for one in answer["swarms"]] == [True]
    assert {path.name for path in site.incoming("ws2").iterdir()} == set(site.there("ws2"))
    assert not (site.root("ws2") / told.AREA).exists()


@needs_libtorrent
def test_what_is_there_is_not_sent_again_and_a_stranger_gets_nothing(site: Site) -> None:
    site.incoming("ws2").mkdir(parents=True)
    shutil.copy(site.release / NAMES[1], site.incoming("ws2"))
    site.seed("ws1", "ws2")
    site.begin("ws2", "ws1", have=[NAMES[1]])
    site.begin("ws4", "ws1")  # of which the seed was told nothing
    answer = site.end("ws2")
    assert sorted(name for _env, _release, name in answer["arrived"]) == sorted({*NAMES} - {NAMES[1]})
    stranger = site.end("ws4", wait=0.1, patience=1.5)
    assert (stranger["arrived"], stranger["done"]) == ([], 0)
    site.member("ws1").stop()
    assert not site.member("ws1").is_alive


@needs_libtorrent
def test_a_seed_that_dies_leaves_what_was_whole(site: Site) -> None:
    site.seed("ws1", "ws2", upload=60_000)
    site.begin("ws2", "ws1")
    _until(lambda: site.member("ws2").state().done > 60_000, 20)
    os.kill(site.process("ws1"), signal.SIGKILL)
    answer = site.end("ws2", patience=1)
    assert sorted(name for _env, _release, name in answer["arrived"]) == sorted(site.there("ws2"))
    assert (answer["pending"], answer["swarms"][0]["reason"]) == (False, "nothing came for 1 s")
    # What the killed one left goes with the next that begins there.
    assert site.member("ws1").parts.is_dir()
    site.begin("ws1", "ws2", linger=0, have=list(NAMES), seed=True)
    _until(lambda: not (site.root("ws1") / told.AREA).exists())


@needs_libtorrent
def test_a_member_whom_nobody_asks_ends_with_nothing_but_a_note(site: Site) -> None:
    site.begin("ws2", "ws1", idle=0.5)
    _until(lambda: not site.member("ws2").is_alive)
    assert [path.name for path in site.member("ws2").folder.iterdir()] == ["state.json"]
    answer = site.end("ws2")
    why = "idle: no connection with other hosts (asked: {}:{})".format(*site.hosts["ws1"])
    assert (answer["arrived"], answer["swarms"][0]["reason"]) == ([], why)
    assert not (site.root("ws2") / told.AREA).exists()


@needs_libtorrent
def test_a_port_that_is_taken_is_told_and_an_earlier_member_makes_room(site: Site) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(site.hosts["ws2"])
        taken.listen()
        assert site.begin("ws2", "ws1")["failure"]["code"] == "swarm-unable"
    assert not (site.root("ws2") / told.AREA).exists()
    site.begin("ws2", "ws1")
    first = site.process("ws2")
    assert site.begin("ws2", "ws1")["failure"] == {}
    assert site.process("ws2") != first


def test_what_has_another_hash_is_not_handed_over(site: Site) -> None:
    shutil.copytree(site.release, site.folder / "came")
    (site.folder / "came" / NAMES[1]).write_bytes(b"x" * SIZES[1])  # of the right size
    (site.folder / "came" / NAMES[2]).write_bytes(b"short")
    incoming = site.incoming("ws1")
    incoming.mkdir(parents=True)
    (incoming / NAMES[0]).write_bytes(b"an older one")
    assert told.hand_over(site.folder / "came", site.files(), incoming) == [NAMES[0]]
    assert {path.name for path in incoming.iterdir()} == {NAMES[0]} == {*site.there("ws1")}


def test_who_began_a_member_is_told_once(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    begun = Begun(writer)
    begun.tell({})
    assert os.read(reader, 100) == b"{}\n"
    os.close(reader)
    with open(tmp_path / "other", "wb") as other:
        assert other.fileno() in (reader, writer)
        os.dup2(other.fileno(), writer)
        begun.tell({"too": "late"})
    assert (tmp_path / "other").read_bytes() == b""


def test_a_host_takes_part_in_no_other_torrent_and_says_what_it_lacks(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "libtorrent", None)
    assert site.begin("ws2", "ws1")["failure"]["code"] == "swarm-unable"
    site.torrent = site.torrent.replace(b"manifest.json", b"../ifest.json")
    assert site.begin("ws2", "ws1")["failure"]["code"] == "torrent-refused"
    assert not (site.root("ws2") / told.AREA).exists()
