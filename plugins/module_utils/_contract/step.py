# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host needs for one environment: preflight and repair say it, fetch and release do it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.handed import Checks, handed
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import is_env_name

ACTIONS = ("none", "install", "switch", "prune", "kernel")
_CHECKS: Checks = {
    "env": ("the name of an environment", is_env_name),
    "action": (f"one of {', '.join(ACTIONS)}", ACTIONS.__contains__),
}


@dataclass(frozen=True)
class Step:
    """What a host needs for one environment, one of ``ACTIONS``.

    ``id`` is the release that is current afterwards, ``current`` the one that is now; empty for none. An install gets
    the payload in ``format``, of which the parts ``missing`` are sent; a repair that wants the release's record only
    names no format. ``prune`` are the releases that are removed afterwards. ``kernels`` is the folder of Jupyter
    kernels, ``kernel`` the kernel.json that is there afterwards; empty for none.
    """

    env: str
    id: str
    action: str
    current: str
    format: str = ""
    missing: list[str] = field(default_factory=list)
    prune: list[str] = field(default_factory=list)
    kernels: str = ""
    kernel: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as a module returns it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: object, where: str) -> Step:
        """Make it from what ``to_dict`` gave; raises AirgapError, for all that is wrong, when it is not like that."""
        return handed(cls, data, "a step", where, _CHECKS)
