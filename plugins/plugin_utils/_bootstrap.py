# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's part of the first step on a host: what the look told, and what follows from it.

The shell of that step is in ``_first``, which a person at a host runs too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.manifest import RELEASE_ID, RUNTIME, serial_of
from ansible_collections.airgap.conda.plugins.module_utils._contract.release import Release
from ansible_collections.airgap.conda.plugins.module_utils._first.install import FORMATS_OF_SHELL
from ansible_collections.airgap.conda.plugins.module_utils._fit.facts import HostFacts, Owned
from ansible_collections.airgap.conda.plugins.module_utils._fit.rules import New, judge
from ansible_collections.airgap.conda.plugins.module_utils._fit.table import Table
from ansible_collections.airgap.conda.plugins.plugin_utils._contact import Heard

# Owner, group, mode in hex and path of a folder or link.
_ABOVE = re.compile(r"(\d+):(\d+):([0-9a-f]+):(.+)")
# Seconds that all of the look has: a mount whose server is gone never answers.
LOOK_LIMIT = 60


def parse_look(heard: Heard, root: str) -> dict[str, str]:
    """Turn what the look at a host with the store at ``root`` said into a dict.

    A current release that is no release's name is none: its name becomes the path of a Python. What the controller
    knows is not asked back.
    """
    seen = {**heard.first(), "root": root}
    return seen if RELEASE_ID.fullmatch(seen.get("current", "")) else {**seen, "current": "", "works": ""}


def python_of(root: str, release: str) -> str:
    """Return the path of the Python of a runtime on a host."""
    return f"{root}/{RUNTIME}/{release}/bin/python"


def require_runtime(seen: Mapping[str, str], host: str) -> dict[str, str]:
    """Return the release and the interpreter of the host's runtime; raises AirgapError where none works."""
    root, current = seen.get("root", ""), seen.get("current", "")
    if seen.get("works") != "yes":
        raise AirgapError(
            "This host has no runtime that works",
            code="runtime-broken",
            wanted="a host that a deploy has reached",
            found=f"runtime {current}, whose Python does not start" if current else "no runtime",
            where=f"{root}/{RUNTIME} on {host}",
            remedy="run airgap.conda.deploy for this host",
        )
    return {"release": current, "interpreter": python_of(root, current)}


def is_done(seen: Mapping[str, str], release: Release) -> bool:
    """Tell whether ``release`` is current on the host and its Python starts."""
    return seen.get("current") == release.id and seen.get("works") == "yes"


def check_host(seen: Mapping[str, str], release: Release, host: str, allow_downgrade: bool) -> list[str]:
    """Raise RefusedError when the runtime cannot run or be written on the host; return what to warn of.

    Nothing was sent yet.
    """
    table, payload = Table(), release.payload(FORMATS_OF_SHELL)
    new = New(release, installs=True, to_send=payload.size if payload else 0)
    judge(table, facts_of(seen, host), [new], allow_downgrade)
    table.require()
    return table.warnings()


def facts_of(seen: Mapping[str, str], host: str) -> HostFacts:
    """Return what the look told. What it tells of every host and did not of this one counts as the worst."""
    owned = (_ABOVE.fullmatch(value) for name, value in seen.items() if name.startswith("above_"))
    folders = {Owned(match[4], int(match[1]), int(match[2]), int(match[3], 16)) for match in owned if match}
    options = seen.get("mount", "")
    return HostFacts(
        name=host,
        root=seen.get("root", ""),
        folder=seen.get("folder", ""),
        high_water={RUNTIME: max(_number(seen, "high_water"), serial_of(seen.get("current", "")))},
        formats=FORMATS_OF_SHELL,
        machine=seen.get("machine") or "unknown",
        glibc=seen.get("glibc", "").removeprefix("glibc "),
        user=_number(seen, "user"),
        writable=seen.get("writable") == "yes",
        mount_options=frozenset(options.split(",")) if options else None,
        # The look goes upwards, and twice where there is a link.
        owned=tuple(sorted(folders, key=lambda folder: len(folder.path))),
        free_bytes=_number(seen, "free_kib") << 10,
    )


def _number(seen: Mapping[str, str], name: str) -> int:
    text = seen.get(name, "")
    return int(text) if text.isdecimal() and text.isascii() else 0
