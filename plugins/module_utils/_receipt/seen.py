# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this host is like, for its receipt. Reads only; nothing is run."""

from __future__ import annotations

import hashlib
import platform
import re
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.answer import LINE, MESSAGE, clean
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import serial_of
from ansible_collections.airgap.conda.plugins.module_utils._contract.receipt import GPUS, EnvSeen, HostSeen, host_name
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import cpu_level
from ansible_collections.airgap.conda.plugins.module_utils._gpu.driver import models
from ansible_collections.airgap.conda.plugins.module_utils._gpu.look import Tools
from ansible_collections.airgap.conda.plugins.module_utils._preflight.gather import gather
from ansible_collections.airgap.conda.plugins.module_utils._pull.failed import last_failed
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases

MACHINE_ID, OS_RELEASE = Path("/etc/machine-id"), Path("/etc/os-release")
# Releases of one environment that a receipt has room for.
_RELEASES = 200


def host_seen(store: Releases, tools: Tools) -> HostSeen:
    """Look at this host as a release would see it."""
    facts = gather(store, (), (), tools)
    machine_id = _read(MACHINE_ID).strip()
    system = re.search(r"^PRETTY_NAME=[\"']?(.*?)[\"']?$", _read(OS_RELEASE), re.MULTILINE)
    return HostSeen(
        name=host_name(platform.node()),
        machine_id_sha256=hashlib.sha256(machine_id.encode()).hexdigest() if machine_id else "",
        os=plain_text(system[1] if system else "", LINE),
        kernel=plain_text(facts.kernel or "", LINE),
        machine=plain_text(facts.machine or "", LINE),
        glibc=plain_text(facts.glibc or "", LINE),
        cpu=cpu_level(facts.cpu_flags or frozenset()),
        driver=facts.driver or "",
        gpus=tuple(plain_text(model, LINE) for model in models(tools.proc)[:GPUS]),
        free_bytes=facts.free_bytes or 0,
    )


def env_seen(store: Releases, env: str) -> EnvSeen:
    """Look at one environment of this host."""
    current, proved = (name if serial_of(name) else "" for name in (store.current(env), store.proved(env)))
    installed = tuple(store.releases(env)[-_RELEASES:])
    return EnvSeen(current, installed, proved, last_failed(store, env), store.high_water(env))


def plain_text(text: str, limit: int = MESSAGE) -> str:
    """Return a text on one line as readers of receipts take it; twice, for where the first cut left two spaces."""
    return clean(clean(text, limit), limit)


def _read(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(64 << 10)
    except OSError:
        return ""
