# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the current release of a host is whole and works."""

from __future__ import annotations

from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools, require_gpu
from ansible_collections.airgap.conda.plugins.module_utils._store.checks import require_checks
from ansible_collections.airgap.conda.plugins.module_utils._store.fsck import require_whole
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store


def verify(store: Store, env: str, tools: Tools | None = None) -> dict[str, Any]:
    """Compare the current release with its list of files, run its checks and look at the GPU that it wants.

    Raises AirgapError on a fault. ``gpu`` in the result is None for a release that wants none.
    """
    current = store.current(env)
    if not current:
        raise AirgapError(
            f"{env} is not deployed on this host",
            code="env-missing",
            wanted=f"a current release of {env}",
            found=f"environments {', '.join(store.envs()) or 'none'}",
            where=str(store.root),
            remedy="run airgap.conda.deploy for this host",
        )
    if store.unmounted(env, current):
        raise AirgapError(
            f"The image of {env} {current}, which is current, is not mounted",
            code="image-unmounted",
            wanted=f"{store.image(env, current)}, mounted at {store.release(env, current)}",
            found="no mount",
            where=str(store.root / env / "current"),
            remedy=f"run airgap.conda.repair with -e repair_env={env}; systemctl status of "
            f"{store.mountable(env, current).unit.name} says why it was not mounted at the last start",
        )
    if current not in store.releases(env):
        raise AirgapError(
            f"{env} {current} is current, but not on this host",
            code="release-missing",
            wanted=f"{store.release(env, current)} and its record in {store.state(env)}",
            found=f"releases {', '.join(store.releases(env)) or 'none'}",
            where=str(store.root / env / "current"),
            remedy=f"run airgap.conda.repair with -e repair_env={env}, deploy again, or roll back to one that is there",
        )
    require_whole(store, env, current)
    prefix, manifest = store.release(env, current), store.manifest(env, current)
    concerns = require_checks(prefix, manifest, "it is still current")
    report = require_gpu(prefix, manifest, "it is still current", tools)
    return {
        "env": env,
        "release": current,
        "installed": store.releases(env),
        "previous": store.previous(env),
        "gpu": report.as_result() if report else None,
        "warnings": [*concerns, *(report.warnings() if report else [])],
    }
