# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one host is like: its environments, and what is not right there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import (
    BROKEN,
    DEGRADED,
    OK,
    UNKNOWN,
    Finding,
    worst,
)

SCHEMA = 1
# The verdicts that a host, or an environment of it, can have, from the best to the worst.
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
class HostReport:
    """What one host answered at ``time`` (UTC); the subject of a finding is an environment, or the whole host."""

    host: str
    time: str
    reachable: bool
    envs: tuple[Installed, ...] = ()
    findings: tuple[Finding, ...] = ()

    def verdict(self, env: str | None = None) -> str:
        """Return the worst verdict on one environment; without ``env``, on the host with all that it has."""
        found = [finding.verdict for finding in self.findings if env in (None, finding.subject)]
        return worst(found)

    def to_json(self) -> str:
        """Return the text of its file; ``parse_host`` is the inverse."""
        return json.dumps({"schema": SCHEMA, **self.as_dict()}, indent=1) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; what an environment has in columns is next to its name."""
        data = asdict(self)
        # The values are taken out before the rest is: they would be there twice.
        return {**data, "envs": [{**env, **values} for env in data["envs"] for values in [env.pop("values")]]}


def rows(host: HostReport) -> list[Installed]:
    """Return the environments of a host and those it should have.

    A nameless one comes first when a finding concerns the whole host, and it is the only one of a host without any.
    """
    known = {item.env: item for item in host.envs}
    for finding in host.findings:
        known.setdefault(finding.subject, Installed(finding.subject))
    return [known[env] for env in sorted(known)] or [Installed("")]


def findings_of(host: HostReport, env: str) -> list[Finding]:
    """Return the findings on one environment; those on the whole host when ``env`` is empty."""
    return [finding for finding in host.findings if finding.subject == env]
