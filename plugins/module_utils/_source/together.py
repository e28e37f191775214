# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several files of a release at the same time, over connections of their own.

One connection fills a link to a server nearby. Some servers, and what is on the way to them, give each connection a
share only; then several are as many times as fast.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread

from ansible_collections.airgap.conda.plugins.module_utils._contract.trust import Content
from ansible_collections.airgap.conda.plugins.module_utils._source.place import Place

# Files at a time. Each takes a block of memory, and a connection of the server.
TOGETHER = 4
# Seconds that the others get to end when one has failed; they do no more than receive a block of what nobody wants.
PATIENCE = 1.0
# Called with the bytes that were read since the last call.
Tell = Callable[[int], object]
Work = Callable[[Place, Content, Tell], object]


class _EndedError(Exception):
    """Another file failed."""


class _Together:
    """What several threads do: ``work`` for each of the contents that are left ``todo``."""

    def __init__(self, contents: Sequence[Content], work: Work, tell: Tell) -> None:
        self.todo = deque(contents)
        self.begun, self.ended = Event(), Event()
        self._work, self._tell, self._lock = work, tell, Lock()

    def next(self) -> Content | None:
        """Return what nobody has begun; None when there is nothing."""
        with suppress(IndexError):
            return self.todo.popleft()
        return None

    def do(self, place: Place, content: Content) -> None:
        """Do the work."""
        self._work(place, content, self._heard)

    def help(self, place: Place) -> None:
        """Do the work until nothing is left or something fails, which the first connection then tries."""
        self.begun.wait()  # a server that takes one connection is to have the first one
        while not self.ended.is_set() and (content := self.next()):
            try:
                self.do(place, content)
            except Exception:  # noqa: BLE001 - the first connection tells what is wrong
                self.todo.append(content)
                return

    def _heard(self, count: int) -> None:
        if self.ended.is_set():
            raise _EndedError
        self.begun.set()
        with self._lock:
            self._tell(count)


def together(place: Place, contents: Sequence[Content], work: Work, tell: Tell = lambda _count: None) -> None:
    """Do ``work`` for each of ``contents``, several at a time where ``place`` can be read so; the first error ends it.

    What fails over a further connection is tried again over the first one, because a server may take one only.
    """
    all_of_it = _Together(contents, work, tell)
    others = filter(None, (place.another() for _number in range(min(TOGETHER, len(contents)) - 1)))
    threads = [Thread(target=all_of_it.help, args=(own,), daemon=True) for own in others]
    try:
        with suppress(RuntimeError):  # there may be no more threads to have
            for thread in threads:
                thread.start()
        while True:
            busy = [thread for thread in threads if thread.is_alive()]
            content = all_of_it.next()
            if content:
                all_of_it.do(place, content)
                all_of_it.begun.set()  # it may have been empty
            elif busy:
                busy[0].join(PATIENCE)
            else:
                return
    finally:
        all_of_it.ended.set()
        all_of_it.begun.set()
        for thread in threads:
            if thread.ident:
                thread.join(PATIENCE)
