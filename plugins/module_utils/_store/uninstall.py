# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a release or a whole environment off a host, on purpose; prune is what a deploy does by itself."""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RELEASE_ID, RUNTIME, is_env_name
from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.in_use import in_use, unseen
from ansible_collections.airgap.conda.plugins.module_utils._store.store import Store

# How many processes a message names.
SHOWN = 5


def uninstall(
    store: Store, env: str, release: str = "", check_mode: bool = False, concerns: list[str] | None = None
) -> list[str]:
    """Remove one release of ``env`` that is not current, or without one the environment; returns the ids that go.

    Raises AirgapError when a process uses what should go, or when the release is current; not when nothing is there.
    In check mode nothing is removed. ``concerns`` gets why there may be a process that cannot be seen.
    """
    _require_names(store, env, release)
    going = _going(store, env, release)
    found = unseen(store.root) if going else ""
    if found and concerns is not None:
        concerns.append(f"A process may use what was removed of {env}: {found}")
    if not check_mode and (going or store.unfinished(env)):
        with store.lock(env):
            store.recover(env)
            going = _going(store, env, release)
            if release:
                for name in going:
                    store.remove(env, name)
            else:
                kernelspec.apply(store, env, "")
                store.remove_env(env)
    return going


def _require_names(store: Store, env: str, release: str) -> None:
    """Refuse what is no name, which could lead out of the store, and the runtime, which does the removing."""
    if not is_env_name(env) or (release and not RELEASE_ID.fullmatch(release)):
        raise AirgapError(
            "This is not the name of an environment and a release",
            code="name-invalid",
            wanted="an environment like demo, a release like 1-1c0ffee5 or none",
            found=f"{env!r}, {release!r}",
            where=str(store.root),
            remedy="correct the name",
        )
    if env == RUNTIME and not release:
        raise AirgapError(
            "The runtime is what removes environments, and cannot remove itself",
            code="runtime-kept",
            wanted="another environment, or an old release of runtime",
            found=env,
            where=str(store.root / env),
            remedy=f"to leave nothing behind, remove the other environments, then delete {store.root}",
        )


def _going(store: Store, env: str, release: str) -> list[str]:
    if release:
        store.require_removable(env, release)
    going = [name for name in store.held(env) if release in ("", name)]
    used = in_use(store.release(env, name) for name in going)
    if used:
        raise AirgapError(
            f"{env} is in use",
            code="release-in-use",
            wanted="no process that uses what should go",
            found="; ".join(f"{path.name} by {_processes(numbers)}" for path, numbers in sorted(used.items())),
            where=str(store.root / env),
            remedy="let their users leave it, or end them, then run again; ps -fp NUMBER shows who it is",
        )
    return going


def _processes(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in sorted(numbers)[:SHOWN])
    return f"process{'es' if len(numbers) > 1 else ''} {shown}{' and more' if len(numbers) > SHOWN else ''}"
