# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of a deploy, a rollback and a verification on one host, in their order."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Mapping

from ansible_collections.airgap.conda.plugins.module_utils._checks import require_checks
from ansible_collections.airgap.conda.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._store import Store


@dataclass
class Done:
    """What a deploy did: ``seconds`` by step, and the releases it removed."""

    seconds: dict[str, float] = field(default_factory=dict)
    pruned: list[str] = field(default_factory=list)


def deploy(store: Store, step: Mapping[str, Any], manifest_sha256: str, keep: int) -> Done:
    """Install, check, switch and prune one environment as ``step`` of preflight says."""
    env, release, done = step["env"], step["id"], Done()
    if step["action"] == "none":
        return done
    with store.lock(env):
        store.recover(env)
        clock = time.monotonic()
        if step["action"] == "install" and release not in store.releases(env):
            store.install(env, release, manifest_sha256, step["format"])
            done.seconds["install"] = round(time.monotonic() - clock, 2)
        if step["action"] in ("install", "switch"):
            clock = time.monotonic()
            _check(store, env, release)
            done.seconds["checks"] = round(time.monotonic() - clock, 2)
            store.switch(env, release)
        done.pruned = store.prunable(env, keep)
        for name in done.pruned:
            store.remove(env, name)
    return done


def _check(store: Store, env: str, release: str) -> None:
    """Check a release that is not current yet; one that fails is removed."""
    current = store.current(env)
    consequence = f"{current} stays current" if current else "no release became current"
    try:
        require_checks(store.release(env, release), store.manifest(env, release), consequence)
    except AirgapError:
        store.remove(env, release)
        raise


def rollback_target(store: Store, env: str, release: str) -> str:
    """Return the release to roll back to; raises AirgapError when it is not on the host."""
    target = release or store.previous(env)
    if not target or target not in store.releases(env):
        raise AirgapError(
            f"There is nothing to roll {env} back to",
            wanted=f"release {release} on this host" if release else "a release older than the current one",
            found=f"{', '.join(store.releases(env)) or 'no release'}, current is {store.current(env) or 'none'}",
            where=str(store.root / env),
            remedy="name a release that is installed, or deploy one",
        )
    return target


def verify(store: Store, env: str) -> dict[str, Any]:
    """Compare the current release with its list of files and run its checks; raises AirgapError on a fault."""
    current = store.current(env)
    if not current:
        raise AirgapError(
            f"{env} is not deployed on this host",
            wanted=f"a current release of {env}",
            found=f"environments {', '.join(store.envs()) or 'none'}",
            where=str(store.root),
            remedy="run playbooks/deploy.yml for this host",
        )
    differences = store.differences(env, current)
    if differences:
        first = differences[0]
        raise AirgapError(
            f"{env} {current} is not as it was signed: {len(differences)} paths differ",
            wanted=first.wanted,
            found=first.found,
            where=str(store.release(env, current) / first.path),
            remedy="roll back to another release, or build and deploy a new one; then look for who changed it",
        )
    require_checks(store.release(env, current), store.manifest(env, current), "it is still current")
    return {"env": env, "release": current, "installed": store.releases(env), "previous": store.previous(env)}
