# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far the transfers to all hosts of a run are, in lines for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import clean
from ansible_collections.airgap.conda.plugins.module_utils._base.progress import Rate, figures

# Characters of a host's name, which starts its line.
NAME = 40


@dataclass
class _Account:
    """Bytes of one task on one host. Nothing was ``begun`` on a host that waits for its turn."""

    of: int = 0
    done: int = 0
    begun: bool = False
    rate: Rate = field(default_factory=lambda: Rate(0.0))
    speed: float = 0.0


class Transfers:
    """The accounts of all hosts of a run; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sizes: dict[tuple[Any, Any, Any], int] = {}
        self._open: dict[str, _Account] = {}
        self._hosts: set[str] = set()
        self._ended = 0  # bytes of the tasks that ended
        self._rate: Rate | None = None

    def knows(self, releases: Any) -> None:
        """Take in the sizes of all parts of the releases that the controller verified."""
        for release in _mappings(releases):
            for payload in _mappings(release.get("payloads")):
                for part in _mappings(payload.get("parts")):
                    if isinstance(part.get("size"), int):
                        self._sizes[release.get("env"), release.get("id"), part.get("name")] = part["size"]

    def expects(self, host: str, steps: Any) -> None:
        """Count what the steps of a host will send there, so that the time left is that of the hosts that wait too."""
        names = [(step.get("env"), step.get("id"), name) for step in _mappings(steps) for name in _texts(step)]
        size = sum(self._sizes.get(name, 0) for name in names)
        if size:
            self._open[host] = _Account(of=size)

    def begins(self, host: str) -> None:
        """Open the account of a host, on which a task starts to send."""
        now = self._clock()
        if self._rate is None or not self.busy():
            self._rate = Rate(now, self._ended)
        account = self._open.setdefault(host, _Account())
        account.begun, account.rate = True, Rate(now)

    def told(self, host: str, done: int, of: int) -> None:
        """Take in how far a host is; what is told of one on which nothing begun is left out."""
        account = self._open.get(host)
        if account and account.begun:
            account.done, account.of = min(done, of), of
            account.speed = account.rate.at(self._clock(), account.done)

    def ends(self, host: str, well: bool) -> None:
        """Close the account of a host; what it was not sent, because its task did not end well, is not waited for."""
        account = self._open.pop(host, None)
        if account and account.begun and account.of:
            self._hosts.add(host)
            self._ended += account.of if well else account.done

    def busy(self) -> bool:
        """Tell whether something is being sent."""
        return any(account.begun for account in self._open.values())

    def lines(self, count: int) -> list[str]:
        """Return at most ``count`` lines: one for each host that is being sent to, the last one for all; or none."""
        working = {host: account for host, account in self._open.items() if account.begun and account.of}
        if not working:
            return []
        names = list(working)
        if len(names) > count - 1:
            # Those that the run waits for longest; one line says how many more there are.
            names = sorted(names, key=lambda host: working[host].done - working[host].of)[: max(0, count - 2)]
        shown = [f"{clean(host, NAME)}: {_figures(working[host])}" for host in sorted(names)]
        more = len(working) - len(names)
        return [*shown, *([f"and {_count(more, 'host')} more"] if more and count > 1 else []), self.line()]

    def line(self) -> str:
        """Return one line for all hosts, empty when nothing is being sent."""
        working = [account for account in self._open.values() if account.begun and account.of]
        if not working or self._rate is None:
            return ""
        done = self._ended + sum(account.done for account in self._open.values())
        whole = self._ended + sum(account.of for account in self._open.values())
        hosts = self._hosts | {host for host, account in self._open.items() if account.of}
        ready = len(self._hosts - self._open.keys())
        speed = self._rate.at(self._clock(), done)
        return f"sent to {ready} of {_count(len(hosts), 'host')}: {figures(done, whole, speed)}"


def _figures(one: _Account) -> str:
    return figures(one.done, one.of, one.speed)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, (list, tuple)) else []


def _texts(step: Mapping[str, Any]) -> list[str]:
    names = step.get("missing")
    return [name for name in names if isinstance(name, str)] if isinstance(names, (list, tuple)) else []
