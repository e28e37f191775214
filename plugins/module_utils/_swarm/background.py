# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Members of swarms that go on on a host when the task that began them is over, for a limited time.

Each has a folder, named after its torrent. When it ends it removes its files. As long as nobody asked for it, it leaves
a few bytes that say how it went. These, and what a killed one left, go when the next one begins.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import make_folder, os_errors
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._run.background import BEGIN, Background, Begun
from ansible_collections.airgap.conda.plugins.module_utils._swarm import peer

# In a member's folder: its files, what it last said, and that nobody will ask for that again.
PARTS, STATE, ASKED = "parts", "state.json", "asked"
# Seconds that a member may live longer than its plan says.
LATE = 60
# Why a member did not even begin.
UNABLE = ("failed", "missing")
# Seconds between two states that are written.
PAUSE = 0.5


@dataclass(frozen=True)
class State:
    """How far a member is, in bytes; ``reason`` and ``detail`` are why it ended, empty while it is at work.

    ``arrived`` are the files that it handed over, none before it is complete or has ended.
    """

    port: int = 0
    done: int = 0
    of: int = 0
    received: int = 0
    sent: int = 0
    seconds: float = 0.0
    reason: str = ""
    detail: str = ""
    arrived: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all of it is here."""
        return 0 < self.of == self.done


class Member(Background):
    """The member of a swarm on this host: ``name`` is the hash of its torrent, ``area`` the folder of all members.

    One that is stopped hands over what is right of what it has.
    """

    what = "a member of a swarm"

    def __init__(self, area: Path, name: str) -> None:
        super().__init__(area, name)
        self.parts = self.folder / PARTS

    def state(self) -> State:
        """Return what it last said."""
        try:
            return State(**json.loads((self.folder / STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return State()

    def leave(self) -> None:
        """Have it end by itself, at its time, with nothing left; nobody asks for it again."""
        (self.folder / ASKED).touch()
        if not self.is_alive:
            self.remove()

    def make_room(self) -> Path:
        """Make its folder again, for nobody but its owner; return where its files belong."""
        self.end()
        make_folder(self.parts, 0o700)
        return self.parts

    def begin(self, plan: peer.Plan, size: int, hand_over: Callable[[], list[str]]) -> None:
        """Have a process of its own carry out a plan; raises AirgapError when it does not begin.

        ``size`` are the bytes of all files. That process calls ``hand_over`` when all files are there, or at its end,
        which takes those that are right and returns their names.
        """
        said = self.start(lambda begun: self._take_part(plan, size, begun, hand_over), int(plan.deadline) + LATE)
        if said != {}:
            self.end()
            raise AirgapError(**said) if said else _gone(self.folder)

    def _take_part(self, plan: peer.Plan, size: int, begun: Begun, hand_over: Callable[[], list[str]]) -> None:
        with os_errors("Taking part in a swarm", self.folder):
            teller = _Teller(self.folder / STATE, State(plan.port, of=size), begun, hand_over)
            try:
                outcome = peer.run(plan, teller.hears)
                begun.tell({} if outcome.reason not in UNABLE else _unable(plan, outcome).fields())
                teller.ends(outcome)
            finally:
                shutil.rmtree(self.parts, ignore_errors=True)
                if plan.seed or (self.folder / ASKED).exists():
                    self.remove()


def members(area: Path) -> Iterator[Member]:
    """Give all that are at work here, and remove what others left."""
    for folder in sorted(area.glob("[!.]*")):
        member = Member(area, folder.name)
        if member.is_alive:
            yield member
        else:
            member.remove()


class _Teller:
    """Writes down how far a member is, and tells once that it began."""

    def __init__(self, path: Path, state: State, begun: Begun, hand_over: Callable[[], list[str]]) -> None:
        self._path, self._state, self._begun, self._hand_over = path, state, begun, hand_over
        self._written = float("-inf")

    def hears(self, done: int, sent: int) -> None:
        """Take in how many bytes are there, and were given away."""
        before, self._state = self._state, replace(self._state, done=done, sent=sent)
        if self._state.complete and not before.complete:
            self._state = replace(self._state, arrived=tuple(self._hand_over()))
            self._write()
        elif time.monotonic() - self._written >= PAUSE:
            self._write()
        self._begun.tell({})

    def ends(self, outcome: peer.Outcome) -> None:
        """Take in what came of it."""
        self._state = replace(
            self._state,
            received=outcome.received,
            sent=outcome.sent,
            seconds=round(outcome.seconds, 2),
            reason=outcome.reason,
            detail=outcome.detail[:200],
            arrived=self._state.arrived or tuple(self._hand_over()),
        )
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        new = self._path.with_name(f".{self._path.name}")
        new.write_text(json.dumps(asdict(self._state)), encoding="ascii")
        new.rename(self._path)


def _unable(plan: peer.Plan, outcome: peer.Outcome) -> AirgapError:
    return AirgapError(
        "This host cannot take part in a swarm",
        code="swarm-unable",
        wanted="libtorrent in the runtime, an address of this host, a port that is free, and room for the release",
        found=outcome.detail,
        where=f"{plan.address}, port {plan.port}",
        remedy="correct deploy_swarm_interface or deploy_swarm_port, or the runtime; this time the release comes by "
        "another way",
    )


def _gone(folder: Path) -> AirgapError:
    return AirgapError(
        "A member of the swarm did not begin",
        code="swarm-silent",
        wanted=f"a process that listens within {BEGIN:.0f} s",
        found="none",
        where=str(folder),
        remedy="see in the log of the system whether something ended it; the release comes by another way",
    )
