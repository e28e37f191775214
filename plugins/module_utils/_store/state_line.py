# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the diff of a module shows an environment on a host."""

from __future__ import annotations

from ansible_collections.airgap.conda.plugins.module_utils._store import kernelspec
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases


def state_line(env: str, release: str, kernel: str) -> str:
    """Return the line of a diff that shows an environment: its current release and its kernel.json, empty for none."""
    return f"{env} {release or '-'}{', Jupyter kernel ' if kernel else ''}{kernel}\n"


def state_now(store: Releases, env: str) -> str:
    """Return that line for what there is."""
    return state_line(env, store.current(env), kernelspec.found(store, env))
