# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a host may take a release by itself: its window, its ring, and whether its GPU is free.

A release that has to wait is no fault: the next run of the timer looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import seconds_of
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import Rings
from ansible_collections.airgap.conda.plugins.module_utils._pull.window import Window, is_open


@dataclass(frozen=True)
class Policy:
    """``ring`` 1 goes first; 0 is none, and waits for none.

    ``after_days`` opens a release that no ring before has said anything of; 0 never does. ``windows`` are in local
    time; none is any time. ``despite_gpu`` takes a release while its environment computes.
    """

    ring: int = 0
    after_days: int = 0
    windows: tuple[Window, ...] = ()
    despite_gpu: bool = False


@dataclass(frozen=True)
class Wait:
    """Why a release is not taken now: ``code`` names the kind, ``reason`` says it, ``until`` says what ends it."""

    code: str
    reason: str
    until: str


def wait_for_window(policy: Policy, now: datetime) -> Wait | None:
    """Return why nothing is taken at the local time ``now``, if so."""
    if is_open(policy.windows, now):
        return None
    return Wait("window-closed", f"{now:%a %H:%M} is outside the maintenance window", "the window opens")


def wait_for_ring(policy: Policy, rings: Rings, env: str, release: str, created: str, now: datetime) -> Wait | None:
    """Return why a release is not yet for this host's ring, if so. ``created`` is that of its signed manifest.

    Hosts that find it wrong hold it back, for however long, until they find it right or a person opens it.
    """
    if policy.ring <= 1 or f"{env} {release}" in rings.opened:
        return None
    right, wrong = rings.before(env, release, policy.ring)
    name = f"{env} {release}"
    if wrong:
        hosts = "1 host" if wrong == 1 else f"{wrong} hosts"
        reason = f"{hosts} before ring {policy.ring} found {name} wrong"
        return Wait("ring-wrong", reason, "a newer release, or a person")
    if right:
        return None
    days = _days_since(created, now)
    if policy.after_days and days >= policy.after_days:
        return None
    later = f", or it is {policy.after_days} days old" if policy.after_days else ""
    return Wait("ring-waits", f"no host before ring {policy.ring} has reported {name} right", f"one does{later}")


def wait_for_gpu(policy: Policy, env: str, busy: Callable[[str], Sequence[int]]) -> Wait | None:
    """Return why a release of ``env`` is not taken while the environment computes on a GPU, if so."""
    pids = [] if policy.despite_gpu else busy(env)
    if not pids:
        return None
    shown = ", ".join(map(str, pids[:5])) + (f" and {len(pids) - 5} more" if len(pids) > 5 else "")
    return Wait("gpu-busy", f"{env} computes on a GPU: process {shown}", "it ends")


def _days_since(created: str, now: datetime) -> float:
    """Return days from ``created`` to ``now``; 0 where the clock or the text cannot be right."""
    try:
        return max(0.0, (now.timestamp() - seconds_of(created)) / 86_400)
    except ValueError:
        return 0.0
