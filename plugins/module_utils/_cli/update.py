# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of an update has to wait: nobody is there to decide, so it takes only what nothing speaks against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._cli.install import Plan
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RUNTIME
from ansible_collections.airgap.conda.plugins.module_utils._contract.rings import Rings
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._pull.busy import busy
from ansible_collections.airgap.conda.plugins.module_utils._pull.failed import failed_ago, note_failed, note_ring
from ansible_collections.airgap.conda.plugins.module_utils._pull.policy import Policy, Wait, wait_for_gpu, wait_for_ring
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# Codes of errors that speak against the host, and not against the release.
HOST_FAULTS = ("changed-meanwhile", "locked", "release-in-use", "system-error")
# What makes another release current.
TAKES = ("install", "switch")


def hold_back(store: Store, planned: Plan, policy: Policy, now: datetime, again: bool = False) -> dict[str, Wait]:
    """Take out of a plan what has to wait; returns why, by environment. ``now`` is a local time.

    ``again`` takes a release that was current here before.
    """
    is_asked = policy.ring > 1 and bool(taken(planned))
    rings = planned.source.rings() if is_asked else Rings()
    waits: dict[str, Wait] = {}
    for step in planned.steps:
        wait = _wait(store, planned, step, policy, rings, now, again) if step.action in TAKES else None
        if wait:
            waits[step.env] = wait
    planned.steps = [step for step in planned.steps if step.env not in waits]
    return waits


def _wait(
    store: Store, planned: Plan, step: Step, policy: Policy, rings: Rings, now: datetime, again: bool
) -> Wait | None:
    manifest = planned.releases[step.env].manifest
    if not again and manifest.serial <= store.high_water(step.env):
        # Somebody went back from it. A timer must not undo that.
        return Wait("rolled-back", f"{step.env} {step.id} was current here before", "a newer release, or install")
    ago = failed_ago(store, step.env, step.id, now.timestamp())
    if ago is not None:
        reason = f"{step.env} {step.id} failed here {ago / 3600:.0f} h ago"
        return Wait("failed-here", reason, "a day, a newer release, or install")
    return wait_for_ring(policy, rings, step.env, step.id, manifest.created, now) or (
        wait_for_gpu(policy, step.env, lambda env: busy(store, env)) if step.env != RUNTIME else None
    )


def taken(planned: Plan) -> dict[str, str]:
    """Return the releases that a plan makes current, by environment."""
    return {step.env: step.id for step in planned.steps if step.action in TAKES}


def remember(
    store: Store, policy: Policy, tried: Mapping[str, str], failed: Mapping[str, AirgapError], now: datetime
) -> None:
    """Write down which of the releases that were ``tried`` did not work here, and the ring of this host.

    What was wrong with this host alone speaks for no release, and is tried again at the next turn.
    """
    for env, release in tried.items():
        speaks = env in failed and failed[env].code not in HOST_FAULTS
        note_failed(store, env, release if speaks else "", now.timestamp())
    if policy.ring:
        note_ring(store, policy.ring)


def lines(waits: dict[str, Wait]) -> list[str]:
    """Return for people what waits and until when."""
    return [f"{env}: waits: {wait.reason}; until {wait.until}" for env, wait in waits.items()]
