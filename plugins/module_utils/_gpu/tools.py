# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host is looked at with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Seconds for each probe. A framework of several GB takes 10 to 30 s to import from a cold disk.
DEADLINE = 60.0

PROBE_SPEC: dict[str, Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "deadline": {"type": "float", "default": DEADLINE},
        "nvidia_smi": {"type": "str", "default": "nvidia-smi"},
        "proc": {"type": "path", "default": "/proc"},
    },
}


@dataclass(frozen=True)
class Tools:
    """What the host is looked at with: seconds for each probe, the program nvidia-smi, where /proc is mounted."""

    deadline: float = DEADLINE
    nvidia_smi: str = "nvidia-smi"
    proc: Path = Path("/proc")

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Tools:
        """Make it from a module's parameters of ``PROBE_SPEC``."""
        return cls(params["deadline"], params["nvidia_smi"], Path(params["proc"]))
