# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The releases of a host, with the scripts that shells source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases


@dataclass(frozen=True)
class Activated(Releases):
    """The tree below ``root``, in which another release can become current."""

    def scripts(self, env: str) -> Mapping[str, str]:
        """Return name -> text of the files next to ``current`` that shells source."""
        from ansible_collections.airgap.conda.plugins.module_utils._activation.files import activate_files

        return activate_files(env, self.root / env)
