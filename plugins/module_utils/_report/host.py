# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one host is like: its environments, and what is not right there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1
OK, DEGRADED, UNKNOWN, BROKEN = "ok", "degraded", "unknown", "broken"
# From the best to the worst; where several meet, the worst counts.
ORDER = (OK, DEGRADED, UNKNOWN, BROKEN)
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Installed:
    """An environment of a host. ``values`` has by its name what each column of ``columns`` read from the answer."""

    env: str
    release: str = ""
    previous: str = ""
    installed: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trouble:
    """Something that is not right on a host; an empty ``env`` concerns the whole host."""

    env: str
    verdict: str
    problem: str
    wanted: str
    found: str
    where: str
    remedy: str


@dataclass(frozen=True)
class HostReport:
    """What one host answered at ``time`` (UTC)."""

    host: str
    time: str
    reachable: bool
    envs: tuple[Installed, ...] = ()
    findings: tuple[Trouble, ...] = ()

    def verdict(self, env: str | None = None) -> str:
        """Return the worst verdict on one environment; without ``env``, on the host with all that it has."""
        found = [finding.verdict for finding in self.findings if env in (None, finding.env)]
        return max(found, key=ORDER.index, default=OK)

    def to_json(self) -> str:
        """Return the text of its file; ``parse_host`` is the inverse."""
        return json.dumps({"schema": SCHEMA, **self.as_dict()}, indent=1) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; what an environment has in columns stands beside its name."""
        data = asdict(self)
        return {**data, "envs": [{**env, **env.pop("values")} for env in data["envs"]]}


def rows(host: HostReport) -> list[Installed]:
    """Return the environments of a host and those it should have.

    A nameless one comes first when a finding concerns the whole host, and it is the only one of a host without any.
    """
    known = {item.env: item for item in host.envs}
    for finding in host.findings:
        known.setdefault(finding.env, Installed(finding.env))
    return [known[env] for env in sorted(known)] or [Installed("")]


def findings_of(host: HostReport, env: str) -> list[Trouble]:
    """Return the findings on one environment; those on the whole host when ``env`` is empty."""
    return [finding for finding in host.findings if finding.env == env]
