# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Members of a swarm in threads, each with an address of its own in 127.0.0.0/8, and real connections between them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.airgap.conda.plugins.module_utils._swarm import ahead, graph, peer, settings

NAMES = ("env.000.part", "env.001.part")
SIZES = (300_000, 123_457)
TOTAL = sum(SIZES)


@dataclass
class Site:
    """A seed with files, and members that have none; all have one port."""

    folder: Path
    torrent: bytes
    port: int
    told: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def plan(self, number: int, *peers: int, **others: Any) -> peer.Plan:
        """Return the plan of member ``number``; 1 is the seed."""
        home = self.folder / str(number)
        home.mkdir(exist_ok=True)
        usual = peer.Plan(
            torrent=self.torrent,
            folder=home,
            address=address(number),
            port=self.port,
            peers=tuple((address(other), self.port) for other in peers),
            seed=number == 1,
            linger=3 if number == 1 else 0.5,  # members may start late on a busy machine
            deadline=60,
            idle=30,
        )
        return replace(usual, **others)

    def run(self, *plans: peer.Plan) -> list[peer.Outcome]:
        """Let all take part at the same time."""
        with ThreadPoolExecutor(len(plans)) as pool:
            return list(pool.map(self._run, plans))

    def _run(self, plan: peer.Plan) -> peer.Outcome:
        told = self.told.setdefault(plan.address, [])
        return peer.run(plan, lambda here, given: told.append((here, given)))

    def has_all(self, number: int) -> bool:
        """Tell whether a member has the files of the seed, and no others."""
        mine, seeds = (
            {path.name: path.read_bytes() for path in (self.folder / str(one)).iterdir()} for one in (number, 1)
        )
        return mine == seeds


def address(number: int) -> str:
    return f"127.0.9.{number}"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    libtorrent = pytest.importorskip("libtorrent", reason="libtorrent is not installed")
    home = tmp_path / "1"
    home.mkdir()
    for name, size in zip(NAMES, SIZES, strict=True):
        (home / name).write_bytes(os.urandom(size))
    entries = [libtorrent.create_file_entry(f"1/{name}", size) for name, size in zip(NAMES, SIZES, strict=True)]
    made = libtorrent.create_torrent(entries, settings.piece_length(TOTAL), libtorrent.create_torrent.v1_only)
    libtorrent.set_piece_hashes(made, str(tmp_path))
    with socket.create_server((address(1), 0)) as free:
        port = free.getsockname()[1]
    return Site(tmp_path, libtorrent.bencode(made.generate()), port)


def test_a_line_brings_the_files_to_all_and_the_seed_sends_one_copy(site: Site) -> None:
    lines = graph.lines([address(1)], [address(2), address(3)])
    assert graph.asked(lines, address(3)) == [address(2), address(1)]
    first, second, third = site.run(
        site.plan(1, 2, 3, behind=((address(2), site.port),), linger=8),
        site.plan(2, 1, 3, behind=((address(3), site.port),), linger=8),
        site.plan(3, 2, 1),
    )
    assert (first.reason, second.reason, third.reason) == ("complete",) * 3
    assert site.has_all(2)
    assert site.has_all(3)
    assert (first.sent, second.received, second.sent, third.received) == (TOTAL,) * 4
    for told in (site.told[address(2)], site.told[address(3)]):
        assert told[-1][0] == TOTAL
        assert sorted(told) == told
    assert site.told[address(2)][-1] == (TOTAL, TOTAL)


def test_another_one_is_asked_when_the_one_before_is_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "SHORT", 0.3)
    _seed, third = site.run(site.plan(1, 2, 3), site.plan(3, 2, 1))
    assert third.complete
    assert site.has_all(3)


def test_what_is_there_is_not_fetched_again(site: Site) -> None:
    (site.folder / "2").mkdir()
    (site.folder / "2" / NAMES[0]).write_bytes((site.folder / "1" / NAMES[0]).read_bytes())
    _seed, second = site.run(site.plan(1, 2), site.plan(2, 1))
    assert second.complete
    assert second.received <= SIZES[1] + settings.piece_length(TOTAL)
    assert site.has_all(2)
    (again,) = site.run(site.plan(2, 1, idle=5))
    assert (again.complete, again.reason, again.received) == (True, "complete", 0)


def test_strangers_get_nothing_and_are_asked_for_nothing(site: Site) -> None:
    seed, stranger = site.run(site.plan(1, 2, linger=1.5), site.plan(7, 1, idle=1))
    assert (seed.sent, stranger.received) == (0, 0)
    assert (stranger.complete, stranger.reason) == (False, "idle")


def test_the_cap_holds_for_private_addresses_too(site: Site) -> None:
    seed, second = site.run(site.plan(1, 2, upload_limit=TOTAL // 2), site.plan(2, 1))
    assert second.complete
    assert second.seconds > 0.8, "without a cap it is a tenth of that"
    assert seed.sent == TOTAL


def test_other_bytes_than_those_of_the_torrent_are_never_complete(site: Site) -> None:
    (site.folder / "1" / NAMES[1]).write_bytes(bytes(SIZES[1]))
    for deadline in (1, 10, 100):  # on a busy machine the second one may not have asked for anything by then
        seed, second = site.run(site.plan(1, 2), site.plan(2, 1, deadline=deadline))
        if seed.reason == "failed":
            break
    assert (seed.reason, seed.detail) == ("failed", "the files are not those of the torrent")
    assert (second.complete, second.reason) == (False, "deadline")
    assert site.told[address(2)][-1][0] < TOTAL


def test_sigterm_ends_it_and_the_port_is_free_again(site: Site) -> None:
    before = signal.getsignal(signal.SIGTERM)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    outcome = peer.run(site.plan(1, 2, linger=20), lambda _here, _given: None)
    timer.join()
    assert (outcome.complete, outcome.reason) == (True, "stopped")
    assert signal.getsignal(signal.SIGTERM) is before
    socket.create_server((address(1), site.port)).close()


def test_what_progress_raises_ends_it(site: Site) -> None:
    def refuse(_here: int, _given: int) -> None:
        raise TimeoutError("enough")

    begin = time.monotonic()
    with pytest.raises(TimeoutError, match="enough"):
        peer.run(site.plan(1, 2, linger=600), refuse)
    assert time.monotonic() - begin < 300
    socket.create_server((address(1), site.port)).close()


def test_who_cannot_take_part_says_why(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = site.plan(2, 1)
    with socket.create_server((address(2), site.port)):
        (outcome,) = site.run(plan)
    assert (outcome.reason, outcome.complete) == ("failed", False)
    assert f"{address(2)}:{site.port}" in outcome.detail
    for torrent in (b"", b"d4:infod6:lengthi1ee", os.urandom(100)):
        (outcome,) = site.run(replace(plan, torrent=torrent))
        assert outcome.reason == "failed"
    (outcome,) = site.run(replace(plan, folder=site.folder / "1" / NAMES[0], peers=((address(1), site.port),)))
    assert (outcome.reason, outcome.complete) == ("failed", False)
    monkeypatch.setitem(sys.modules, "libtorrent", None)
    (outcome,) = site.run(plan)
    assert (outcome.reason, outcome.complete) == ("missing", False)


def test_libtorrent_knows_every_setting() -> None:
    libtorrent = pytest.importorskip("libtorrent", reason="libtorrent is not installed")
    chosen = settings.session_settings(address(1), 6881)
    known = libtorrent.default_settings()
    known["outgoing_interfaces"] = ""  # has no default
    assert {name: type(value) for name, value in chosen.items()} == {name: type(known.get(name)) for name in chosen}


def test_a_member_says_how_far_it_is(site: Site) -> None:
    libtorrent = pytest.importorskip("libtorrent")
    torrent = libtorrent.load_torrent_buffer(site.torrent).ti
    name, whole = torrent.info_hashes().v1.to_bytes(), torrent.num_pieces()
    found = []

    def ask(_here: int, _given: int) -> None:
        for mine, wanted in ((2, name), (3, name), (2, bytes(20))):
            found.append(ahead.pieces(address(mine), (address(1), site.port), wanted, 2))

    assert peer.run(site.plan(1, 2, linger=0), ask).complete
    assert found[:3] == [whole, 0, 0], "a stranger is told nothing, and nobody of another torrent"
    assert ahead.pieces(address(2), (address(1), site.port), name, 2) == 0


@pytest.mark.parametrize(
    ("have", "others", "chosen"),
    [(20, 90, True), (20, 31, False), (20, 100, False), (0, 1, True)],
    ids=["far ahead", "as far soon", "has everything", "nothing comes here"],
)
def test_only_who_is_far_ahead_is_asked_too(
    monkeypatch: pytest.MonkeyPatch, have: int, others: int, chosen: bool
) -> None:
    clock = [100.0]
    monkeypatch.setattr(ahead, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(ahead, "pieces", lambda *_words: others)
    scout = ahead.Scout("10.0.0.3", [("10.0.0.1", 6881)])
    assert scout.look(have, b"", 100) is None, "it is too soon"
    clock[0] += ahead.LOOK
    assert scout.look(have, b"", 100) == (("10.0.0.1", 6881) if chosen else None)
