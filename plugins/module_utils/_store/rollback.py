# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Back to a release that is still on a host. It needs no depot and no network, and looks at no GPU."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases


@dataclass
class Back:
    """Where a rollback leads: to this release, with this kernel.json (empty for none); and what to warn of."""

    release: str
    kernel: str
    warnings: list[str] = field(default_factory=list)


def rollback(store: Releases, env: str, release: str, check_mode: bool) -> Back:
    """Switch to ``release``, or without one to that before the current.

    Raises AirgapError when it is not on the host. In check mode nothing is switched.
    """
    back = _back(store, env, release)
    if not check_mode and (back.release != store.current(env) or store.unfinished(env)):
        with store.lock(env):
            # Chosen again: a deploy may have ended since.
            back = _back(store, env, release)
            store.recover(env)
            store.switch(env, back.release)
            try:
                kernelspec.apply(store, env, kernelspec.recorded(store, env))
            except AirgapError as error:
                # No failure: the release is switched, and a second try would go back one more.
                back.warnings.append(str(error))
    return back


def _back(store: Releases, env: str, release: str) -> Back:
    target = release or store.previous(env)
    if not target or target not in store.releases(env):
        raise AirgapError(
            f"There is nothing to roll {env} back to",
            code="nothing-older",
            wanted=f"release {release} on this host" if release else "a release older than the current one",
            found=f"{', '.join(store.releases(env)) or 'no release'}, current is {store.current(env) or 'none'}",
            where=str(store.root / env),
            remedy="name a release that is installed, or deploy one, which also mounts what is not mounted",
        )
    kernel = ""
    with suppress(AirgapError):  # its manifest is damaged: no reason not to go back to it
        kernel = kernelspec.wanted(store, env, target, kernelspec.recorded(store, env))
    return Back(target, kernel)
