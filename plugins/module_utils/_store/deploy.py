# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of a deploy on one host, in their order."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of
from ansible_collections.airgap.conda.plugins.module_utils._contract.step import Step
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools, require_gpu
from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.checks import require_checks, require_start
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store


@dataclass
class Done:
    """What a deploy did: ``seconds`` by step, the releases it removed, and what to warn of."""

    seconds: dict[str, float] = field(default_factory=dict)
    pruned: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def deploy(
    store: Store,
    step: Step,
    manifest_sha256: str,
    keep: int,
    tools: Tools | None = None,
    signature_sha256: str = "",
) -> Done:
    """Install, check, switch and prune one environment as ``step`` of preflight says.

    ``tools`` is what the GPU is looked at with, for releases that want one.
    """
    env, release, done = step.env, step.id, Done()
    if step.action == "none":
        return done
    with store.lock(env):
        _require_unchanged(store, step)
        # A run was cut off after the switch, before all checks had passed: it is done again from there.
        cut_off = release in store.releases(env) and store.current(env) == release != store.proved(env)
        if cut_off:
            store.undo_switch(env)
        if step.action != "install" and store.unmounted(env, release):
            store.remount(env, release)  # the recovery would not say why it cannot
        store.recover(env)
        if step.action == "install" and release not in store.releases(env):
            clock = time.monotonic()
            store.install(env, release, manifest_sha256, step.format, signature_sha256)
            done.seconds["install"] = round(time.monotonic() - clock, 2)
        if cut_off or step.action in ("install", "switch"):
            clock = time.monotonic()
            done.warnings = _check(store, env, release, "install" in done.seconds, tools)
            store.switch(env, release, partial(_check_start, store, env, release, store.current(env)))
            done.seconds["checks"] = round(time.monotonic() - clock, 2)
            store.clear_incoming(env, release)
        kernelspec.apply(store, env, step.kernels)
        for name in to_prune(store, step, keep, done.warnings):
            if store.remove_unused(env, name, done.warnings):
                done.pruned.append(name)
    return done


def to_prune(store: Store, step: Step, keep: int, concerns: list[str] | None = None) -> list[str]:
    """Return the releases that a step removes, also before it is done; ``concerns`` gets why it removes none."""
    prunes = step.action in ("install", "switch", "prune")
    return store.prunable(step.env, keep, step.id, concerns) if prunes else []


def _require_unchanged(store: Store, step: Step) -> None:
    """Raise AirgapError when another run switched since preflight looked: its release may be newer than this one."""
    current = store.current(step.env)
    if current not in (step.current, step.id):
        raise AirgapError(
            f"Another run has changed {step.env} meanwhile",
            code="changed-meanwhile",
            wanted=f"{step.current or 'no release'} as current, as preflight found it",
            found=current or "no release",
            where=str(store.root / step.env / "current"),
            remedy="run again",
        )


def _check(store: Store, env: str, release: str, is_new: bool, tools: Tools | None) -> list[str]:
    """Check a release that is not current yet; one that fails and was never current is removed.

    Returns what to warn of: of the checks, and of the GPU that passed.
    """
    current = store.current(env)
    consequence = f"{current} stays current" if current else "no release became current"
    try:
        prefix, manifest = store.release(env, release), store.manifest(env, release)
        concerns = require_checks(prefix, manifest, consequence)
        report = require_gpu(prefix, manifest, consequence, tools)
    except AirgapError:
        if is_new or serial_of(release) > store.high_water(env):
            store.remove_unused(env, release, [])
        raise
    return [*concerns, *(report.warnings() if report else [])]


def _check_start(store: Store, env: str, release: str, before: str) -> None:
    """Start a release that has become current, as its users do; the switch is undone when this raises.

    It is not removed then: somebody may have started it.
    """
    consequence = f"{before} is current again" if before in store.releases(env) else "no release is current"
    activate = store.root / env / "activate"
    require_start(store.release(env, release), store.manifest(env, release), consequence, activate)
