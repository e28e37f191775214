# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One member of a swarm: gets the files of a torrent from the others, and gives them what it has.

It talks to nobody but the peers of its plan. What it gets is what the torrent's hashes say, and no more than that:
whoever uses the files compares them with the release's manifest.
"""

from __future__ import annotations

import importlib.util
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._swarm import ahead, settings

# Seconds between two looks at what happened, and between two words on it.
STEP, SAY = 0.2, 1.0
# Seconds without a byte after which one more peer is asked: if nobody asked is there or one does not give what it has;
# and if they are there, but have nothing new.
SHORT, LONG = 3.0, 15.0
# How many of those that did not answer are named.
SHOWN = 3
_ALL = (("0.0.0.0", "255.255.255.255"), ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))  # noqa: S104


@dataclass(frozen=True)
class Plan:
    """What a member has to do. Times are seconds, rates bytes a second."""

    torrent: bytes
    folder: Path
    """Files lie here under their paths in the torrent, without the torrent's name."""
    address: str
    """What it listens on and sends from."""
    port: int
    """0: any."""
    peers: tuple[tuple[str, int], ...]
    """All that may take part, in the order in which they are asked: see ``graph``."""
    first: int = 1
    """How many of them are asked at once; others only when nothing comes. 0: all."""
    behind: tuple[tuple[str, int], ...] = ()
    """Those who ask it first: it calls them as they call it, so that nobody waits for who starts later."""
    upload_limit: int = 0
    """0: none."""
    seed: bool = False
    """It has all files, as the torrent says."""
    linger: float = 30.0
    """When it is complete, it ends this long after the last byte that somebody took."""
    deadline: float = 3600.0
    idle: float = 120.0
    """Without a byte for this long, and not complete, it gives up."""


@dataclass(frozen=True)
class Outcome:
    """What came of it. ``reason`` is why it ended: complete, deadline, idle, stopped, failed or missing (libtorrent).

    ``detail`` is what libtorrent says of a failure, or that nobody answered.
    """

    complete: bool
    received: int
    """Bytes of files, those that came twice included."""
    sent: int
    """Bytes of files."""
    seconds: float
    """Until it was complete, or until the end if it never was."""
    reason: str
    detail: str = ""


def available() -> bool:
    """Tell whether this Python has libtorrent."""
    return importlib.util.find_spec("libtorrent") is not None


def run(plan: Plan, progress: Callable[[int, int], None]) -> Outcome:
    """Take part until the plan says that it is over, or until SIGTERM.

    ``progress`` gets, at least once a second, the bytes of the torrent that are here and those that were given away;
    the former are all of them only when all files are written. What ``progress`` raises ends it.
    """
    try:
        import libtorrent
    except ImportError as error:
        return Outcome(False, 0, 0, 0.0, "missing", str(error))
    with _until_stopped() as stopped:
        try:
            member = _Member(plan, libtorrent)
        except (_Unable, RuntimeError) as error:  # the latter is what libtorrent raises
            return Outcome(False, 0, 0, 0.0, "failed", str(error))
        try:
            return member.take_part(progress, stopped)
        finally:
            member.leave()


class _Unable(Exception):
    """It cannot take part; the text says why."""


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Give an event that SIGTERM sets; only the main thread can be told of it."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGTERM, before)


class _Member:
    def __init__(self, plan: Plan, libtorrent: Any) -> None:
        self._lt = libtorrent
        self._plan = plan
        self._others = [peer for peer in plan.peers if peer != (plan.address, plan.port)]
        self._asked = 0 if plan.seed else plan.first or len(self._others)
        self._failed = ""
        self._met = False
        self._written = plan.seed
        self._scout = ahead.Scout(plan.address, self._others[1:])
        self._begin = self._got = self._gave = self._tried = time.monotonic()
        self._came = self._went = 0
        self._done = 0.0
        torrent = self._torrent()
        categories = libtorrent.alert_category
        mask = categories.error | categories.status | categories.storage
        self._session = libtorrent.session({**settings.session_settings(plan.address, plan.port), "alert_mask": mask})
        self._session.set_ip_filter(self._allowed())
        self._session.set_peer_class_filter(self._one_class())
        self._listen()
        self._handle = self._session.add_torrent(torrent)

    def _torrent(self) -> Any:
        lt, plan = self._lt, self._plan
        try:
            torrent = lt.load_torrent_buffer(plan.torrent)
        except RuntimeError as error:
            raise _Unable(f"the torrent cannot be read: {error}") from error
        files, within = getattr(torrent.ti, "layout", torrent.ti.files)(), f"{torrent.ti.name()}/"
        paths = [files.file_path(number) for number in range(files.num_files())]
        torrent.renamed_files = {
            number: path[len(within) :] for number, path in enumerate(paths) if path.startswith(within)
        }
        self._pieces, self._named = torrent.ti.num_pieces(), torrent.ti.info_hashes().v1.to_bytes()
        torrent.save_path = str(plan.folder)
        torrent.upload_limit = plan.upload_limit or -1
        torrent.peers = [*self._others[: self._asked], *plan.behind]
        torrent.trackers, torrent.url_seeds, torrent.http_seeds, torrent.dht_nodes = [], [], [], []
        flags = lt.torrent_flags
        torrent.flags = flags.apply_ip_filter | flags.disable_dht | flags.disable_lsd | flags.disable_pex
        if plan.seed:
            torrent.flags |= flags.seed_mode | flags.no_verify_files
        return torrent

    def _allowed(self) -> Any:
        """Return a filter that lets in the peers of the plan alone."""
        only = self._lt.ip_filter()
        for lowest, highest in _ALL:
            only.add_rule(lowest, highest, 1)
        for address, _port in self._others:
            only.add_rule(address, address, 0)
        return only

    def _one_class(self) -> Any:
        """Return a filter by which all limits hold in private networks too, which libtorrent leaves out otherwise."""
        every = self._lt.ip_filter()
        for lowest, highest in _ALL:
            every.add_rule(lowest, highest, 1 << self._session.global_peer_class_id)
        return every

    def _listen(self) -> None:
        """Wait until the address is listened on."""
        found, until = "no answer", time.monotonic() + 5
        while time.monotonic() < until:
            self._session.wait_for_alert(200)
            for alert in self._session.pop_alerts():
                if isinstance(alert, self._lt.listen_succeeded_alert):
                    return
                if isinstance(alert, self._lt.listen_failed_alert):
                    found, until = str(alert.error.message()), 0
        raise _Unable(f"cannot listen on {settings.interface(self._plan.address, self._plan.port)}: {found}")

    def take_part(self, progress: Callable[[int, int], None], stopped: threading.Event) -> Outcome:
        """Do the plan."""
        said = 0.0
        while True:
            self._session.wait_for_alert(int(STEP * 1000))
            self._hear()
            status, now = self._handle.status(0), time.monotonic()
            complete, here = self._see(status, now)
            given = status.total_payload_upload
            if not complete:
                self._look_for_more(status, now)
            reason = self._over(complete, now, stopped.is_set())
            if reason or now - said >= SAY or self._done == now:
                progress(here, given)
                said = now
            if reason:
                lasted = (self._done or now) - self._begin
                why = self._failed or ("" if complete or self._met else self._alone())
                return Outcome(complete, status.total_payload_download, given, lasted, reason, why)

    def _see(self, status: Any, now: float) -> tuple[bool, int]:
        """Take notice of what came and went; returns whether all is here and written, and the bytes that are here."""
        complete = self._written and status.is_seeding
        here = status.total_done if complete else min(status.total_done, status.total_wanted - 1)
        came, went = status.total_payload_download + here, status.total_payload_upload
        self._got = self._got if came == self._came else now
        self._gave = self._gave if went == self._went else now
        self._came, self._went = came, went
        self._done = self._done or (now if complete else 0.0)
        self._met = self._met or status.num_peers > 0
        if self._plan.seed and not status.is_seeding:
            self._failed = self._failed or "the files are not those of the torrent"
        return complete, here

    def _look_for_more(self, status: Any, now: float) -> None:
        """Ask somebody else too if nothing comes, or too little."""
        waited = now - max(self._got, self._tried)
        if waited > SHORT and waited > self._patience():
            self._tried = now
            for peer in self._others[self._asked : self._asked + 1]:
                self._handle.connect_peer(peer)
                self._asked += 1
        faster = self._scout.look(status.num_pieces, self._named, self._pieces)
        if faster:
            self._handle.connect_peer(faster)

    def _patience(self) -> float:
        """Return how long to wait for those that were asked, in seconds."""
        others = [one for one in self._handle.get_peer_info() if not one.flags & (one.connecting | one.handshake)]
        asked = {address for address, _port in self._others[: self._asked]}
        known = [one for one in others if one.ip[0] in asked]
        # Who has nothing that is new waits as well: then somebody before it has to find another one to ask.
        return LONG if known and not any(one.flags & one.interesting for one in others) else SHORT

    def _over(self, complete: bool, now: float, stopped: bool) -> str:
        """Return why it is over; an empty text if it is not."""
        if self._failed:
            return "failed"
        if stopped:
            return "stopped"
        if complete and now - max(self._gave, self._done) >= self._plan.linger:
            return "complete"
        if now - self._begin >= self._plan.deadline:
            return "deadline"
        return "idle" if not complete and now - self._got >= self._plan.idle else ""

    def _hear(self) -> None:
        """Take notice of what libtorrent says."""
        lt = self._lt
        for alert in self._session.pop_alerts():
            if isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert)):
                self._failed = alert.message()
            elif isinstance(alert, lt.torrent_finished_alert):
                self._handle.flush_cache()
            elif isinstance(alert, lt.cache_flushed_alert):
                self._written = True

    def _alone(self) -> str:
        asked = [settings.interface(*other) for other in self._others[: self._asked]]
        return f"no connection with other hosts (asked: {', '.join(asked[:SHOWN])})"

    def leave(self) -> None:
        """Close all connections and files."""
        self._session.remove_torrent(self._handle)
        del self._handle
        del self._session
