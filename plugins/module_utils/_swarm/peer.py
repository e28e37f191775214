# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One member of a swarm: gets the files of a torrent from the others, and gives them what it has.

It talks to nobody but the peers of its plan. What it gets is what the torrent's hashes say, and no more than that:
whoever uses the files compares them with the release's manifest.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._swarm import settings

# Seconds between two looks at what happened.
STEP = 0.2
# Seconds without a byte after which more peers are asked, and how many more each time.
PATIENCE, MORE = 3.0, 4


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
    """All that may take part; the first are the first to be asked."""
    first: int = 0
    """How many of them it asks at once; others when nothing comes. 0: all."""
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
    """What came of it. ``reason`` is why it ended: complete, deadline, idle, stopped or failed."""

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

    ``progress`` gets the bytes that are there and those that there will be; they are equal only once, when all files
    are written. Raises AirgapError (``swarm-missing``, ``swarm-torrent``, ``swarm-address``).
    """
    if not available():
        raise AirgapError(
            "This Python cannot take part in a swarm",
            code="swarm-missing",
            wanted="the Python package libtorrent",
            found="none",
            where="the Python that runs this",
            remedy="add libtorrent to the runtime, or use another deploy_transport",
        )
    with _until_stopped() as stopped:
        member = _Member(plan)
        try:
            return member.take_part(progress, stopped)
        finally:
            member.leave()


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
    def __init__(self, plan: Plan) -> None:
        import libtorrent

        self._lt: Any = libtorrent
        self._plan = plan
        self._asked = 0
        self._failed = ""
        self._written = False
        torrent = self._torrent()
        chosen = settings.session_settings(plan.address, plan.port)
        categories = libtorrent.alert_category
        chosen["alert_mask"] = categories.error | categories.status | categories.storage
        self._session = libtorrent.session(chosen)
        self._session.set_ip_filter(self._allowed())
        self._session.set_peer_class_filter(self._one_class())
        self._listen()
        self._handle = self._session.add_torrent(torrent)

    def _torrent(self) -> Any:
        lt, plan = self._lt, self._plan
        try:
            torrent = lt.load_torrent_buffer(plan.torrent)
        except RuntimeError as error:
            raise AirgapError(
                "The torrent of a release cannot be read",
                code="swarm-torrent",
                wanted="what the controller made",
                found=str(error),
                where=str(plan.folder),
                remedy="run the deploy again",
            ) from error
        files = torrent.ti.files()
        within = f"{torrent.ti.name()}/"
        paths = [files.file_path(number) for number in range(files.num_files())]
        torrent.renamed_files = {
            number: path[len(within) :] for number, path in enumerate(paths) if path.startswith(within)
        }
        torrent.save_path = str(plan.folder)
        torrent.upload_limit = plan.upload_limit or -1
        torrent.trackers, torrent.url_seeds, torrent.dht_nodes = [], [], []
        flags = lt.torrent_flags
        torrent.flags = flags.apply_ip_filter | flags.disable_dht | flags.disable_lsd | flags.disable_pex
        if plan.seed:
            torrent.flags |= flags.seed_mode | flags.no_verify_files
        return torrent

    def _allowed(self) -> Any:
        """Return a filter that lets in the peers of the plan alone."""
        only = self._lt.ip_filter()
        only.add_rule("0.0.0.0", "255.255.255.255", 1)
        only.add_rule("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1)
        for address, _port in self._plan.peers:
            only.add_rule(address, address, 0)
        return only

    def _one_class(self) -> Any:
        """Return a filter by which all limits hold in private networks too, which libtorrent leaves out otherwise."""
        every = self._lt.ip_filter()
        every.add_rule("0.0.0.0", "255.255.255.255", 1 << self._session.global_peer_class_id)
        every.add_rule("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1 << self._session.global_peer_class_id)
        return every

    def _listen(self) -> None:
        """Wait until the address is listened on."""
        until = time.monotonic() + 5
        found = "no answer from libtorrent"
        while time.monotonic() < until:
            self._session.wait_for_alert(200)
            for alert in self._session.pop_alerts():
                if isinstance(alert, self._lt.listen_succeeded_alert):
                    return
                if isinstance(alert, self._lt.listen_failed_alert):
                    found, until = alert.message(), 0
        raise AirgapError(
            "A member of the swarm cannot listen on its address",
            code="swarm-address",
            wanted="an address of this host, and a port that is free",
            found=found,
            where=settings.interface(self._plan.address, self._plan.port),
            remedy="choose another port or address",
        )

    def _ask(self, count: int) -> None:
        """Connect to the next ``count`` peers."""
        mine = ipaddress.ip_address(self._plan.address)
        for address, port in self._plan.peers[self._asked : self._asked + count]:
            if ipaddress.ip_address(address) != mine or port != self._plan.port:
                self._handle.connect_peer((address, port))
        self._asked += count

    def take_part(self, progress: Callable[[int, int], None], stopped: threading.Event) -> Outcome:
        """Do the plan."""
        plan = self._plan
        begin = moved = asked = time.monotonic()
        done = 0.0
        before = -1
        said = (-1, -1)
        self._ask(plan.first or len(plan.peers))
        while True:
            self._session.wait_for_alert(int(STEP * 1000))
            self._hear()
            status = self._handle.status(0)
            now = time.monotonic()
            total = status.total_payload_download + status.total_payload_upload + status.total_done
            if total != before:
                before, moved, asked = total, now, now
            complete = bool(status.is_seeding and (plan.seed or self._written))
            if complete and not done:
                done = now
            if (complete, status.total_done) != said:
                said = (complete, status.total_done)
                progress(status.total_wanted if complete else min(status.total_done, status.total_wanted - 1), status.total_wanted)
            if not status.is_seeding and now - asked > PATIENCE and self._asked < len(plan.peers):
                self._ask(MORE)
                asked = now
            reason = self._over(complete, now - begin, now - moved, stopped.is_set())
            if reason:
                return Outcome(
                    complete=complete,
                    received=status.total_payload_download,
                    sent=status.total_payload_upload,
                    seconds=(done or now) - begin,
                    reason=reason,
                    detail=self._failed,
                )

    def _over(self, complete: bool, lasted: float, quiet: float, stopped: bool) -> str:
        """Return why it is over; an empty text if it is not."""
        if self._failed:
            return "failed"
        if stopped:
            return "stopped"
        if complete and quiet >= self._plan.linger:
            return "complete"
        if lasted >= self._plan.deadline:
            return "deadline"
        return "idle" if not complete and quiet >= self._plan.idle else ""

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

    def leave(self) -> None:
        """Close all connections and files."""
        self._session.remove_torrent(self._handle)
        del self._handle
        del self._session
